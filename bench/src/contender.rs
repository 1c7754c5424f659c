//! The traits of contenders.

/// A message to send.
#[derive(Clone)]
pub enum Payload {
    Text(String),
    Binary(Vec<u8>),
}

/// A connection with one of the contenders. It may panic on any failure, since there is no result then.
pub trait Contender: Sized {
    /// Connects.
    async fn connect(url: &str) -> Self;

    /// Receives `count` messages, and returns the sum of their bytes.
    async fn receive(&mut self, count: u32) -> usize;

    /// Sends a message `count` times, without waiting for answers.
    async fn send(&mut self, payload: &Payload, count: u32);

    /// Sends a message `count` times, and waits for each answer.
    async fn echo(&mut self, payload: &Payload, count: u32);
}

/// A contender whose messages are awaited one by one.
pub trait AsyncContender: Sized {
    /// Connects.
    async fn connect(url: &str) -> Self;

    /// Receives a message, and returns the number of its bytes.
    async fn receive(&mut self) -> usize;

    /// Sends a message.
    async fn send(&mut self, payload: &Payload);
}

impl<T: AsyncContender> Contender for T {
    async fn connect(url: &str) -> Self {
        <T as AsyncContender>::connect(url).await
    }

    async fn receive(&mut self, count: u32) -> usize {
        let mut bytes = 0;
        for _ in 0..count {
            bytes += AsyncContender::receive(self).await;
        }
        bytes
    }

    async fn send(&mut self, payload: &Payload, count: u32) {
        for _ in 0..count {
            AsyncContender::send(self, payload).await;
        }
    }

    async fn echo(&mut self, payload: &Payload, count: u32) {
        for _ in 0..count {
            AsyncContender::send(self, payload).await;
            AsyncContender::receive(self).await;
        }
    }
}

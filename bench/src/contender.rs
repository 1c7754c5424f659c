//! What each contender must be able to do.

/// A message to send.
#[derive(Clone)]
pub enum Payload {
    Text(String),
    Binary(Vec<u8>),
}

/// A connection by means of one of the contenders. It may panic on any failure: then there is no result.
pub trait Contender: Sized {
    /// Connects.
    async fn connect(url: &str) -> Self;

    /// Receives so many messages, and gives the bytes that they have together.
    async fn receive(&mut self, count: u32) -> usize;

    /// Sends a message so many times, without waiting for answers.
    async fn send(&mut self, payload: &Payload, count: u32);

    /// Sends a message so many times, each time waiting for the answer.
    async fn echo(&mut self, payload: &Payload, count: u32);
}

/// A contender that is awaited message by message.
pub trait AsyncContender: Sized {
    /// Connects.
    async fn connect(url: &str) -> Self;

    /// Receives a message, and gives the bytes that it has.
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

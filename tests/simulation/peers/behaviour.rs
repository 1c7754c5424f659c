//! What a peer does with a connection, like `tests/server/src/behaviour.rs` and `fault.rs`.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::mpsc::UnboundedReceiver;
use futures_channel::oneshot;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use wasm_websocket::Message;
use wasm_websocket::testing::{Page, Peer};

use super::count::Counted;
use crate::suite::guard::Digest;

/// The number of bytes that the socket of a flood accepts before the flood has to wait.
const SOCKET: u64 = 64 << 10;

/// An accepted connection.
pub struct Connection {
    page: Page,
    peer: Peer,
    counted: Counted,
}

impl Connection {
    pub fn new(page: Page, peer: Peer, counted: Counted) -> Self {
        Self { page, peer, counted }
    }

    /// Returns the next message; `None` after the last.
    pub async fn receive(&mut self) -> Option<Message> {
        let message = self.peer.receive().await;
        if message.is_some() {
            self.counted.received();
        } else if let Some((code, _)) = self.peer.closed_with() {
            self.counted.closed(code);
        }
        message
    }

    pub fn send(&mut self, message: impl Into<Message>) {
        self.peer.send(message);
    }

    /// Echoes messages.
    pub async fn echo(&mut self) {
        while let Some(message) = self.receive().await {
            self.send(message);
        }
    }

    /// Sends a greeting, then echoes.
    pub async fn greet(&mut self, greeting: String) {
        self.send(greeting);
        self.echo().await;
    }

    pub async fn greet_and_close(mut self, greeting: String) {
        self.send(greeting);
        self.close(1000, "").await;
    }

    /// Closes at once. A `code` of 1005 means a Close frame without a code.
    pub async fn close(mut self, code: u16, reason: &str) {
        if code == 1005 {
            self.peer.close();
        } else {
            self.peer.close_with(code, reason);
        }
        // The closing handshake is complete only with the client's answer.
        while self.peer.receive().await.is_some() {}
    }

    /// Sends a ping after the first message, and the text `pong` when the client has answered it.
    pub async fn ping(&mut self) {
        self.receive().await;
        if self.peer.ping().await {
            self.send("pong");
        }
        self.echo().await;
    }

    /// Reads nothing for a time, then acts as a sink.
    pub async fn late(&mut self, time: Duration) {
        self.page.sleep(time).await;
        self.sink().await;
    }

    /// Reads nothing, and closes a time after the first message.
    pub async fn quit(mut self, time: Duration) {
        self.peer.readable().await;
        self.page.sleep(time).await;
        self.close(4000, "enough").await;
    }

    /// Never reads and never answers. Resets the connection a time after the first message.
    pub async fn stall(mut self, time: Duration) {
        self.peer.readable().await;
        self.page.sleep(time).await;
        self.peer.reset();
    }

    /// Ends TCP cleanly after the first message, but without a Close frame.
    pub async fn fin(mut self) {
        self.peer.readable().await;
    }

    pub async fn reset(mut self) {
        self.peer.readable().await;
        self.peer.reset();
    }

    /// Sends `count` binary messages of `size` bytes as fast as the socket accepts them, and closes. Each begins with its number.
    pub async fn flood(mut self, count: u32, size: usize, sent: Rc<Cell<u64>>) {
        for number in 0..count {
            while self.peer.unsent() > SOCKET && !self.peer.is_ended() {
                self.page.sleep(Duration::from_millis(1)).await;
            }
            let mut bytes = vec![0; size];
            bytes.iter_mut().zip(number.to_le_bytes()).for_each(|(byte, digit)| *byte = digit);
            self.send(bytes);
            sent.set(sent.get() + size as u64);
        }
        self.close(1000, "").await;
    }

    /// Consumes messages. Does not count the text `report`, but answers it with a report of the messages before it.
    pub async fn sink(&mut self) {
        let (mut digest, mut count, mut bytes) = (Digest::default(), 0, 0);
        while let Some(message) = self.receive().await {
            if message.as_text() == Some("report") {
                let sha256 = digest.to_string();
                self.send(format!(r#"{{"count":{count},"bytes":{bytes},"sha256":"{sha256}"}}"#));
            } else {
                count += 1;
                bytes += message.len();
                digest.update(message.as_text().map(str::as_bytes).or(message.as_bytes()).unwrap_or_default());
            }
        }
    }

    /// Sends a count now and whenever it changes.
    pub async fn send_counts(&mut self, mut counts: UnboundedReceiver<String>) {
        loop {
            let count = match select(pin!(self.peer.receive()), counts.next()).await {
                Either::Left(_) => return,
                Either::Right((count, _)) => count,
            };
            self.send(count.unwrap_or_default());
        }
    }

    /// Sends bytes after the first message, and reads until the client is gone.
    pub async fn send_raw(mut self, bytes: &[u8]) {
        self.peer.readable().await;
        self.peer.send_raw(bytes);
        self.peer.drain().await;
    }

    pub async fn cut_when_readable(mut self) {
        self.peer.readable().await;
        self.cut();
    }

    /// Sends the beginning of a frame, and ends TCP.
    pub fn cut(mut self) {
        self.peer.send_raw(b"\x81\x7e\x03\xe8It was a dark and stor");
    }

    /// Reads, and never answers. Resets the connection after `time`.
    pub async fn half_open(mut self, time: Duration) {
        let sleep = self.page.sleep(time);
        let _ = select(pin!(self.peer.drain()), sleep).await;
        self.peer.reset();
    }

    /// Echoes until messages with this number of bytes have arrived, then resets the connection. Does not echo the last message.
    pub async fn reset_after(mut self, bytes: u64) {
        let mut received = 0;
        while received < bytes {
            let Some(message) = self.receive().await else { return };
            received += message.len();
            if received < bytes {
                self.send(message);
            }
        }
        self.peer.reset();
    }

    /// Echoes, and resets the connection when its key is announced.
    pub async fn reset_by(mut self, announced: oneshot::Receiver<()>) {
        let is_announced = matches!(select(announced, pin!(self.echo())).await, Either::Left(_));
        if is_announced {
            self.peer.reset();
        }
    }

    /// Reads nothing, and resets the connection when its key is announced.
    pub async fn stall_by(self, announced: oneshot::Receiver<()>) {
        let _ = announced.await;
        self.peer.reset();
    }
}

//! Sends as fast as the client reads, and reports how long it had to wait.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::behaviour;
use crate::records::{Records, lock};
use crate::upgrade::WebSocket;

/// The maximum number of messages in a flood, of bytes in each message, and of bytes in all messages.
pub const MAX_FLOOD: (u32, usize, usize) = (1_000_000, 16 << 20, 1 << 30);

/// The time between two reports.
const INTERVAL: Duration = Duration::from_millis(100);

static FLOODS: Records<Sent> = Records::new();

/// What a flood has sent so far.
#[derive(Clone, Copy, Default)]
struct Sent {
    /// The number of messages that the socket accepted.
    messages: usize,
    /// The number of bytes in all of them.
    bytes: usize,
    /// How long sending took, which is how long the buffers of the sockets were full.
    waited: Duration,
    /// When the message that is being sent began to wait.
    waiting_since: Option<Instant>,
}

impl Sent {
    /// Returns how long sending has waited until now.
    fn waited(&self) -> Duration {
        self.waited + self.waiting_since.map(|since| since.elapsed()).unwrap_or_default()
    }
}

/// Sends `count` binary messages of `size` bytes as fast as the client takes them, and closes.
///
/// Each message begins with its number, little-endian, as far as it fits. With a key, [`report`] tells how far the flood is.
pub async fn flood(mut socket: WebSocket, count: u32, size: usize, key: Option<String>) {
    if send_all(&mut socket, count, size, key).await.is_some() {
        behaviour::close(socket, 1000, String::new()).await;
    }
}

/// Sends like [`flood`], and lets the client close: over streams, Chromium drops unread messages when the server closes.
pub async fn feed(mut socket: WebSocket, count: u32, size: usize, key: String) {
    if send_all(&mut socket, count, size, Some(key)).await.is_some() && socket.flush().await.is_ok() {
        while behaviour::receive(&mut socket).await.is_some() {}
    }
}

/// Sends all messages. Returns `None` if the client leaves before the end.
async fn send_all(socket: &mut WebSocket, count: u32, size: usize, key: Option<String>) -> Option<()> {
    let sent: Arc<Mutex<Sent>> = key.map(|key| FLOODS.find_or_begin(&key)).unwrap_or_default();
    for number in 0..count {
        let mut bytes = vec![0; size];
        for (byte, digit) in bytes.iter_mut().zip(number.to_le_bytes()) {
            *byte = digit;
        }
        lock(&sent).waiting_since = Some(Instant::now());
        let taken = socket.feed(Message::binary(bytes)).await;
        let sent = &mut *lock(&sent);
        sent.waited = sent.waited();
        sent.waiting_since = None;
        taken.ok()?;
        sent.messages += 1;
        sent.bytes += size;
    }
    Some(())
}

/// Reports what the flood with this key has sent so far, at once and then regularly, until the client closes.
pub async fn report(mut socket: WebSocket, key: String) {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let sent = FLOODS.find(&key).map(|sent| *lock(&sent)).unwrap_or_default();
                let waited = sent.waited().as_millis() as u64;
                let report = json!({ "messages": sent.messages, "bytes": sent.bytes, "waited_ms": waited });
                if socket.send(Message::text(report.to_string())).await.is_err() {
                    return;
                }
            }
            message = behaviour::receive(&mut socket) => if message.is_none() { return },
        }
    }
}

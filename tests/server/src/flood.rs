//! Sends as fast as the client takes it, and says how long that had to wait.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::behaviour;
use crate::records::{Records, lock};
use crate::upgrade::WebSocket;

/// The most messages that a flood may have, the most bytes that each may have, and that all may have together.
pub const MAX_FLOOD: (u32, usize, usize) = (1_000_000, 16 << 20, 1 << 30);

static FLOODS: Records<Sent> = Records::new();

/// What a flood has sent so far.
#[derive(Clone, Copy, Default)]
struct Sent {
    /// Messages that the sockets took.
    messages: usize,
    /// Bytes in all of them.
    bytes: usize,
    /// How long sending took, which is how long the sockets were full.
    waited: Duration,
}

/// Sends `count` binary messages of `size` bytes as fast as the client takes them, and closes.
///
/// Each begins with its number, little-endian, as far as it has room for it. With a key, [`report`] tells how far it is.
pub async fn flood(mut socket: WebSocket, count: u32, size: usize, key: Option<String>) {
    let sent: Arc<Mutex<Sent>> = key.map(|key| FLOODS.find_or_begin(&key)).unwrap_or_default();
    for number in 0..count {
        let mut bytes = vec![0; size];
        for (byte, digit) in bytes.iter_mut().zip(number.to_le_bytes()) {
            *byte = digit;
        }
        let begin = Instant::now();
        if socket.feed(Message::binary(bytes)).await.is_err() {
            return;
        }
        let sent = &mut *lock(&sent);
        sent.messages += 1;
        sent.bytes += size;
        sent.waited += begin.elapsed();
    }
    behaviour::close(socket, 1000, String::new()).await;
}

/// Tells what the flood of this key has sent so far, and closes.
pub async fn report(mut socket: WebSocket, key: String) {
    let Sent { messages, bytes, waited } = FLOODS.find(&key).map(|sent| *lock(&sent)).unwrap_or_default();
    let report = json!({ "messages": messages, "bytes": bytes, "waited_ms": waited.as_millis() as u64 });
    let _ = socket.send(Message::text(report.to_string())).await;
    behaviour::close(socket, 1000, String::new()).await;
}

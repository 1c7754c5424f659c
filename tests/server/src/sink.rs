//! Consumes messages, and reports what they were.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::SinkExt;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_tungstenite::tungstenite::Message;

use crate::behaviour::{pause, receive};
use crate::records::{Records, lock};
use crate::routes::MAX_TIME;
use crate::upgrade::WebSocket;

/// Consumes messages. The text `report` is not counted, but answered with a [`Report`] of the messages before it.
pub async fn sink(socket: WebSocket) {
    consume(socket, Arc::default(), None).await;
}

/// Consumes at most `rate` bytes per second. A `report` covers all connections with the same key.
pub async fn paced_sink(socket: WebSocket, rate: NonZeroU32, key: String) {
    static SINKS: Records<Consumed> = Records::new();
    consume(socket, SINKS.find_or_begin(&key), Some(rate)).await;
}

async fn consume(mut socket: WebSocket, consumed: Arc<Mutex<Consumed>>, rate: Option<NonZeroU32>) {
    while let Some(message) = receive(&mut socket).await {
        if message == Message::text("report") {
            let report = lock(&consumed).report().to_json();
            if socket.send(Message::text(report)).await.is_err() {
                return;
            }
            continue;
        }
        let bytes = message.len();
        lock(&consumed).add(message);
        if let Some(rate) = rate {
            let time = Duration::from_secs_f64(bytes as f64 / f64::from(rate.get()));
            pause(socket.get_ref(), time.min(MAX_TIME)).await;
        }
    }
}

/// The messages that were consumed.
#[derive(Default)]
struct Consumed {
    hash: Sha256,
    count: usize,
    bytes: usize,
}

impl Consumed {
    fn add(&mut self, message: Message) {
        self.count += 1;
        self.bytes += message.len();
        self.hash.update(message.into_data());
    }

    fn report(&self) -> Report {
        let sha256 = self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Report { count: self.count, bytes: self.bytes, sha256 }
    }
}

/// What a sink consumed.
#[derive(Serialize)]
struct Report {
    /// The number of messages.
    count: usize,
    /// The number of bytes in all of them.
    bytes: usize,
    /// SHA-256 of all their bytes, one message after the other, in hexadecimal.
    sha256: String,
}

impl Report {
    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and a string are JSON")
    }
}

//! A page for tests that hide it, freeze it, or leave it and come back: it uploads, listens and reconnects, and records events with
//! their times.

use std::time::Duration;

use futures_util::StreamExt;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::spawn_local;
use wasm_websocket::reconnect::{Heartbeat, ReconnectingSender};
use wasm_websocket::{CloseEvent, Error, Message, ReconnectOptions, Reconnecting, WebSocketStream};

#[wasm_bindgen]
extern "C" {
    /// Records an event with the current time. The function is in `index.html`.
    fn record(kind: &str, what: &str);
}

/// Uploads `count` messages of `len` bytes. Each begins with its number, little-endian.
#[wasm_bindgen]
pub fn upload(url: String, count: u32, len: usize) {
    spawn_local(async move { record("upload ended", &format!("{:?}", try_upload(&url, count, len).await)) });
}

async fn try_upload(url: &str, count: u32, len: usize) -> Result<(), Error> {
    let mut stream = WebSocketStream::connect(url).await?;
    let mut message = vec![0; len];
    for number in 0..count {
        message[..4].copy_from_slice(&number.to_le_bytes());
        stream.send(&message).await?;
        record("uploaded", &number.to_string());
    }
    stream.flush().await
}

/// Receives texts until the connection ends, and sends each over `channel`.
#[wasm_bindgen]
pub fn listen(url: String, channel: &Channel) {
    let sender = channel.0.clone();
    spawn_local(async move { record("listening ended", &format!("{:?}", try_listen(&url, sender).await)) });
}

async fn try_listen(url: &str, sender: ReconnectingSender) -> Result<CloseEvent, Error> {
    let mut stream = WebSocketStream::connect(url).await?;
    let closed = stream.closed();
    while let Some(Ok(Message::Text(text))) = stream.next().await {
        record("received", &text);
        if let Err(unsent) = sender.try_send(text) {
            record("refused", &unsent.error.to_string());
        }
    }
    closed.await
}

/// A connection that comes back.
#[wasm_bindgen]
pub struct Channel(ReconnectingSender);

#[wasm_bindgen]
impl Channel {
    /// Connects to a server that echoes. The states are recorded under `name`.
    #[wasm_bindgen(constructor)]
    pub fn new(name: String, url: String) -> Self {
        // Pings are about as frequent as timers in a hidden page.
        let heartbeat = Heartbeat::new("ping", |message| message.as_text() == Some("ping"));
        let heartbeat = heartbeat.interval(Duration::from_secs(1)).timeout(HEARTBEAT_TIMEOUT);
        let options = ReconnectOptions::new().heartbeat(heartbeat);
        let mut channel = Reconnecting::new(options, move || {
            let url = url.clone();
            async { Ok(url) }
        });
        let (sender, mut states) = (channel.sender(), channel.states());
        spawn_local(async move {
            while let Some(state) = states.next().await {
                record(&name, &format!("{state:?}"));
            }
        });
        spawn_local(async move {
            while let Some(message) = channel.next().await {
                if let Ok(Message::Text(text)) = message {
                    record("echoed", &text);
                }
            }
        });
        Self(sender)
    }

    /// Sends a text, or queues it.
    pub fn send(&self, text: String) {
        if let Err(unsent) = self.0.try_send(text) {
            record("refused", &unsent.error.to_string());
        }
    }

    /// Closes the connection until it is resumed.
    pub fn pause(&self) {
        self.0.pause();
    }

    /// Connects again.
    pub fn resume(&self) {
        self.0.resume();
    }

    /// The number of messages in doubt: it is unknown whether the server received them.
    #[wasm_bindgen(getter)]
    pub fn in_doubt(&self) -> f64 {
        self.0.counts().in_doubt as f64
    }
}

/// Long enough for a busy machine, and shorter than the tests freeze the page.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(4);

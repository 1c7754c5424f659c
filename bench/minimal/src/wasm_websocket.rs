//! This crate.

use futures_util::TryStreamExt;
use wasm_websocket::{Message, WebSocketStream};

/// Sends a text and gives the answer.
pub async fn ask(url: &str, text: &str) -> Option<String> {
    let mut stream = WebSocketStream::connect(url).await.ok()?;
    stream.send(text).await.ok()?;
    match stream.try_next().await.ok()?? {
        Message::Text(answer) => Some(answer),
        _ => None,
    }
}

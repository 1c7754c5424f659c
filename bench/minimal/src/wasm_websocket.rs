//! This crate.

use futures_util::TryStreamExt;
use wasm_websocket::{Message, WebSocketStream};

use crate::{Failure, failure};

/// Sends a text and gives the answer.
pub async fn ask(url: &str, text: &str) -> Result<Option<String>, Failure> {
    let mut stream = WebSocketStream::connect(url).await.map_err(failure)?;
    stream.send(text).await.map_err(failure)?;
    match stream.try_next().await.map_err(failure)? {
        Some(Message::Text(answer)) => Ok(Some(answer)),
        _ => Ok(None),
    }
}

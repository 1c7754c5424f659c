//! This crate.

use futures_util::TryStreamExt;
#[cfg(not(feature = "streams"))]
use wasm_websocket::WebSocketStream;
use wasm_websocket::{Connecting, Message};

use crate::{Failure, failure};

#[cfg(not(feature = "streams"))]
fn connect(url: &str) -> Connecting {
    WebSocketStream::connect(url)
}

/// Connects over streams, where the browser has them.
#[cfg(feature = "streams")]
fn connect(url: &str) -> Connecting {
    wasm_websocket::Options::new().transport(wasm_websocket::Transport::Best).connect(url)
}

/// Sends a text and returns the answer.
pub async fn ask(url: &str, text: &str) -> Result<Option<String>, Failure> {
    let mut stream = connect(url).await.map_err(failure)?;
    stream.send(text).await.map_err(failure)?;
    match stream.try_next().await.map_err(failure)? {
        Some(Message::Text(answer)) => Ok(Some(answer)),
        _ => Ok(None),
    }
}

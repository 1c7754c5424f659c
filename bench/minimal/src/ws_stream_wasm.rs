//! ws_stream_wasm.

use futures_util::{SinkExt, StreamExt};
use ws_stream_wasm::{WsMessage, WsMeta};

use crate::{Failure, failure};

/// Sends a text and returns the answer.
pub async fn ask(url: &str, text: &str) -> Result<Option<String>, Failure> {
    let (_meta, mut socket) = WsMeta::connect(url, None).await.map_err(failure)?;
    socket.send(WsMessage::Text(text.into())).await.map_err(failure)?;
    match socket.next().await {
        Some(WsMessage::Text(answer)) => Ok(Some(answer)),
        _ => Ok(None),
    }
}

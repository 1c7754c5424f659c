//! ws_stream_wasm.

use futures_util::{SinkExt, StreamExt};
use ws_stream_wasm::{WsMessage, WsMeta};

/// Sends a text and gives the answer.
pub async fn ask(url: &str, text: &str) -> Option<String> {
    let (_meta, mut socket) = WsMeta::connect(url, None).await.ok()?;
    socket.send(WsMessage::Text(text.into())).await.ok()?;
    match socket.next().await? {
        WsMessage::Text(answer) => Some(answer),
        WsMessage::Binary(_) => None,
    }
}

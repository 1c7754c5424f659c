//! websocket-web.

use futures_util::{SinkExt, TryStreamExt};
use websocket_web::{Msg, WebSocket};

/// Sends a text and gives the answer.
pub async fn ask(url: &str, text: &str) -> Option<String> {
    let mut socket = WebSocket::connect(url).await.ok()?;
    socket.send(text).await.ok()?;
    match socket.try_next().await.ok()?? {
        Msg::Text(answer) => Some(answer),
        Msg::Binary(_) => None,
    }
}

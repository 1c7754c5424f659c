//! websocket-web.

use futures_util::{SinkExt, TryStreamExt};
use websocket_web::{Msg, WebSocket};

use crate::{Failure, failure};

/// Sends a text and returns the answer.
pub async fn ask(url: &str, text: &str) -> Result<Option<String>, Failure> {
    let mut socket = WebSocket::connect(url).await.map_err(failure)?;
    socket.send(text).await.map_err(failure)?;
    match socket.try_next().await.map_err(failure)? {
        Some(Msg::Text(answer)) => Ok(Some(answer)),
        _ => Ok(None),
    }
}

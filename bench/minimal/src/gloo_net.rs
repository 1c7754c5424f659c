//! gloo-net.

use futures_util::{SinkExt, TryStreamExt};
use gloo_net::websocket::Message;
use gloo_net::websocket::futures::WebSocket;

use crate::{Failure, failure};

/// Sends a text and returns the answer.
pub async fn ask(url: &str, text: &str) -> Result<Option<String>, Failure> {
    let mut socket = WebSocket::open(url).map_err(failure)?;
    socket.send(Message::Text(text.into())).await.map_err(failure)?;
    match socket.try_next().await.map_err(failure)? {
        Some(Message::Text(answer)) => Ok(Some(answer)),
        _ => Ok(None),
    }
}

//! gloo-net.

use futures_util::{SinkExt, TryStreamExt};
use gloo_net::websocket::Message;
use gloo_net::websocket::futures::WebSocket;

/// Sends a text and gives the answer.
pub async fn ask(url: &str, text: &str) -> Option<String> {
    let mut socket = WebSocket::open(url).ok()?;
    socket.send(Message::Text(text.into())).await.ok()?;
    match socket.try_next().await.ok()?? {
        Message::Text(answer) => Some(answer),
        Message::Bytes(_) => None,
    }
}

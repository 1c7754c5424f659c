//! The other end of the page's connections.

use axum::extract::Path;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use websocket_session_server::{Session, Sessions};

/// Sends as many messages as it is asked for, each time that it is.
pub async fn flood(Path((content, size)): Path<(String, usize)>, upgrade: WebSocketUpgrade) -> Response {
    let message = match content.as_str() {
        "binary" => Message::binary(vec![7; size]),
        "ascii" => Message::text("abcd".repeat(size / 4)),
        _ => Message::text("aé漢b".repeat(size / 4)),
    };
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(count) = receive(&mut socket).await {
            let count = count.to_text().ok().and_then(|count| count.parse().ok()).unwrap_or(0);
            for _ in 0..count {
                // A copy of a message is but one more reference to it.
                if socket.feed(message.clone()).await.is_err() {
                    return;
                }
            }
            if socket.flush().await.is_err() {
                return;
            }
        }
    })
}

/// Takes what comes, and answers the text `report` alone.
pub async fn sink(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(message) = receive(&mut socket).await {
            if message == Message::text("report") && socket.send(Message::text("received")).await.is_err() {
                return;
            }
        }
    })
}

/// Sends back what comes.
pub async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(message) = receive(&mut socket).await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

/// Sends back what comes, in a session.
pub fn session(sessions: Sessions, upgrade: WebSocketUpgrade) -> Response {
    sessions.clone().upgrade(upgrade).on_upgrade(async move |socket| {
        let anyone = async |_| Ok(String::new());
        sessions.serve(socket, anyone, echo_in_session).await;
    })
}

async fn echo_in_session(mut session: Session) {
    while let Some(Ok(message)) = session.recv().await {
        if session.send(message).await.is_err() {
            return;
        }
    }
}

/// The next text or binary message; none when there will be no more.
async fn receive(socket: &mut WebSocket) -> Option<Message> {
    loop {
        let message = socket.next().await?.ok()?;
        if matches!(message, Message::Text(_) | Message::Binary(_)) {
            return Some(message);
        }
    }
}

//! The peers of the page's connections, with or without a session.

use std::time::Duration;

use axum::extract::Path;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use websocket_session_server::{self as session, Session, Sessions};

/// What a peer does with what it receives.
#[derive(Clone)]
pub enum Job {
    /// Sends as many messages as the page asks for.
    Flood(Message),
    /// Sends as many messages as the page asks for, ten per second.
    Trickle(Message),
    /// Answers only the text `report`.
    Sink,
    Echo,
}

/// A connection with or without a session.
trait Connection {
    /// Returns the next message, or `None` when the connection has ended.
    async fn receive(&mut self) -> Option<Message>;

    /// Sends a message, perhaps only at the next flush. Returns `None` if this fails.
    async fn feed(&mut self, message: Message) -> Option<()>;

    async fn flush(&mut self) -> Option<()>;

    async fn send(&mut self, message: Message) -> Option<()> {
        self.feed(message).await?;
        self.flush().await
    }
}

impl Job {
    pub fn flood(Path((content, size)): Path<(String, usize)>) -> Self {
        Self::Flood(message(&content, size))
    }

    pub fn trickle(Path((content, size)): Path<(String, usize)>) -> Self {
        Self::Trickle(message(&content, size))
    }

    /// Does the job until the connection ends.
    async fn run(self, mut connection: impl Connection) -> Option<()> {
        loop {
            let received = connection.receive().await?;
            match &self {
                Self::Flood(message) => {
                    for _ in 0..number(&received) {
                        // A clone of a message shares its bytes.
                        connection.feed(message.clone()).await?;
                    }
                    connection.flush().await?;
                }
                Self::Trickle(message) => {
                    for _ in 0..number(&received) {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        connection.send(message.clone()).await?;
                    }
                }
                Self::Sink if received != Message::text("report") => {}
                Self::Sink => connection.send(Message::text("received")).await?,
                Self::Echo => connection.send(received).await?,
            }
        }
    }
}

fn message(content: &str, size: usize) -> Message {
    match content {
        "binary" => Message::binary(vec![7; size]),
        "ascii" => Message::text("abcd".repeat(size / 4)),
        _ => Message::text("aé漢b".repeat(size / 4)),
    }
}

fn number(message: &Message) -> u32 {
    message.to_text().ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Does a job on a connection without a session.
pub fn plain(upgrade: WebSocketUpgrade, job: Job) -> Response {
    upgrade.on_upgrade(async move |socket| {
        let _ = job.run(socket).await;
    })
}

/// Does a job in a session.
pub fn in_session(sessions: Sessions, upgrade: WebSocketUpgrade, job: Job) -> Response {
    sessions.clone().upgrade(upgrade).on_upgrade(async move |socket| {
        let anyone = async |_| Ok(String::new());
        let handle = async move |session| {
            let _ = job.run(session).await;
        };
        sessions.serve(socket, anyone, handle).await;
    })
}

impl Connection for WebSocket {
    async fn receive(&mut self) -> Option<Message> {
        loop {
            let message = self.next().await?.ok()?;
            if matches!(message, Message::Text(_) | Message::Binary(_)) {
                return Some(message);
            }
        }
    }

    async fn feed(&mut self, message: Message) -> Option<()> {
        SinkExt::feed(self, message).await.ok()
    }

    async fn flush(&mut self) -> Option<()> {
        SinkExt::flush(self).await.ok()
    }
}

impl Connection for Session {
    async fn receive(&mut self) -> Option<Message> {
        Some(match self.recv().await?.ok()? {
            session::Message::Text(text) => Message::text(text.as_str()),
            session::Message::Binary(bytes) => Message::Binary(bytes),
        })
    }

    async fn feed(&mut self, message: Message) -> Option<()> {
        let message: session::Message = match message {
            Message::Binary(bytes) => bytes.into(),
            message => message.to_text().ok()?.into(),
        };
        Session::send(self, message).await.ok()
    }

    async fn flush(&mut self) -> Option<()> {
        Some(())
    }
}

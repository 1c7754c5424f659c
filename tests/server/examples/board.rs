//! The server of the board in `docs/recipes.md`, with axum: it answers pings, ignores repeated strokes, and sends the board after
//! each connect.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::routing::any;
use tokio::sync::broadcast;

struct Board {
    strokes: Mutex<(HashSet<u64>, Vec<Utf8Bytes>)>, // a real board needs limits, and a database
    news: broadcast::Sender<Utf8Bytes>,
}

impl Board {
    fn draw(&self, stroke: Utf8Bytes) -> Option<()> {
        let id = serde_json::from_str::<serde_json::Value>(&stroke).ok()?["id"].as_u64()?;
        let (ids, strokes) = &mut *self.strokes.lock().ok()?;
        if ids.insert(id) {
            strokes.push(stroke.clone());
            let _ = self.news.send(stroke); // also to the client that has drawn it
        }
        Some(())
    }

    /// The strokes so far, and the later ones.
    fn look(&self) -> Option<(Vec<Utf8Bytes>, broadcast::Receiver<Utf8Bytes>)> {
        let strokes = self.strokes.lock().ok()?;
        Some((strokes.1.clone(), self.news.subscribe()))
    }
}

/// Serves a client until it is gone, or draws no stroke.
async fn serve(mut socket: WebSocket, board: Arc<Board>) -> Option<()> {
    let (strokes, mut news) = board.look()?;
    for stroke in strokes {
        socket.send(Message::Text(stroke)).await.ok()?;
    }
    loop {
        tokio::select! {
            // A client that is too slow is disconnected: it comes back, and receives the whole board.
            stroke = news.recv() => socket.send(Message::Text(stroke.ok()?)).await.ok()?,
            message = socket.recv() => match message?.ok()? {
                Message::Text(text) if text == "ping" => socket.send(Message::text("pong")).await.ok()?,
                Message::Text(stroke) => board.draw(stroke)?,
                _ => {} // axum answers pings and Close frames of the protocol
            },
        }
    }
}

pub(crate) fn router() -> Router {
    let board = Arc::new(Board { strokes: Mutex::default(), news: broadcast::channel(1024).0 });
    let route = any(async |upgrade: WebSocketUpgrade, State(board): State<Arc<Board>>| {
        upgrade.on_upgrade(async |socket| {
            serve(socket, board).await;
        })
    });
    Router::new().route("/board", route).with_state(board)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, router()).await
}

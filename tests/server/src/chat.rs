//! Rooms: everyone in a room receives what anyone in it sends.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard};

use futures_util::SinkExt;
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::behaviour::{receive, refuse};
use crate::upgrade::WebSocket;

/// The maximum length of the name of a room, in bytes.
pub const MAX_NAME: usize = 100;

/// The maximum length of a message, in bytes.
pub const MAX_TEXT: usize = 4 << 10;

/// The number of messages that are queued for the slowest client of a room. A client that misses one is disconnected.
const MAX_WAITING: usize = 256;

type Rooms = HashMap<String, Sender<Utf8Bytes>>;

static ROOMS: LazyLock<Mutex<Rooms>> = LazyLock::new(Mutex::default);

fn rooms() -> MutexGuard<'static, Rooms> {
    ROOMS.lock().expect("nobody panics while holding the lock")
}

/// Sends the client's messages to everyone in the room, and everyone's messages to the client.
pub async fn chat(mut socket: WebSocket, member: Member) {
    if let Some(reason) = member.talk(&mut socket).await {
        refuse(&mut socket, reason).await;
    }
}

/// A client in a room. The room exists while anyone is in it.
pub struct Member {
    room: String,
    say: Sender<Utf8Bytes>,
    hear: Receiver<Utf8Bytes>,
}

impl Member {
    /// Enters a room. Called before the handshake is answered, so that a connected client misses nothing.
    pub fn enter(room: String) -> Self {
        let mut rooms = rooms();
        let say = rooms.entry(room.clone()).or_insert_with(|| channel(MAX_WAITING).0).clone();
        Self { hear: say.subscribe(), say, room }
    }

    /// Resolves with `None` when the client is gone, or with the reason to disconnect it.
    async fn talk(mut self, socket: &mut WebSocket) -> Option<CloseFrame> {
        loop {
            tokio::select! {
                // What the client is to receive goes first. This includes its own messages, so it can send no faster than it reads.
                biased;
                heard = self.hear.recv() => match heard {
                    Ok(text) => socket.send(Message::Text(text)).await.ok()?,
                    Err(_) => return Some(frame(CloseCode::Policy, "too slow for this room")),
                },
                said = receive(socket) => match said? {
                    // Sending cannot fail, since this client is a receiver, too.
                    Message::Text(text) => drop(self.say.send(text)),
                    _ => return Some(frame(CloseCode::Unsupported, "only text is passed on")),
                },
            }
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut rooms = rooms();
        // The last receiver is this client's own.
        if self.say.receiver_count() == 1 {
            rooms.remove(&self.room);
        }
    }
}

fn frame(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}

//! Rooms: what anyone in a room says, everyone in it hears.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard};

use futures_util::SinkExt;
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::behaviour::{receive, refuse};
use crate::upgrade::WebSocket;

/// The most bytes that the name of a room may have.
pub const MAX_NAME: usize = 100;

/// The most bytes that may be said at once.
pub const MAX_TEXT: usize = 4 << 10;

/// How many messages may wait for the slowest in a room. Whoever misses one must leave.
const MAX_WAITING: usize = 256;

type Rooms = HashMap<String, Sender<Utf8Bytes>>;

static ROOMS: LazyLock<Mutex<Rooms>> = LazyLock::new(Mutex::default);

fn rooms() -> MutexGuard<'static, Rooms> {
    ROOMS.lock().expect("nobody panics while holding it")
}

/// Passes on what the client says to all in the room, and to the client what any of them say.
pub async fn chat(mut socket: WebSocket, member: Member) {
    if let Some(reason) = member.talk(&mut socket).await {
        refuse(&mut socket, reason).await;
    }
}

/// One who is in a room. The room is there as long as anybody is.
pub struct Member {
    room: String,
    say: Sender<Utf8Bytes>,
    hear: Receiver<Utf8Bytes>,
}

impl Member {
    /// Enters a room. It is called before the handshake is answered, so that who is connected misses nothing.
    pub fn enter(room: String) -> Self {
        let mut rooms = rooms();
        let say = rooms.entry(room.clone()).or_insert_with(|| channel(MAX_WAITING).0).clone();
        Self { hear: say.subscribe(), say, room }
    }

    /// Ends when the client is gone, or says why it must go.
    async fn talk(mut self, socket: &mut WebSocket) -> Option<CloseFrame> {
        loop {
            tokio::select! {
                // Who says much hears it first, and so is no faster than its own connection.
                biased;
                heard = self.hear.recv() => match heard {
                    Ok(text) => socket.send(Message::Text(text)).await.ok()?,
                    Err(_) => return Some(frame(CloseCode::Policy, "too slow for this room")),
                },
                said = receive(socket) => match said? {
                    // There is always somebody who hears it.
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
        // The last one is this one.
        if self.say.receiver_count() == 1 {
            rooms.remove(&self.room);
        }
    }
}

fn frame(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}

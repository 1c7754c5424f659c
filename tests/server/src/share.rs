//! Rooms for drawings: everyone in a room receives what anyone in it sends. Slow clients miss the oldest messages.

use futures_util::SinkExt;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio_tungstenite::tungstenite::Message;

use crate::behaviour::receive;
use crate::records::{Records, lock};
use crate::upgrade::WebSocket;

/// The maximum length of a message, in bytes.
pub const MAX_MESSAGE: usize = 1 << 20;

/// The number of messages that are queued for the slowest client of a room. It is at least the number of drawings that four pages
/// await at a time: each awaits eight.
const MAX_WAITING: usize = 32;

static ROOMS: Records<Room> = Records::new();

/// The channel of a room.
struct Room(Sender<Message>);

impl Default for Room {
    fn default() -> Self {
        Self(channel(MAX_WAITING).0)
    }
}

/// Enters a room. Called before the handshake is answered, so that a connected client misses nothing.
pub fn enter(room: &str) -> (Sender<Message>, Receiver<Message>) {
    let room = ROOMS.find_or_begin(room);
    let Room(sender) = &*lock(&room);
    (sender.clone(), sender.subscribe())
}

/// Sends the client's messages to everyone in the room, including the client, and everyone's messages to the client.
pub async fn share(mut socket: WebSocket, (sender, mut receiver): (Sender<Message>, Receiver<Message>)) {
    loop {
        tokio::select! {
            // What the client is to receive goes first. This includes its own messages, so it can send no faster than it reads.
            biased;
            shared = receiver.recv() => match shared {
                Ok(message) => if socket.send(message).await.is_err() { return },
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            message = receive(&mut socket) => match message {
                Some(message) => drop(sender.send(message)),
                None => return,
            },
        }
    }
}

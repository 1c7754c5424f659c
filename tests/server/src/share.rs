//! Rooms for drawings: what anyone in a room sends, everyone in it gets, and those who are slow get the newest.

use futures_util::SinkExt;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio_tungstenite::tungstenite::Message;

use crate::behaviour::receive;
use crate::records::{Records, lock};
use crate::upgrade::WebSocket;

/// The most bytes of a message.
pub const MAX_MESSAGE: usize = 1 << 20;

/// How many messages may wait for the slowest. Of more, it misses the oldest. A page awaits no more drawings than these.
const MAX_WAITING: usize = 8;

static ROOMS: Records<Room> = Records::new();

/// What is sent in a room.
struct Room(Sender<Message>);

impl Default for Room {
    fn default() -> Self {
        Self(channel(MAX_WAITING).0)
    }
}

/// Enters a room. It is called before the handshake is answered, so that who is connected misses nothing.
pub fn enter(room: &str) -> (Sender<Message>, Receiver<Message>) {
    let room = ROOMS.find_or_begin(room);
    let Room(sender) = &*lock(&room);
    (sender.clone(), sender.subscribe())
}

/// Passes on what the client sends to all in the room, the client included, and to the client what any of them send.
pub async fn share(mut socket: WebSocket, (sender, mut receiver): (Sender<Message>, Receiver<Message>)) {
    loop {
        tokio::select! {
            // Who sends much gets it back first, and so is no faster than its own connection.
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

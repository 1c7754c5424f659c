//! Changes to store and frames to send, together.

use axum::extract::ws::Message as Frame;
use websocket_session::{Connection, Output, Payload, Server};

use crate::store::Change;
use crate::{Message, message};

/// The bytes of messages that are handed to a WebSocket at a time.
const SIZE: u64 = 256 << 10;

/// The outputs of a machine that are handled together.
pub(crate) struct Batch {
    pub changes: Vec<Change>,
    pub frames: Vec<(Connection, Frame)>,
    pub close: Option<(Connection, u16, String)>,
}

impl Batch {
    /// Polls the machine. All changes that it has made so far are in one batch, since it returns changes before messages.
    pub fn poll(machine: &mut Server<Message>) -> Self {
        let mut batch = Self { changes: Vec::new(), frames: Vec::new(), close: None };
        let mut bytes = 0;
        while bytes < SIZE {
            match machine.poll() {
                Some(Output::Store(change)) => batch.changes.push(change),
                Some(Output::Control(connection, text)) => batch.frames.push((connection, Frame::Text(text.into()))),
                Some(Output::Message(connection, message)) => {
                    bytes += message.payload_len() + websocket_session::OVERHEAD;
                    batch.frames.push((connection, message::encode(message)));
                }
                Some(Output::Close(connection, code, reason)) => batch.close = Some((connection, code, reason)),
                None => break,
            }
        }
        batch
    }

    /// Polls only the changes, for a connection that has no room for frames.
    pub fn changes(machine: &mut Server<Message>) -> Self {
        let changes = std::iter::from_fn(|| machine.poll_change()).collect();
        Self { changes, frames: Vec::new(), close: None }
    }
}

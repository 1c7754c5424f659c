//! The one connection that is live.

use std::task::{Context, Poll};

use super::heartbeat::Flow;
use crate::backpressure::Wait;
use crate::queue::Taken;
use crate::sys::Data;
use crate::{CloseCode, CloseEvent, CloseReason, Error, Message, ReadyState, Receiver, Sender, WebSocketStream};

/// A connection in use. Dropping it closes it, and nothing more is heard of it.
pub(crate) struct Link {
    /// Of the attempt that made it. The caller may have begun another one since.
    pub generation: u64,
    sender: Sender,
    /// Without it what arrives would be discarded.
    _receiver: Receiver,
    room: Wait,
    /// The bytes that were handed over.
    handed: u64,
}

/// What comes from a connection.
pub(crate) enum Arrival {
    Data(Data),
    End(Result<CloseEvent, Error>),
}

impl Link {
    pub fn new(stream: WebSocketStream, generation: u64) -> Self {
        let (sender, receiver) = stream.split();
        Self { generation, sender, _receiver: receiver, room: Wait::default(), handed: 0 }
    }

    /// One more handle of the connection.
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Whether a message may be handed over without waiting.
    pub fn has_room(&self) -> bool {
        self.sender.connection().has_room()
    }

    /// Hands a message over to the browser, whether there is room or not.
    pub fn send(&mut self, message: &Message) -> Result<(), Error> {
        self.sender.socket().send(message)?;
        self.handed += message.len();
        Ok(())
    }

    /// Resolves when there is room for a message, or with its state when the connection is not open.
    pub fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ReadyState>> {
        let polled = self.sender.connection().poll_room(context, &mut self.room);
        if polled.is_ready() {
            self.room = Wait::default();
        }
        polled
    }

    pub fn flow(&self) -> Flow {
        Flow { handed: self.handed, unsent: self.sender.buffered_amount() }
    }

    /// Begins to close.
    pub fn close(&self, frame: &Option<(CloseCode, CloseReason)>) {
        match frame {
            // Both were checked.
            Some((code, reason)) => drop(self.sender.connection().close_with(*code, reason.clone())),
            None => self.sender.connection().close(),
        }
    }

    /// What has arrived, and after it the end.
    pub fn poll_arrival(&self, context: &mut Context<'_>) -> Poll<Arrival> {
        let connection = self.sender.connection();
        match connection.poll_take(context) {
            Taken::Message(data) => Poll::Ready(Arrival::Data(data)),
            Taken::Overflow => Poll::Ready(Arrival::End(Err(Error::Overflow))),
            Taken::End => Poll::Ready(Arrival::End(connection.lifecycle().ended().unwrap_or(Err(Error::Dropped)))),
            Taken::Empty | Taken::Pause => Poll::Pending,
        }
    }
}

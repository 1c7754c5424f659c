//! The connection of an attempt, then the current connection.

use std::cell::Cell;
use std::collections::VecDeque;
use std::task::{Context, Poll};

use super::heartbeat::Flow;
use crate::send::backpressure::Wait;
use crate::stream::connection::{Handle, Owner};
use crate::stream::end::End;
use crate::sys::{Data, RawSocket};
use crate::{CloseCode, CloseEvent, CloseReason, Error, Message, ReadyState, WebSocketStream};

/// The connection of an attempt, then the current connection. Dropping the link closes the connection without waiting, and removes
/// its listeners.
pub(crate) struct Link {
    /// The generation of the attempt that opened this connection. Another attempt may have begun since.
    pub generation: u64,
    /// The connection, which the preamble gets.
    pub stream: WebSocketStream,
    /// The number of bytes that were handed over, including bytes of the preamble that were unsent when it ended.
    handed: Cell<u64>,
    unsent: Cell<u64>,
}

impl Link {
    pub fn new(stream: WebSocketStream, generation: u64) -> Self {
        Self { generation, stream, handed: Cell::default(), unsent: Cell::default() }
    }

    /// Passes messages to `owner` from now on, since the preamble has finished. Returns the messages that it has left.
    pub fn start(&self, owner: impl Owner + 'static) -> VecDeque<Data> {
        let unsent = self.stream.buffered_amount();
        self.handed.set(unsent);
        self.unsent.set(unsent);
        self.connection().divert(owner)
    }

    fn connection(&self) -> &Handle {
        self.stream.connection()
    }

    pub fn socket(&self) -> &RawSocket {
        self.stream.socket()
    }

    pub fn is_open(&self) -> bool {
        self.stream.ready_state() == ReadyState::Open
    }

    /// Returns whether a message may be handed over without waiting.
    pub fn has_room(&self) -> bool {
        self.connection().has_room()
    }

    /// Hands a message over to the browser, even if there is no room.
    pub fn send(&self, message: &Message) -> Result<(), Error> {
        self.socket().send(message)?;
        self.count(message.len());
        Ok(())
    }

    /// Counts bytes that were handed over.
    pub fn count(&self, len: u64) {
        self.handed.set(self.handed.get() + len);
    }

    /// Resolves when there is room for a message, or with the state of the connection if it is not open.
    pub fn poll_room(&self, context: &Context<'_>, wait: &mut Wait) -> Poll<Result<(), ReadyState>> {
        self.connection().poll_room(context, wait)
    }

    /// Resolves when the browser's buffer is empty, or with the state of the connection if it is not open.
    pub fn poll_empty(&self, context: &mut Context<'_>, wait: &mut Wait) -> Poll<Result<(), ReadyState>> {
        self.connection().poll_empty(context, wait)
    }

    /// Resolves when the connection has ended. All messages that it has received were passed on before.
    pub fn poll_ended(&self, context: &Context<'_>, wait: &mut Wait) -> Poll<Result<CloseEvent, Error>> {
        self.connection().poll_ended(context, wait)
    }

    pub fn flow(&self) -> Flow {
        // In the `close` event of a connection that was reset, `bufferedAmount` is 0 in Chromium, though no byte has left.
        if self.stream.ready_state() != ReadyState::Closed {
            self.unsent.set(self.stream.buffered_amount());
        }
        Flow { handed: self.handed.get(), unsent: self.unsent.get() }
    }

    /// Begins to close.
    pub fn close(&self, frame: Option<(CloseCode, CloseReason)>) {
        match frame {
            // The code and the reason were checked, so it does not fail.
            Some((code, reason)) => drop(self.connection().close_with(code, reason)),
            None => self.connection().close(),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Closed explicitly, since `Slices` of the preamble may still be a handle of the connection, and before the end: an executor
        // may poll them in the call that ends the connection.
        self.socket().close();
        self.connection().end(End::Dropped);
    }
}

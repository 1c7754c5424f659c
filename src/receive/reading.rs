//! Pauses the browser's reading while the receive queue is full, over transports that can be paused.

use std::cell::Cell;

use super::queue::Limit;
use crate::sys::RawSocket;
use crate::{Options, Overflow, Transport};

/// Whether the browser reads from a connection; for a `Reconnecting`, from its current connection.
pub(crate) struct Reading {
    /// The number of queued bytes at which reading pauses; `None` if reading never pauses.
    read_ahead: Option<u64>,
    is_paused: Cell<bool>,
}

/// A bound of the receive queue.
#[derive(Clone, Copy)]
pub(crate) struct ReadAhead {
    pub bytes: u64,
    /// Whether the bound is half of `bytes`, and half of the limit of messages.
    pub is_half: bool,
}

impl Reading {
    /// Creates the state for connections over a transport that is available. Also returns the limit of the queue: if reading
    /// pauses, the queue does not overflow.
    pub fn of(transport: Transport, options: &Options) -> (Self, Limit) {
        let mut limit = options.receive_limit;
        let mut read_ahead = None;
        if transport == Transport::Streams && limit.overflow == Overflow::Close {
            limit.overflow = Overflow::Unbounded;
            read_ahead = Some(options.read_ahead);
        }
        (Self { read_ahead, is_paused: Cell::new(false) }, limit)
    }

    /// Resets the state for a new connection, and reads from it.
    pub fn start_over(&self, socket: &RawSocket) {
        self.is_paused.set(false);
        socket.set_paused(false);
    }

    /// Returns whether reading is paused.
    pub fn is_paused(&self) -> bool {
        self.is_paused.get()
    }

    /// Pauses reading while a queue is full, and resumes it when the queue is half empty.
    pub fn pace(&self, socket: &RawSocket, is_full: impl FnOnce(ReadAhead) -> bool) {
        let (Some(bytes), was_paused) = (self.read_ahead, self.is_paused.get()) else { return };
        let is_paused = is_full(ReadAhead { bytes, is_half: was_paused });
        if is_paused != was_paused {
            self.is_paused.set(is_paused);
            socket.set_paused(is_paused);
        }
    }
}

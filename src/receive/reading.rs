//! Pauses the browser's reading while the receive queue is full, where a transport can.

use std::cell::Cell;

use super::queue::Limit;
use crate::sys::RawSocket;
use crate::{Options, Overflow, Transport};

/// Whether a connection, or the one that is live, is read from.
pub(crate) struct Reading {
    /// The bytes in the queue from which nothing more is read; `None` if everything is read.
    read_ahead: Option<u64>,
    is_paused: Cell<bool>,
}

/// A bound of the receive queue.
#[derive(Clone, Copy)]
pub(crate) struct ReadAhead {
    pub bytes: u64,
    /// Whether the bound is half of these bytes, and half of the limit of messages.
    pub is_half: bool,
}

impl Reading {
    /// For connections over a transport that is available. Returns the limit of the queue, too: where the browser stops reading,
    /// nothing overflows.
    pub fn of(transport: Transport, options: &Options) -> (Self, Limit) {
        let mut limit = options.receive_limit;
        let mut read_ahead = None;
        if transport == Transport::Streams && limit.overflow == Overflow::Close {
            limit.overflow = Overflow::Unbounded;
            read_ahead = Some(options.read_ahead);
        }
        (Self { read_ahead, is_paused: Cell::new(false) }, limit)
    }

    /// Begins anew with another connection, which is read from.
    pub fn start_over(&self, socket: &RawSocket) {
        self.is_paused.set(false);
        socket.set_paused(false);
    }

    /// Returns whether the browser does not read now.
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

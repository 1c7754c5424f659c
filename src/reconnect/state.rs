//! What a connection that comes back is doing, and why.

use std::fmt;
use std::time::Duration;

use crate::{CloseEvent, Error};

/// What a [`Reconnecting`](crate::Reconnecting) is doing.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It connects: asks for the URL, opens the connection and waits for the preamble.
    Connecting {
        /// The number of the attempt, from 1, since the last good connection.
        attempt: u32,
        /// Why there is one.
        cause: Cause,
    },
    /// The connection is open, and the preamble is done.
    Open,
    /// Messages are in doubt: the connection that has just ended took them, and whether the peer has them nobody knows.
    ///
    /// This is told by [`states`](crate::Reconnecting::states) alone, and another state follows at once.
    InDoubt {
        /// How many.
        messages: u64,
    },
    /// It waits before the next attempt.
    Waiting {
        /// How long, from the time that this was told. If the network comes back or the page is shown, this is told once
        /// more, with less.
        delay: Duration,
        /// Why there is no connection.
        cause: Cause,
    },
    /// The caller has asked to close, to pause or to reconnect, and the closing handshake is under way.
    Closing,
    /// The caller has paused it.
    Paused,
    /// It is over, and will not come back.
    Closed {
        /// Why.
        cause: Cause,
    },
}

/// Why there is a connection to be made, or none.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is the first one, or the caller has asked for it.
    Requested,
    /// The connection was closed, or lost: then the event is not clean.
    Closed(CloseEvent),
    /// The attempt has failed, or the connection, for this reason.
    Failed(Error),
}

impl Cause {
    /// What a stream tells before it ends. Nothing, if it was asked to end, or the peer has closed in order.
    pub(crate) fn into_error(self) -> Option<Error> {
        match self {
            Self::Requested => None,
            Self::Closed(event) if event.was_clean => None,
            Self::Closed(event) => Some(Error::Unclean(event)),
            Self::Failed(error) => Some(error),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => write!(f, "it was asked for"),
            Self::Closed(event) => write!(f, "the connection ended: {event}"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

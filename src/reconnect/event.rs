//! The events and commands that the machine handles, and the actions that it returns.

use std::time::Duration;

use super::backoff::Backoff;
use super::heartbeat::{Flow, Timing};
use crate::{AfterClose, Cause, CloseEvent, Error, State};

/// The options of the machine.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub backoff: Backoff,
    pub heartbeat: Option<Timing>,
    pub connect_timeout: Duration,
    pub close_timeout: Duration,
}

/// An event that the machine handles.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A signal of the connection with this generation, or of the attempt to open it.
    Connection(u64, Signal),
    /// The network has come back, or the page was shown.
    WakeUp,
    /// An error closes the connection for good.
    Failed(Error),
    /// Time has passed.
    Tick,
}

#[derive(Clone, Debug)]
pub(crate) enum Signal {
    Opened,
    Failed(Error, AfterClose),
    Ended(Result<CloseEvent, Error>, AfterClose),
    Received { is_pong: bool },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Command {
    Pause,
    Resume,
    ReconnectNow,
    Close,
}

/// The time of an event since 1970, and the bytes that were handed over and that have left by then.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment {
    pub now: Duration,
    pub flow: Flow,
}

/// An action for the driver. Actions run in the order in which the machine returns them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Begins an attempt.
    Connect(Begin),
    /// Drops the attempt or the connection, without waiting.
    Disconnect,
    Ping,
    Announce(State),
    /// Ends, for this cause. Has the result of the closing handshake if the caller has closed an open connection.
    End(Cause, Option<Result<CloseEvent, Error>>),
}

/// The attempt that [`Action::Connect`] begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Begin {
    pub generation: u64,
    /// The number of the attempt since the last good connection, from 1.
    pub number: u32,
    pub cause: Cause,
}

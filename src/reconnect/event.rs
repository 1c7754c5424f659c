//! What goes into the machine, and what comes out.

use std::time::Duration;

use super::backoff::Backoff;
use super::heartbeat::{Flow, Timing};
use crate::{AfterClose, Cause, CloseEvent, Error, State};

/// What is set once.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub backoff: Backoff,
    pub heartbeat: Option<Timing>,
    pub connect_timeout: Duration,
    pub close_timeout: Duration,
}

/// What happens.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// To the connection of this generation, or in the attempt to make it.
    Connection(u64, Signal),
    /// The network has come back, or the page was shown.
    WakeUp,
    /// It cannot go on, for this reason.
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

/// When something happens: the time since 1970, and how much of what was sent has left by then.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment {
    pub now: Duration,
    pub flow: Flow,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Begin an attempt.
    Connect(Begin),
    /// Drop the attempt or the connection, without waiting.
    Disconnect,
    Ping,
    Tell(State),
    /// It is over, for this cause. With what the closing gave, if the caller has closed.
    End(Cause, Option<Result<CloseEvent, Error>>),
}

/// An attempt to begin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Begin {
    pub generation: u64,
    /// Its number since the last good connection, from 1.
    pub number: u32,
    pub cause: Cause,
}

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
    Command(Command),
    /// The network has come back, or the page was shown.
    WakeUp,
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
    /// With this code, which the peer is expected to repeat.
    Close(u16),
}

/// What the peer repeats of a Close frame without a code.
pub(crate) const NO_CODE: u16 = 1005;

/// When something happens: the time since 1970, and how much of what was sent has left by then.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment {
    pub now: Duration,
    pub flow: Flow,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Begin an attempt, of this generation.
    Connect(u64),
    /// Drop the attempt or the connection, without waiting.
    Disconnect,
    /// Hand over all that is queued, and begin to close.
    Close,
    Ping,
    Tell(State),
    /// So many messages are in doubt after the connection of this generation.
    InDoubt(u64, u64),
    /// It is over, for this cause. With what the closing gave, if the caller has closed.
    End(Cause, Option<Result<CloseEvent, Error>>),
}

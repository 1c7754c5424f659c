//! Connecting → open → ended, and who waits for the end.

use std::cell::{Cell, OnceCell};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::notify::{Notify, Waiter};
use crate::{CloseEvent, Error};

/// How a connection has ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    Closed(CloseEvent),
    /// It could not be opened.
    Failed,
    /// It was not open in time.
    ConnectTimeout,
    CloseTimeout(Duration),
    Overflow,
    /// Nobody listens any more.
    Dropped,
}

impl End {
    /// Why messages may be missing, if they may.
    pub fn loss(&self) -> Option<Error> {
        Some(match self {
            Self::Closed(event) if event.was_clean => return None,
            Self::Closed(event) => Error::Unclean(event.clone()),
            Self::CloseTimeout(timeout) => Error::CloseTimeout(*timeout),
            Self::Overflow => Error::Overflow,
            // No stream has come of it, or none is left.
            Self::Failed | Self::ConnectTimeout | Self::Dropped => Error::Dropped,
        })
    }

    /// The close event, or why there is none.
    fn told(&self) -> Result<CloseEvent, Error> {
        match self {
            Self::Closed(event) => Ok(event.clone()),
            other => Err(other.loss().unwrap_or(Error::Dropped)),
        }
    }
}

/// How far a connection has come.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    is_opened: Cell<bool>,
    end: OnceCell<End>,
    notify: Notify,
}

// Each of its cells is changed in one step, and no foreign code runs meanwhile.
impl UnwindSafe for Lifecycle {}
impl RefUnwindSafe for Lifecycle {}

impl Lifecycle {
    pub fn open(&self) {
        self.is_opened.set(true);
    }

    /// Whether the connection was open once.
    pub fn is_opened(&self) -> bool {
        self.is_opened.get()
    }

    /// Ends the connection. The first end is the one that counts.
    pub fn end(&self, end: End) {
        let _ = self.end.set(end);
        self.notify.wake_all();
    }

    /// How the connection has ended, once it has.
    pub fn ended(&self) -> Option<&End> {
        self.end.get()
    }

    /// The close event, once there is one.
    pub fn close_event(&self) -> Option<CloseEvent> {
        self.result()?.ok()
    }

    /// The close event or why there is none, once the connection has ended.
    pub fn result(&self) -> Option<Result<CloseEvent, Error>> {
        self.ended().map(End::told)
    }

    /// Resolves when the connection has ended.
    pub fn poll_ended(&self, context: &Context<'_>, waiter: &mut Waiter) -> Poll<Result<CloseEvent, Error>> {
        if let Some(end) = self.result() {
            return Poll::Ready(end);
        }
        self.notify.wait(waiter, context.waker());
        Poll::Pending
    }
}

//! The stages of a connection: connecting → open → ended.

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
    /// The connection could not be opened.
    Failed,
    /// The connection did not open in time.
    ConnectTimeout,
    CloseTimeout(Duration),
    Overflow,
    /// All handles were dropped.
    Dropped,
}

impl End {
    /// Returns why messages may be missing; `None` if none are.
    pub fn loss(&self) -> Option<Error> {
        Some(match self {
            Self::Closed(event) if event.was_clean => return None,
            Self::Closed(event) => Error::Unclean(event.clone()),
            Self::CloseTimeout(timeout) => Error::CloseTimeout(*timeout),
            Self::Overflow => Error::Overflow,
            // No stream was ever created, or none is left.
            Self::Failed | Self::ConnectTimeout | Self::Dropped => Error::Dropped,
        })
    }

    /// Returns the close event, or why there is none.
    fn told(&self) -> Result<CloseEvent, Error> {
        match self {
            Self::Closed(event) => Ok(event.clone()),
            other => Err(other.loss().unwrap_or(Error::Dropped)),
        }
    }
}

/// The stage of a connection.
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

    /// Returns whether the connection has ever been open.
    pub fn is_opened(&self) -> bool {
        self.is_opened.get()
    }

    /// Ends the connection. Only the first end counts.
    pub fn end(&self, end: End) {
        let _ = self.end.set(end);
        self.notify.wake_all();
    }

    /// Returns how the connection has ended; `None` until then.
    pub fn ended(&self) -> Option<&End> {
        self.end.get()
    }

    /// Returns the close event, once there is one.
    pub fn close_event(&self) -> Option<CloseEvent> {
        self.result()?.ok()
    }

    /// Returns the close event or why there is none, once the connection has ended.
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

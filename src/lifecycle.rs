//! Connecting → open → ended, and who waits for it.

use std::cell::{Cell, OnceCell};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::{Context, Poll};

use crate::notify::{Notify, Waiter};
use crate::{CloseEvent, Error};

/// How far a connection has come.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    is_opened: Cell<bool>,
    end: OnceCell<Result<CloseEvent, Error>>,
    notify: Notify,
}

// Each of its cells is changed in one step, and no foreign code runs meanwhile.
impl UnwindSafe for Lifecycle {}
impl RefUnwindSafe for Lifecycle {}

impl Lifecycle {
    pub fn open(&self) {
        self.is_opened.set(true);
        self.notify.wake_all();
    }

    /// Whether the connection was open once.
    pub fn is_opened(&self) -> bool {
        self.is_opened.get()
    }

    /// Ends the connection: the peer's close event, or why there is none. The first end is the one that counts.
    pub fn end(&self, end: Result<CloseEvent, Error>) {
        let _ = self.end.set(end);
        self.notify.wake_all();
    }

    /// The close event, once there is one.
    pub fn close_event(&self) -> Option<CloseEvent> {
        self.end.get()?.as_ref().ok().cloned()
    }

    pub fn has_ended(&self) -> bool {
        self.end.get().is_some()
    }

    /// How the connection has ended, once it has.
    pub fn ended(&self) -> Option<Result<CloseEvent, Error>> {
        self.end.get().cloned()
    }

    /// Resolves when the connection was opened, or has ended without that: then it is false.
    pub fn poll_opened(&self, context: &Context<'_>, waiter: &mut Waiter) -> Poll<bool> {
        // A server may accept and close at once: that connection was open.
        if self.is_opened() || self.has_ended() {
            return Poll::Ready(self.is_opened());
        }
        self.notify.wait(waiter, context.waker());
        Poll::Pending
    }

    /// Resolves when the connection has ended.
    pub fn poll_ended(&self, context: &Context<'_>, waiter: &mut Waiter) -> Poll<Result<CloseEvent, Error>> {
        if let Some(end) = self.ended() {
            return Poll::Ready(end);
        }
        self.notify.wait(waiter, context.waker());
        Poll::Pending
    }
}

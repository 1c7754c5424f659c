//! Connecting → open → ended, and who waits for it.

use std::task::{Context, Poll, Waker};

use crate::{CloseEvent, Error};

/// How far a connection has come. What wakes those who wait is given back, to be woken when no borrow is held.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    is_opened: bool,
    end: Option<Result<CloseEvent, Error>>,
    waiting: Vec<Waker>,
}

impl Lifecycle {
    #[must_use = "those who wait do so until they are woken"]
    pub fn open(&mut self) -> Vec<Waker> {
        self.is_opened = true;
        std::mem::take(&mut self.waiting)
    }

    /// Whether the connection was open once.
    pub fn is_opened(&self) -> bool {
        self.is_opened
    }

    /// Ends the connection: the peer's close event, or why there is none. The first end is the one that counts.
    #[must_use = "those who wait do so until they are woken"]
    pub fn end(&mut self, end: Result<CloseEvent, Error>) -> Vec<Waker> {
        self.end.get_or_insert(end);
        std::mem::take(&mut self.waiting)
    }

    /// The close event, once there is one.
    pub fn close_event(&self) -> Option<&CloseEvent> {
        self.end.as_ref()?.as_ref().ok()
    }

    /// Resolves when the connection was opened, or has ended without that: then it is false.
    pub fn poll_opened(&mut self, context: &Context<'_>) -> Poll<bool> {
        // A server may accept and close at once: that connection was open.
        if self.is_opened || self.end.is_some() { Poll::Ready(self.is_opened) } else { self.wait(context) }
    }

    /// Resolves when the connection has ended.
    pub fn poll_ended(&mut self, context: &Context<'_>) -> Poll<Result<CloseEvent, Error>> {
        match &self.end {
            Some(end) => Poll::Ready(end.clone()),
            None => self.wait(context),
        }
    }

    fn wait<T>(&mut self, context: &Context<'_>) -> Poll<T> {
        if !self.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            self.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}

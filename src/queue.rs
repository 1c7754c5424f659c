//! Messages that have arrived and were not yet taken, and after them the end.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

/// A queue with one reader. What wakes the reader is given back, to be woken when no borrow is held.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    messages: VecDeque<T>,
    is_ended: bool,
    is_over: bool,
    reader: Option<Waker>,
}

impl<T> Queue<T> {
    pub fn new() -> Self {
        Self { messages: VecDeque::new(), is_ended: false, is_over: false, reader: None }
    }

    #[must_use = "the reader waits until it is woken"]
    pub fn push(&mut self, message: T) -> Option<Waker> {
        self.messages.push_back(message);
        self.reader.take()
    }

    /// Ends the queue after what it holds.
    #[must_use = "the reader waits until it is woken"]
    pub fn end(&mut self) -> Option<Waker> {
        self.is_ended = true;
        self.reader.take()
    }

    /// Whether the reader has been told of the end. Not before: `select!` does not poll a stream that says so.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next message; none at the end, and for ever after.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        match self.messages.pop_front() {
            Some(message) => Poll::Ready(Some(message)),
            None if self.is_ended => {
                self.is_over = true;
                Poll::Ready(None)
            }
            None => {
                self.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

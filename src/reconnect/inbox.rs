//! The receive queue for all connections, in order, and its end.

use std::task::Waker;

use crate::receive::queue::{Len, Limit, Overfull, Queue, Taken, Wake};
#[cfg(feature = "streams")]
use crate::receive::reading::ReadAhead;
use crate::sys::Data;
use crate::{Error, Message};

/// A queue that outlives the connections. An error is always its last item.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    queue: Queue<T>,
    /// The number of messages that were dropped during preambles.
    dropped_before: u64,
    has_ended: bool,
    /// The last item, after the messages.
    error: Option<Error>,
    /// Whether the reader has seen the end.
    is_over: bool,
}

/// The result of taking from the inbox.
#[derive(Debug, PartialEq)]
pub(crate) enum Next<T> {
    Message(T),
    Error(Error),
    /// The inbox has ended.
    End,
    /// The inbox is empty for now.
    Empty,
    /// Messages are queued, but the reader must yield to the event loop first.
    Pause,
}

/// A received message, decoded if the heartbeat had to look at it.
pub(crate) struct Item {
    pub content: Content,
    pub len: u64,
}

pub(crate) enum Content {
    Data(Data),
    Decoded(Result<Message, Error>),
}

impl Content {
    /// Returns the message; `None` for data that no browser delivers.
    pub fn decode(self) -> Option<Result<Message, Error>> {
        match self {
            Self::Data(data) => data.decode(),
            Self::Decoded(decoded) => Some(decoded),
        }
    }
}

impl Len for Item {
    fn len(&self) -> u64 {
        self.len
    }
}

impl<T: Len> Inbox<T> {
    pub fn new(limit: Limit) -> Self {
        Self { queue: Queue::new(limit), dropped_before: 0, has_ended: false, error: None, is_over: false }
    }

    /// Adds a message.
    pub fn push(&mut self, message: T) -> Result<Option<Wake>, Overfull> {
        self.queue.push(message)
    }

    /// Counts messages that were dropped during a preamble.
    pub fn add_dropped(&mut self, messages: u64) {
        self.dropped_before += messages;
    }

    /// Returns the number of messages that were dropped because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.dropped_before + self.queue.dropped()
    }

    /// Returns whether the queue holds as many bytes or messages as the bound allows.
    #[cfg(feature = "streams")]
    pub fn is_full(&self, read_ahead: ReadAhead) -> bool {
        self.queue.is_full(read_ahead)
    }

    /// Returns the waker of the reader if this turn has to wake it.
    pub fn turn(&mut self) -> Option<Waker> {
        self.queue.turn()
    }

    /// Ends the inbox after its messages, and after an error if there is one. Only the first call has an effect.
    #[must_use = "the reader waits until it is woken"]
    pub fn end(&mut self, error: Option<Error>) -> Option<Waker> {
        if !self.has_ended {
            (self.has_ended, self.error) = (true, error);
        }
        self.queue.end(false)
    }

    /// Ends the inbox at once, without its messages.
    #[must_use = "it must be dropped when no borrow is held"]
    pub fn cut(&mut self) -> Option<Waker> {
        (self.has_ended, self.error) = (true, None);
        self.queue.discard()
    }

    /// Returns whether the reader has seen the end.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Drops all queued and later messages.
    #[must_use = "it must be dropped when no borrow is held"]
    pub fn discard(&mut self) -> Option<Waker> {
        self.queue.discard()
    }

    /// Takes the next message, the error or the end.
    pub fn take(&mut self) -> Next<T> {
        match self.queue.take() {
            Taken::Message(message) => Next::Message(message),
            Taken::Empty => Next::Empty,
            Taken::Pause => Next::Pause,
            Taken::Loss | Taken::End => match self.error.take() {
                Some(error) => Next::Error(error),
                None => {
                    self.is_over = true;
                    Next::End
                }
            },
        }
    }

    /// Keeps the reader's waker until there is a message or an end. Returns the previous waker, which the caller drops when no
    /// borrow is held.
    pub fn wait(&mut self, waker: &Waker) -> Option<Waker> {
        self.queue.wait(waker)
    }
}

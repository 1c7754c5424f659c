//! What was received on all connections and not yet taken, in order, with what became of what was sent.

use std::collections::VecDeque;
use std::task::Waker;

use crate::Error;
use crate::queue::{Len, Limit, Overfull, Queue, Taken, Wake};

/// A queue that outlives the connections. What is in doubt after one of them comes behind its messages, and before those of
/// the next.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    queue: Queue<Received<T>>,
    /// After which generation how many messages were in doubt.
    doubts: VecDeque<(u64, u64)>,
    /// What was taken from the queue, and comes after a doubt.
    held: Option<Taken<Received<T>>>,
    /// What comes before the end.
    error: Option<Error>,
    reader: Option<Waker>,
}

#[derive(Debug, PartialEq)]
struct Received<T> {
    generation: u64,
    message: T,
    len: u64,
}

impl<T> Len for Received<T> {
    fn len(&self) -> u64 {
        self.len
    }
}

/// What there is to take.
#[derive(Debug, PartialEq)]
pub(crate) enum Next<T> {
    Message(T),
    Error(Error),
    /// Nothing for ever.
    End,
    /// Nothing yet.
    Empty,
    /// Enough for once: the event loop must have its turn.
    Pause,
}

const MOST_DOUBTS: usize = 64;

impl<T> Inbox<T> {
    pub fn new(limit: Limit) -> Self {
        Self { queue: Queue::new(limit), doubts: VecDeque::new(), held: None, error: None, reader: None }
    }

    /// Adds a message of so many bytes.
    pub fn push(&mut self, generation: u64, message: T, len: u64) -> Result<Option<Wake>, Overfull> {
        self.queue.push(Received { generation, message, len })
    }

    /// Adds that so many messages are in doubt after the connection of this generation. If nobody has taken as many reports
    /// as are kept, it goes with the last one.
    #[must_use = "the reader waits until it is woken"]
    pub fn push_doubt(&mut self, generation: u64, messages: u64) -> Option<Waker> {
        let is_full = self.doubts.len() == MOST_DOUBTS;
        let before = if is_full { self.doubts.pop_back() } else { None };
        self.doubts.push_back((generation, messages + before.map_or(0, |(_, messages)| messages)));
        self.reader.take()
    }

    /// The reader, if it was to be woken in this turn.
    pub fn turn(&mut self) -> Option<Waker> {
        self.queue.turn()
    }

    /// Ends it after all that it holds, and after an error if there is one.
    #[must_use = "the reader waits until it is woken"]
    pub fn end(&mut self, error: Option<Error>) -> Option<Waker> {
        self.error = error;
        self.queue.end()
    }

    /// Whether the reader has been told of the end.
    pub fn is_over(&self) -> bool {
        self.queue.is_over() && self.held.is_none()
    }

    /// How many messages were dropped because there was no room.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    /// Drops what there is and what will come, since there is no reader any more.
    #[must_use = "it must be dropped when no borrow is held"]
    pub fn discard(&mut self) -> [Option<Waker>; 2] {
        self.doubts = VecDeque::new();
        self.held = None;
        [self.queue.discard(), self.reader.take()]
    }

    /// Takes the next message, or what follows the last.
    pub fn take(&mut self) -> Next<T> {
        let taken = self.held.take().unwrap_or_else(|| self.queue.take());
        let generation = if let Taken::Message(received) = &taken { received.generation } else { u64::MAX };
        let is_due = self.doubts.front().is_some_and(|(after, _)| *after < generation);
        if let Some((_, messages)) = is_due.then(|| self.doubts.pop_front()).flatten() {
            // Nothing is lost by not pausing, and if there was nothing there still is.
            self.held = Some(taken).filter(|taken| !matches!(taken, Taken::Empty | Taken::Pause));
            return Next::Error(Error::InDoubt { messages });
        }
        match taken {
            Taken::Message(received) => Next::Message(received.message),
            Taken::Empty => Next::Empty,
            Taken::Pause => Next::Pause,
            // It is the error of the end, too.
            Taken::Overflow => Next::Error(self.error.take().unwrap_or(Error::Overflow)),
            Taken::End => match self.error.take() {
                Some(error) => {
                    self.held = Some(Taken::End);
                    Next::Error(error)
                }
                None => Next::End,
            },
        }
    }

    /// Keeps the reader's waker until there is something to take, and gives back the last ones, to be dropped when no borrow
    /// is held.
    pub fn wait(&mut self, waker: &Waker) -> [Option<Waker>; 2] {
        [self.queue.wait(waker), self.reader.replace(waker.clone())]
    }
}

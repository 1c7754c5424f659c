//! The receive queue: messages that have arrived and that the reader has not taken, followed by the end.

use std::collections::VecDeque;
use std::task::Waker;

#[cfg(feature = "streams")]
use super::reading::ReadAhead;
use super::waking::{Waking, When};
use crate::Overflow;
use crate::sys::Data;

/// The limits of the queue, and what happens to a message that exceeds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub bytes: u64,
    pub messages: usize,
    pub overflow: Overflow,
}

/// A length in bytes that never changes.
pub(crate) trait Len {
    fn len(&self) -> u64;
}

impl Len for Data {
    fn len(&self) -> u64 {
        self.len()
    }
}

/// A queue with one reader. Methods return the reader's waker, so that the caller wakes it when no borrow is held.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    messages: VecDeque<T>,
    bytes: u64,
    limit: Limit,
    dropped: u64,
    end: Option<End>,
    reader: Option<Waker>,
    waking: Waking,
    /// Whether the next turn wakes the reader. Reset when the reader takes from the queue.
    is_gathering: bool,
    /// Whether the reader waits for a turn of the event loop, not for messages.
    is_paused: bool,
    /// The number of messages that the reader may take before the next pause.
    until_pause: usize,
}

/// The end of the queue, after the last message.
#[derive(Debug)]
enum End {
    /// Messages may be missing.
    Loss,
    Clean,
    /// The reader has seen the end. Only then is the stream terminated: `select!` does not poll a terminated stream, so it would
    /// miss the end if the stream were terminated earlier.
    Seen,
}

/// When the caller wakes the reader.
#[derive(Debug)]
pub(crate) enum Wake {
    Now(Waker),
    /// In the next turn of the event loop, by [`Queue::turn`].
    NextTurn,
}

/// The result of taking from the queue.
#[derive(Debug, PartialEq)]
pub(crate) enum Taken<T> {
    Message(T),
    /// Messages may be missing at the end of the queue. Returned once.
    Loss,
    /// The queue has ended.
    End,
    /// The queue is empty for now.
    Empty,
    /// Messages are queued, but the reader must yield to the event loop first.
    Pause,
}

/// The lower and upper bound of the number of messages between two pauses.
///
/// Pauses keep a fast reader from freezing the page. During a pause browsers may deliver far more messages than the lower bound,
/// so the reader takes more of a long queue at once.
const AT_ONCE: (usize, usize) = (128, 1024);
/// Within these bounds, the reader takes one sixteenth of the queued messages between two pauses.
const PART: usize = 16;

impl<T: Len> Queue<T> {
    pub fn new(limit: Limit) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            limit,
            dropped: 0,
            end: None,
            reader: None,
            waking: Waking::new(),
            is_gathering: false,
            is_paused: false,
            until_pause: AT_ONCE.0,
        }
    }

    /// Adds a message. Fails and ends the queue if it is full and the policy is [`Overflow::Close`].
    pub fn push(&mut self, message: T) -> Result<Option<Wake>, Overfull> {
        let bytes = message.len();
        if self.end.is_some() {
            return Ok(None);
        }
        if !self.has_room(bytes) {
            match self.limit.overflow {
                Overflow::Unbounded => {}
                Overflow::Close => {
                    self.dropped += 1;
                    self.end = Some(End::Loss);
                    return Err(Overfull(self.reader.take()));
                }
                Overflow::DropOldest if self.limit.messages > 0 => {
                    while !self.has_room(bytes) {
                        self.pop();
                        self.dropped += 1;
                    }
                }
                Overflow::DropOldest | Overflow::DropNewest => {
                    self.dropped += 1;
                    // Nothing else would wake the reader of an empty queue, which may have to report the gap.
                    let reader = if self.messages.is_empty() { self.reader.take() } else { None };
                    return Ok(reader.map(Wake::Now));
                }
            }
        }
        self.messages.push_back(message);
        self.bytes += bytes;
        Ok(self.wake())
    }

    /// Returns whether there is room for a message of `bytes` bytes. An empty queue has room for any message.
    fn has_room(&self, bytes: u64) -> bool {
        self.messages.len() < self.limit.messages
            && (self.messages.is_empty() || self.bytes.saturating_add(bytes) <= self.limit.bytes)
    }

    /// Returns whether the queue holds as many bytes or messages as the bound allows.
    #[cfg(feature = "streams")]
    pub fn is_full(&self, ReadAhead { bytes, is_half }: ReadAhead) -> bool {
        let part = if is_half { 2 } else { 1 };
        let (most_bytes, most) = (bytes / part, self.limit.messages / part as usize);
        !self.messages.is_empty() && (self.bytes >= most_bytes || self.messages.len() >= most)
    }

    fn is_half_full(&self) -> bool {
        let Limit { bytes, messages, overflow } = self.limit;
        overflow != Overflow::Unbounded && (self.bytes > bytes / 2 || self.messages.len() > messages / 2)
    }

    fn pop(&mut self) -> Option<T> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }

    /// Returns how to wake the reader; `None` if it does not wait, or if a wake is pending.
    fn wake(&mut self) -> Option<Wake> {
        if self.reader.is_none() || self.is_paused || (self.is_gathering && !self.is_half_full()) {
            return None;
        }
        // A half full queue does not wait for the next turn, in which more messages might overflow it.
        if self.is_gathering || self.is_half_full() || self.waking.when() == When::Now {
            return self.reader.take().map(Wake::Now);
        }
        self.is_gathering = true;
        Some(Wake::NextTurn)
    }

    /// Returns the waker of the reader if this turn has to wake it.
    pub fn turn(&mut self) -> Option<Waker> {
        if self.is_gathering || self.is_paused { self.reader.take() } else { None }
    }

    /// Takes the waker of the reader.
    pub fn take_reader(&mut self) -> Option<Waker> {
        self.reader.take()
    }

    /// Ends the queue after its last message. `is_loss` says whether messages may be missing. Only the first call has an effect.
    #[must_use = "the reader waits until it is woken"]
    pub fn end(&mut self, is_loss: bool) -> Option<Waker> {
        self.end.get_or_insert(if is_loss { End::Loss } else { End::Clean });
        self.reader.take()
    }

    /// Returns whether a reader waits for a later turn, although there are messages.
    pub fn has_paused_reader(&self) -> bool {
        self.is_paused && self.reader.is_some()
    }

    /// Returns whether the reader has seen the end.
    pub fn is_over(&self) -> bool {
        matches!(self.end, Some(End::Seen))
    }

    /// Returns whether messages are missing between others.
    pub fn has_gap(&self) -> bool {
        self.dropped > 0 && self.limit.overflow != Overflow::Close
    }

    /// Returns the number of messages that were dropped because there was no room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Drops all queued and later messages, since there is no reader any more.
    #[must_use = "it must be dropped when no borrow is held"]
    pub fn discard(&mut self) -> Option<Waker> {
        self.messages = VecDeque::new();
        self.bytes = 0;
        self.end(false)
    }

    /// Takes all messages at once.
    pub fn drain(&mut self) -> VecDeque<T> {
        self.bytes = 0;
        std::mem::take(&mut self.messages)
    }

    /// Takes the next message, or the end.
    pub fn take(&mut self) -> Taken<T> {
        if std::mem::take(&mut self.is_gathering) {
            self.waking.gathered(self.messages.len());
        }
        self.is_paused = self.until_pause == 0 && !self.messages.is_empty();
        if self.is_paused {
            let (least, most) = AT_ONCE;
            self.until_pause = (self.messages.len() / PART).clamp(least, most);
            return Taken::Pause;
        }
        if let Some(message) = self.pop() {
            self.until_pause = self.until_pause.saturating_sub(1);
            return Taken::Message(message);
        }
        self.until_pause = AT_ONCE.0;
        let (taken, next) = match self.end.take() {
            None => return Taken::Empty,
            Some(End::Loss) => (Taken::Loss, End::Clean),
            Some(End::Clean | End::Seen) => (Taken::End, End::Seen),
        };
        self.end = Some(next);
        taken
    }

    /// Keeps the reader's waker until the queue has a message or an end. Returns the previous waker, which the caller drops when
    /// no borrow is held: dropping a waker may drop a handle of this connection.
    pub fn wait(&mut self, waker: &Waker) -> Option<Waker> {
        self.reader.replace(waker.clone())
    }
}

/// The queue has overflowed and ended. Holds the waker of the reader, which the caller wakes.
#[derive(Debug)]
pub(crate) struct Overfull(pub Option<Waker>);

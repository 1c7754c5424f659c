//! Where each message is that was given to be sent: always in exactly one place.

use std::collections::VecDeque;

use super::kept::{Keep, Kept};
use crate::Message;

/// What becomes of a message when as many wait to be sent as may, because there is no connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// The message is rejected with [`Error::Full`](crate::Error::Full), which hands it back.
    #[default]
    Reject,
    /// The caller waits until there is room.
    Wait,
    /// The oldest that wait make room, and are counted: for what is of interest only as long as it is new.
    DropOldest,
}

/// How many messages are where, of all that were ever given to be sent.
///
/// Each is in exactly one of these places, so the sum of all is what was given. Pings of the heartbeat, and what the preamble
/// sends, are not counted.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rejected: the error handed them back.
    pub rejected: u64,
    /// Waiting for a connection, or for room in it.
    pub queued: u64,
    /// Dropped from the queue, to make room as [`WhenFull::DropOldest`] has it.
    pub dropped: u64,
    /// Taken back from the queue by the caller.
    pub taken_back: u64,
    /// Handed over to the browser, on the connection that is now. Whether the peer has them is not yet known.
    pub unconfirmed: u64,
    /// Received by the peer, for all that can be known.
    pub confirmed: u64,
    /// Handed over on a connection that ended before they were confirmed: the peer may have them, or not.
    pub in_doubt: u64,
}

/// The messages of which nobody knows whether the peer has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InDoubt {
    /// How many there are.
    pub count: u64,
    /// Those that were kept, with the numbers that [`send`](crate::ReconnectingSender::send) gave, in that order: the last
    /// ones of all, and all if they are as many.
    pub messages: Vec<(u64, Message)>,
}

type Numbered<M> = (u64, M);

/// The messages that wait to be sent, and those that were handed over.
#[derive(Debug)]
pub(crate) struct Outbox<M> {
    queue: Kept<Numbered<M>>,
    when_full: WhenFull,
    /// Handed over on this connection, and not confirmed.
    unconfirmed: Kept<Numbered<M>>,
    /// In doubt, and not yet taken by the caller.
    doubtful: Kept<Numbered<M>>,
    last_number: u64,
    /// How many were handed over on this connection.
    handed: u64,
    /// For each ping without an answer, how many were handed over before it.
    pings: VecDeque<u64>,
    counts: Counts,
}

/// More pings than these are not waited for. To forget the last ones confirms less, never more.
const MOST_PINGS: usize = 64;

impl<M> Outbox<M> {
    pub fn new(queue: Keep, when_full: WhenFull, unconfirmed: Keep) -> Self {
        Self {
            queue: Kept::new(queue),
            when_full,
            unconfirmed: Kept::new(unconfirmed),
            doubtful: Kept::new(unconfirmed),
            last_number: 0,
            handed: 0,
            pings: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    pub fn counts(&self) -> Counts {
        Counts { queued: self.queue.len(), unconfirmed: self.unconfirmed.count(), ..self.counts }
    }

    pub fn when_full(&self) -> WhenFull {
        self.when_full
    }

    /// Whether a message of any size may be queued, if it must be by dropping another.
    pub fn has_room(&self) -> bool {
        self.when_full == WhenFull::DropOldest || self.queue.has_room()
    }

    /// Whether nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub fn rejected(&mut self) {
        self.counts.rejected += 1;
    }

    /// Queues a message of so many bytes, and gives its number. If there is no room it is the oldest that goes, which may be
    /// itself.
    pub fn push(&mut self, message: M, bytes: u64) -> u64 {
        while !self.queue.has_room() && self.queue.pop().is_some() {
            self.counts.dropped += 1;
        }
        let number = self.next_number();
        if self.queue.has_room() {
            self.queue.push((number, message), bytes);
        } else {
            self.counts.dropped += 1;
        }
        number
    }

    /// The next message to hand over.
    pub fn front(&self) -> Option<&M> {
        self.queue.front().map(|(_, message)| message)
    }

    /// The next message was handed over.
    pub fn front_handed_over(&mut self) {
        if let Some((message, bytes)) = self.queue.pop() {
            self.handed += 1;
            self.unconfirmed.push_over(message, bytes);
        }
    }

    /// A message was handed over without being queued. Gives its number.
    pub fn handed_over(&mut self, message: M, bytes: u64) -> u64 {
        let number = self.next_number();
        self.handed += 1;
        self.unconfirmed.push_over((number, message), bytes);
        number
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// A ping was handed over.
    pub fn pinged(&mut self) {
        if self.pings.len() < MOST_PINGS {
            self.pings.push_back(self.handed);
        }
    }

    /// Whether a ping has had no answer yet.
    pub fn awaits_pong(&self) -> bool {
        !self.pings.is_empty()
    }

    /// The oldest ping has been answered: what was handed over before it has been received.
    pub fn ponged(&mut self) {
        if let Some(before) = self.pings.pop_front() {
            let confirmed_before = self.handed - self.unconfirmed.count();
            self.confirm(before.saturating_sub(confirmed_before));
        }
    }

    /// All have been received that were handed over on this connection, up to this number. Gives how many more that are.
    pub fn confirm_up_to(&mut self, last: u64) -> u64 {
        self.confirm(self.unconfirmed.count_while(|(number, _)| *number <= last))
    }

    /// All have been received that were handed over on this connection.
    pub fn confirm_all(&mut self) {
        self.confirm(u64::MAX);
    }

    fn confirm(&mut self, messages: u64) -> u64 {
        let confirmed = messages.min(self.unconfirmed.count());
        self.unconfirmed.forget(confirmed);
        self.counts.confirmed += confirmed;
        confirmed
    }

    /// The connection has ended. Gives how many messages are in doubt thereby.
    pub fn lose(&mut self) -> u64 {
        let lost = self.unconfirmed.count();
        self.doubtful.append(&mut self.unconfirmed);
        self.counts.in_doubt += lost;
        self.handed = 0;
        self.pings.clear();
        lost
    }

    /// How many are in doubt and were not taken before, and those of them that were kept.
    pub fn take_in_doubt(&mut self) -> (u64, Vec<Numbered<M>>) {
        (self.doubtful.count(), self.doubtful.take())
    }

    /// What waits to be sent.
    pub fn take_queued(&mut self) -> Vec<M> {
        let queued = self.queue.take();
        self.counts.taken_back += queued.len() as u64;
        queued.into_iter().map(|(_, message)| message).collect()
    }
}

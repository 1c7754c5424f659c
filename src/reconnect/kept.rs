//! Collections of messages with a bound.

use std::collections::VecDeque;

/// The bound of a collection of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keep {
    pub bytes: u64,
    pub messages: usize,
}

/// A message with its number and its length in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Numbered<M> {
    pub number: u64,
    pub message: M,
    pub bytes: u64,
}

/// A queue with a bound, which the caller enforces.
#[derive(Debug)]
pub(crate) struct Pending<M> {
    messages: VecDeque<Numbered<M>>,
    bytes: u64,
    keep: Keep,
}

impl<M> Pending<M> {
    pub fn new(keep: Keep) -> Self {
        Self { messages: VecDeque::new(), bytes: 0, keep }
    }

    /// Returns whether the queue is below its bound: one more message of any size may be queued.
    pub fn has_room(&self) -> bool {
        self.messages.len() < self.keep.messages && self.bytes < self.keep.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub fn len(&self) -> u64 {
        self.messages.len() as u64
    }

    pub fn push(&mut self, message: Numbered<M>) {
        self.bytes = self.bytes.saturating_add(message.bytes);
        self.messages.push_back(message);
    }

    /// Puts back a message that was popped.
    pub fn push_front(&mut self, message: Numbered<M>) {
        self.bytes = self.bytes.saturating_add(message.bytes);
        self.messages.push_front(message);
    }

    pub fn pop(&mut self) -> Option<Numbered<M>> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.bytes;
        Some(message)
    }

    /// Empties the queue.
    pub fn take(&mut self) -> VecDeque<Numbered<M>> {
        self.bytes = 0;
        std::mem::take(&mut self.messages)
    }
}

/// The newest messages up to a bound, in the order of their numbers, and the number of forgotten messages.
#[derive(Debug)]
pub(crate) struct Ring<M> {
    /// The kept messages; `None` for a message that was larger than the bound.
    kept: VecDeque<Numbered<Option<M>>>,
    bytes: u64,
    /// The number of forgotten messages, all before the first kept message.
    forgotten: u64,
    keep: Keep,
}

impl<M> Ring<M> {
    pub fn new(keep: Keep) -> Self {
        Self { kept: VecDeque::new(), bytes: 0, forgotten: 0, keep }
    }

    /// Returns the number of messages, kept or forgotten.
    pub fn count(&self) -> u64 {
        self.forgotten + self.kept.len() as u64
    }

    /// Returns how many messages have a number up to `number`. Returns 0 if no kept message has such a number, since the numbers
    /// of forgotten messages are unknown.
    pub fn count_up_to(&self, number: u64) -> u64 {
        match self.kept.partition_point(|kept| kept.number <= number) {
            0 => 0,
            kept => self.forgotten + kept as u64,
        }
    }

    /// Adds a message, and forgets the oldest messages that exceed the bound. A message that alone exceeds the bound is only
    /// counted.
    pub fn push(&mut self, message: Numbered<M>) {
        let Numbered { number, message, bytes } = message;
        let (message, bytes) = if bytes > self.keep.bytes { (None, 0) } else { (Some(message), bytes) };
        self.kept.push_back(Numbered { number, message, bytes });
        self.bytes += bytes;
        self.forget_excess();
    }

    /// Counts a message without keeping it.
    pub fn push_forgotten(&mut self) {
        self.forgotten += 1;
    }

    /// Adds a message in the order of its number. A message that alone exceeds the bound is only counted.
    pub fn insert(&mut self, message: Numbered<M>) {
        let Numbered { number, message, bytes } = message;
        if bytes > self.keep.bytes {
            return self.push_forgotten();
        }
        let index = self.kept.partition_point(|kept| kept.number < number);
        self.kept.insert(index, Numbered { number, message: Some(message), bytes });
        self.bytes += bytes;
        self.forget_excess();
    }

    /// Removes the oldest kept message.
    pub fn pop(&mut self) -> Option<Numbered<M>> {
        let Numbered { number, message, bytes } = self.pop_kept()?;
        Some(Numbered { number, message: message?, bytes })
    }

    /// Removes the oldest `count` messages, forgotten messages first.
    pub fn remove(&mut self, count: u64) {
        let forgotten = count.min(self.forgotten);
        self.forgotten -= forgotten;
        (forgotten..count).for_each(|_| drop(self.pop_kept()));
    }

    /// Removes the kept messages up to a number. Returns how many were removed.
    pub fn remove_kept_up_to(&mut self, number: u64) -> u64 {
        let kept = self.kept.partition_point(|kept| kept.number <= number);
        (0..kept).for_each(|_| drop(self.pop_kept()));
        kept as u64
    }

    /// Moves all messages of another ring, with the same bound, into this one. Messages that are not kept are only counted.
    pub fn append(&mut self, other: &mut Self) {
        let [first, last] = [self.kept.front(), other.kept.back()].map(|kept| kept.map(|kept| kept.number));
        if last.is_some() && last < first {
            // Then each message goes to the end, which moves no other: a long backlog must not freeze the page.
            std::mem::swap(self, other);
        }
        self.forgotten += std::mem::take(&mut other.forgotten);
        while let Some(Numbered { number, message, bytes }) = other.pop_kept() {
            match message {
                Some(message) => self.insert(Numbered { number, message, bytes }),
                None => self.push_forgotten(),
            }
        }
    }

    /// Returns whether no message is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Returns the kept messages with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &M)> {
        self.kept.iter().filter_map(|kept| Some((kept.number, kept.message.as_ref()?)))
    }

    /// Takes the kept messages with their numbers, and resets the number of forgotten messages.
    pub fn take(&mut self) -> Vec<(u64, M)> {
        (self.bytes, self.forgotten) = (0, 0);
        let kept = std::mem::take(&mut self.kept).into_iter();
        kept.filter_map(|kept| Some((kept.number, kept.message?))).collect()
    }

    fn pop_kept(&mut self) -> Option<Numbered<Option<M>>> {
        let kept = self.kept.pop_front()?;
        self.bytes -= kept.bytes;
        Some(kept)
    }

    fn forget_excess(&mut self) {
        while self.kept.len() > self.keep.messages || self.bytes > self.keep.bytes {
            self.pop_kept();
            self.forgotten += 1;
        }
    }
}

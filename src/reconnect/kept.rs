//! Messages that are kept up to a bound.

use std::collections::VecDeque;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keep {
    pub bytes: u64,
    pub messages: usize,
}

/// The newest of some messages, and how many there were before them.
#[derive(Debug)]
pub(crate) struct Kept<M> {
    messages: VecDeque<(M, u64)>,
    bytes: u64,
    forgotten: u64,
    keep: Keep,
}

impl<M> Kept<M> {
    pub fn new(keep: Keep) -> Self {
        Self { messages: VecDeque::new(), bytes: 0, forgotten: 0, keep }
    }

    /// Whether one more may be kept, of any size.
    pub fn has_room(&self) -> bool {
        self.messages.len() < self.keep.messages && self.bytes < self.keep.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// How many are kept.
    pub fn len(&self) -> u64 {
        self.messages.len() as u64
    }

    /// How many there are, kept or forgotten.
    pub fn count(&self) -> u64 {
        self.forgotten + self.len()
    }

    pub fn front(&self) -> Option<&M> {
        self.messages.front().map(|(message, _)| message)
    }

    /// How many there are before the first that is kept and for which this is false: they are in the order for which that
    /// makes sense.
    pub fn count_while(&self, is_before: impl Fn(&M) -> bool) -> u64 {
        match self.messages.partition_point(|(message, _)| is_before(message)) {
            // Of those that were forgotten it cannot be told.
            0 => 0,
            kept => self.forgotten + kept as u64,
        }
    }

    pub fn push(&mut self, message: M, bytes: u64) {
        self.messages.push_back((message, bytes));
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Adds a message, and forgets the oldest for which there is no room then.
    pub fn push_over(&mut self, message: M, bytes: u64) {
        self.push(message, bytes);
        while self.messages.len() > self.keep.messages || self.bytes > self.keep.bytes {
            self.pop();
            self.forgotten += 1;
        }
    }

    pub fn pop(&mut self) -> Option<(M, u64)> {
        let (message, bytes) = self.messages.pop_front()?;
        self.bytes -= bytes;
        Some((message, bytes))
    }

    /// Removes so many, those that were forgotten first.
    pub fn forget(&mut self, count: u64) {
        let forgotten = count.min(self.forgotten);
        self.forgotten -= forgotten;
        (forgotten..count).for_each(|_| drop(self.pop()));
    }

    /// Adds all that another has, which is left empty. Its order is the order of time.
    pub fn append(&mut self, other: &mut Self) {
        if other.forgotten > 0 {
            // What was kept of this is older than what was forgotten of the other.
            self.forgotten = self.count() + std::mem::take(&mut other.forgotten);
            self.messages.clear();
            self.bytes = 0;
        }
        while let Some((message, bytes)) = other.pop() {
            self.push_over(message, bytes);
        }
    }

    /// Takes all that are kept, and forgets how many there were before.
    pub fn take(&mut self) -> Vec<M> {
        (self.bytes, self.forgotten) = (0, 0);
        std::mem::take(&mut self.messages).into_iter().map(|(message, _)| message).collect()
    }
}

//! Messages that were sent, and that the browser's writer has not finished.

use std::collections::VecDeque;
use std::mem::take;

use wasm_bindgen::JsValue;

use super::bindings::Pending;

/// The number of bytes after which the page waits for a message, even if it waits for an earlier one. The heartbeat and the close
/// timeout would otherwise take a slow network for a dead one.
const BATCH: u64 = 16 << 10;

/// The messages that the writer has, and those that wait for a Blob before them to be read.
///
/// The page waits only for the last message of each batch: a call into wasm for each small message would cost more than the
/// message.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The lengths of the batches that the writer has not finished, oldest first.
    batches: Vec<u64>,
    /// The length of the messages behind them. They become a batch when they are long enough, or when the writer has finished all
    /// others.
    behind: u64,
    /// The promise of the last of them.
    last: Option<Pending>,
    /// The messages that wait. The first is always a Blob that is being read.
    waiting: VecDeque<(Part, u64)>,
    unsent: u64,
    /// Whether the writer has finished a message. Before that it may not have started.
    is_started: bool,
}

/// A message that waits for a Blob to be read.
#[derive(Debug)]
pub enum Part {
    Blob(JsValue),
    Chunk(JsValue),
}

impl Outbox {
    /// Returns the number of bytes that have not left this page, as far as it knows. Empty messages count as one byte together, since
    /// they have to leave, too.
    pub fn unsent(&self) -> u64 {
        self.unsent.max(u64::from(!self.is_empty()))
    }

    pub fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.waiting.is_empty()
    }

    /// Returns whether the writer reads the next message before `write` returns, and keeps no reference to its bytes.
    pub fn is_idle(&self) -> bool {
        self.is_started && self.is_empty()
    }

    /// Returns whether messages wait for a Blob.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Counts a message of `len` bytes that the writer gets. Returns whether to wait for it.
    pub fn write(&mut self, len: u64) -> bool {
        self.unsent += len;
        self.behind += len;
        let is_awaited = self.batches.is_empty() || self.behind >= BATCH;
        if is_awaited {
            self.end_batch();
        }
        is_awaited
    }

    /// Keeps the promise of a message that is not waited for now.
    pub fn keep(&mut self, promise: Pending) {
        self.last = Some(promise);
    }

    /// Queues a message. Returns whether it is the only one that waits.
    pub fn wait(&mut self, part: Part, len: u64) -> bool {
        self.unsent += len;
        self.waiting.push_back((part, len));
        self.waiting.len() == 1
    }

    fn end_batch(&mut self) -> Option<Pending> {
        self.batches.push(take(&mut self.behind));
        self.last.take()
    }

    /// Removes the oldest batch, which the writer has finished. Returns the promise to wait for next, if any.
    pub fn written(&mut self) -> Option<Pending> {
        self.is_started = true;
        if !self.batches.is_empty() {
            self.unsent -= self.batches.remove(0);
        }
        if self.batches.is_empty() && self.last.is_some() { self.end_batch() } else { None }
    }

    /// Removes all messages of the writer, which has refused one, and so all behind it. They still count as unsent.
    pub fn refused(&mut self) {
        self.batches.clear();
        self.behind = 0;
        self.last = None;
    }

    /// Removes the Blob that was read, and returns its length.
    pub fn blob_read(&mut self) -> u64 {
        let len = self.waiting.pop_front().map_or(0, |(_, len)| len);
        self.unsent -= len;
        len
    }

    /// Returns the next message that no longer waits, or the Blob to be read next.
    pub fn next(&mut self) -> Option<Result<(JsValue, u64), JsValue>> {
        match self.waiting.front()? {
            (Part::Blob(blob), _) => Some(Err(blob.clone())),
            (Part::Chunk(_), _) => {
                let (part, len) = self.waiting.pop_front()?;
                self.unsent -= len;
                let (Part::Chunk(chunk) | Part::Blob(chunk)) = part;
                Some(Ok((chunk, len)))
            }
        }
    }

    /// Removes the messages that wait for a Blob, and also those of the writer unless it `finishes`. They still count as unsent.
    pub fn give_up(&mut self, finishes: bool) {
        self.waiting.clear();
        if !finishes {
            self.refused();
        }
    }
}

//! Messages that were sent, and that the browser's writer has not finished.

use std::collections::VecDeque;

use wasm_bindgen::JsValue;

/// The messages that the writer has, and those that wait for a Blob before them to be read.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The lengths of the messages that the writer has not finished, oldest first.
    written: VecDeque<u64>,
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
    /// Returns the number of bytes that have not left this page, as far as it knows.
    pub fn unsent(&self) -> u64 {
        self.unsent
    }

    pub fn is_empty(&self) -> bool {
        self.written.is_empty() && self.waiting.is_empty()
    }

    /// Returns whether the writer reads the next message before `write` returns, and keeps no reference to its bytes.
    pub fn is_idle(&self) -> bool {
        self.is_started && self.is_empty()
    }

    /// Returns whether messages wait for a Blob.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Counts a message of `len` bytes that the writer gets.
    pub fn write(&mut self, len: u64) {
        self.unsent += len;
        self.written.push_back(len);
    }

    /// Queues a message. Returns whether it is the only one that waits.
    pub fn wait(&mut self, part: Part, len: u64) -> bool {
        self.unsent += len;
        self.waiting.push_back((part, len));
        self.waiting.len() == 1
    }

    /// Removes the oldest message, which the writer has finished.
    pub fn written(&mut self) {
        self.is_started = true;
        self.unsent -= self.written.pop_front().unwrap_or_default();
    }

    /// Removes the oldest message, which the writer has refused. It still counts as unsent.
    pub fn refused(&mut self) {
        self.written.pop_front();
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
            self.written.clear();
        }
    }
}

//! What was sent and has not been taken by the browser's writer.

use std::collections::VecDeque;

use wasm_bindgen::JsValue;

/// The messages that are on their way to the network, and those that wait for a Blob to be read, since they come after it.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The lengths of the messages that the writer has, oldest first.
    written: VecDeque<u64>,
    /// The first one is a Blob that is being read, unless there is none.
    waiting: VecDeque<(Part, u64)>,
    unsent: u64,
    /// Whether the writer has ever finished a message. Until then it may not have begun to take any.
    is_started: bool,
}

/// A message that waits.
#[derive(Debug)]
pub enum Part {
    Blob(JsValue),
    Chunk(JsValue),
}

impl Outbox {
    /// The bytes that have not left this page, as far as it knows.
    pub fn unsent(&self) -> u64 {
        self.unsent
    }

    pub fn is_empty(&self) -> bool {
        self.written.is_empty() && self.waiting.is_empty()
    }

    /// Whether the writer looks at a message before `write` returns, and keeps nothing of it.
    pub fn is_idle(&self) -> bool {
        self.is_started && self.is_empty()
    }

    /// Whether messages wait for a Blob.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The writer has got a message of so many bytes.
    pub fn write(&mut self, len: u64) {
        self.unsent += len;
        self.written.push_back(len);
    }

    /// A message waits. Returns whether it is the first one that does.
    pub fn wait(&mut self, part: Part, len: u64) -> bool {
        self.unsent += len;
        self.waiting.push_back((part, len));
        self.waiting.len() == 1
    }

    /// The writer has finished its oldest message.
    pub fn written(&mut self) {
        self.is_started = true;
        self.unsent -= self.written.pop_front().unwrap_or_default();
    }

    /// The writer has refused its oldest message, which stays counted.
    pub fn refused(&mut self) {
        self.written.pop_front();
    }

    /// The Blob was read: removes it, and returns its length.
    pub fn blob_read(&mut self) -> u64 {
        let len = self.waiting.pop_front().map_or(0, |(_, len)| len);
        self.unsent -= len;
        len
    }

    /// The next message that need not wait any more, or the Blob that is to be read next.
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

    /// Nothing more will be sent. What was not stays counted.
    pub fn give_up(&mut self) {
        self.written.clear();
        self.waiting.clear();
    }
}

//! What a program receives on one connection, checked against what the peer has sent.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_websocket::{CloseEvent, Error, Message, Overflow};

use crate::account::Account;
use crate::dialect::try_read;
use crate::peer::Conversation;
use crate::seeds::note;

/// What the program has received.
pub struct Reading {
    conversation: Rc<Conversation>,
    pub overflow: Overflow,
    /// The number of the next message, of those that are not lost.
    next: Cell<u32>,
    /// The messages that were taken, or of which an error told.
    taken: Cell<u32>,
    /// The error that is the last item.
    last_error: RefCell<Option<Error>>,
    is_over: Cell<bool>,
}

impl Reading {
    pub fn new(conversation: &Rc<Conversation>, overflow: Overflow) -> Self {
        Self {
            conversation: Rc::clone(conversation),
            overflow,
            next: Cell::default(),
            taken: Cell::default(),
            last_error: RefCell::default(),
            is_over: Cell::default(),
        }
    }

    /// A message was received. A Blob must have been read before.
    pub fn received(&self, message: &Message) {
        self.received_number(self.conversation.dialect.number_of(message));
    }

    /// The message of a number was received.
    pub fn received_number(&self, number: u32) {
        let next = self.next.replace(number + 1);
        assert!(number >= next, "message {number} is received after {}", next - 1);
        assert!(number == next || !self.is_lossless(), "message {number} is received instead of {next}");
        assert!(number < self.conversation.sent.get(), "message {number} was never sent");
        self.take();
    }

    /// A message was received whose number cannot be read, such as an object of JavaScript.
    pub fn received_unread(&self, is_text: bool) {
        let next = self.next.get();
        if self.is_lossless() {
            let was_text = self.conversation.are_texts.borrow().get(next as usize).copied();
            assert_eq!(Some(is_text), was_text, "something else is received instead of message {next}");
        }
        self.received_number(next);
    }

    fn is_lossless(&self) -> bool {
        matches!(self.overflow, Overflow::Close | Overflow::Unbounded)
    }

    fn take(&self) {
        self.is_not_over();
        self.taken.set(self.taken.get() + 1);
    }

    fn is_not_over(&self) {
        assert!(!self.is_over.get(), "something is received after the end");
        assert_eq!(*self.last_error.borrow(), None, "something is received after the last error");
    }

    fn failed(&self, error: Error) {
        if let Error::OutOfMemory(_) = error {
            self.next.set(self.next.get() + 1);
            return self.take();
        }
        self.is_not_over();
        self.last_error.replace(Some(error));
    }

    pub fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// The error with which the messages end.
    pub fn last_error(&self) -> Option<Error> {
        self.last_error.borrow().clone()
    }

    pub fn has_overflowed(&self) -> bool {
        matches!(*self.last_error.borrow(), Some(Error::Overflow))
    }
}

impl Account {
    /// There was an error instead of a message.
    pub fn failed(&self, error: Error) {
        if let Error::OutOfMemory(bytes) = error {
            assert!(bytes > self.world.memory.get(), "there is memory for {bytes} bytes");
        }
        self.reading.failed(error);
    }

    /// A message was received, whose bytes are still to be read if it is a Blob.
    pub async fn received(&self, message: Message) {
        match try_read(message).await {
            Ok(message) => self.reading.received(&message),
            Err(error) => self.failed(error),
        }
    }

    /// The stream has ended. So many messages were dropped.
    pub fn ended(&self, dropped: u64) {
        note(&self.world.page, || "page: the stream ends".into());
        let reading = &self.reading;
        reading.is_over.set(true);
        let (sent, taken) = (u64::from(self.conversation.sent.get()), u64::from(reading.taken.get()));
        assert!(taken + dropped <= sent, "{taken} messages were received and {dropped} dropped, of {sent}");
        if reading.last_error.borrow().is_some() || self.close.get().is_some() || self.sink_closes.get() {
            return;
        }
        // The task that waits for the end may be woken after this one.
        let end = self.end();
        let is_clean = matches!(end, None | Some(Ok(CloseEvent { was_clean: true, .. })));
        assert!(is_clean, "the stream ends as if the end were clean: {end:?}");
        // Everything that the peer had sent before its Close was received, or is counted as dropped.
        assert_eq!(taken + dropped, sent, "messages are lost, and the stream ends as if none were");
    }
}

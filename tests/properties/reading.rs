//! The messages that a program receives on one connection, checked against the messages that the peer has sent.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_websocket::{CloseEvent, Error, Message, Overflow};

use crate::account::Account;
use crate::dialect::try_read;
use crate::peer::Conversation;
use crate::seeds::note;

/// The account of received messages.
pub struct Reading {
    conversation: Rc<Conversation>,
    pub overflow: Overflow,
    /// The lowest number that the next message can have.
    next: Cell<u32>,
    /// The number of messages that were taken, or that an error has replaced.
    taken: Cell<u32>,
    /// The error that was the last item.
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

    /// Notes a received message. A Blob must have been read before.
    pub fn received(&self, message: &Message) {
        self.received_number(self.conversation.dialect.number_of(message));
    }

    /// Notes a received message by its number.
    pub fn received_number(&self, number: u32) {
        let next = self.next.replace(number + 1);
        assert!(number >= next, "message {number} is received after {}", next - 1);
        assert!(number == next || !self.is_lossless(), "message {number} is received instead of {next}");
        assert!(number < self.conversation.sent.get(), "message {number} was never sent");
        self.take();
    }

    /// Notes a received message whose number cannot be read, such as a raw message.
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

    /// Returns the error that was the last item.
    pub fn last_error(&self) -> Option<Error> {
        self.last_error.borrow().clone()
    }

    pub fn has_overflowed(&self) -> bool {
        matches!(*self.last_error.borrow(), Some(Error::Overflow))
    }
}

impl Account {
    /// Notes an error that was yielded instead of a message.
    pub fn failed(&self, error: Error) {
        if let Error::OutOfMemory(bytes) = error {
            assert!(bytes > self.world.memory.get(), "there is memory for {bytes} bytes");
        }
        self.reading.failed(error);
    }

    /// Notes a received message, after reading it if it is a Blob.
    pub async fn received(&self, message: Message) {
        match try_read(message).await {
            Ok(message) => self.reading.received(&message),
            Err(error) => self.failed(error),
        }
    }

    /// Notes the end of the stream, with the number of dropped messages.
    pub fn ended(&self, dropped: u64) {
        note(&self.world.page, || "page: the stream ends".into());
        let reading = &self.reading;
        reading.is_over.set(true);
        let (sent, taken) = (u64::from(self.conversation.sent.get()), u64::from(reading.taken.get()));
        assert!(taken + dropped <= sent, "{taken} messages were received and {dropped} dropped, of {sent}");
        if reading.last_error.borrow().is_some() || self.close.get().is_some() || self.sink_closes.get() {
            return;
        }
        // The task that waits for the end may be woken after this task.
        let end = self.end();
        let is_clean = matches!(end, None | Some(Ok(CloseEvent { was_clean: true, .. })));
        assert!(is_clean, "the stream ends as if the end were clean: {end:?}");
        // Every message that the peer has sent before its Close frame was received, or is counted as dropped.
        assert_eq!(taken + dropped, sent, "messages are lost, and the stream ends as if none were");
    }
}

//! The messages that were received on all connections, checked against the messages that their peers have sent.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use wasm_websocket::{Error, Message, Overflow};

use super::book::{Book, EACH};
use crate::dialect::Dialect;
use crate::peer::PONG;

/// The account of messages that the stream and the preambles have received.
pub struct Reading {
    book: Rc<Book>,
    overflow: Overflow,
    most: usize,
    /// The last message that the stream has yielded.
    last: Cell<Option<u32>>,
    /// The number of messages that were received of each connection, and the last of them.
    taken: RefCell<BTreeMap<u32, (u32, u32)>>,
    /// A turn of the event loop, and the number of messages that were received in it.
    at_once: Cell<(u64, usize)>,
    /// The same for the last preamble, with the number of its connection.
    prepared: Cell<(u32, (u64, usize))>,
    last_error: RefCell<Option<Error>>,
    is_over: Cell<bool>,
}

impl Reading {
    pub fn new(book: &Rc<Book>, overflow: Overflow, most: usize) -> Self {
        Self {
            book: Rc::clone(book),
            overflow,
            most,
            last: Cell::default(),
            taken: RefCell::default(),
            at_once: Cell::default(),
            prepared: Cell::default(),
            last_error: RefCell::default(),
            is_over: Cell::default(),
        }
    }

    fn is_lossless(&self) -> bool {
        matches!(self.overflow, Overflow::Close | Overflow::Unbounded)
    }

    /// Notes a message that the stream has yielded. A Blob must have been read before.
    pub fn received(&self, message: &Message) {
        let number = self.receives(message);
        if let Some(last) = self.last.replace(Some(number)) {
            assert!(number > last, "message {number} is received after {last}");
        }
    }

    /// Notes a message that the stream or a preamble has received, and returns its number. A preamble may receive messages before
    /// the stream yields earlier ones.
    pub fn receives(&self, message: &Message) -> u32 {
        assert!(!self.is_over.get(), "something is received after the end");
        assert_eq!(*self.last_error.borrow(), None, "something is received after the last error");
        assert_ne!(message.as_text(), Some(PONG), "an answer to the heartbeat is passed on");
        let number = Dialect::Plain.number_of(message);
        let (connection, index) = (number / EACH, number % EACH);
        let before = self.taken.borrow().get(&connection).copied();
        assert!(before.is_none_or(|(_, last)| number > last), "message {number} is received after {before:?}");
        let taken = before.map_or(0, |(taken, _)| taken) + 1;
        self.taken.borrow_mut().insert(connection, (taken, number));
        assert!(
            index + 1 == taken || !self.is_lossless(),
            "message {index} of connection {connection} is number {taken}"
        );
        let conversations = self.book.conversations.borrow();
        let sent = conversations.get(&connection).map_or(0, |conversation| conversation.sent.get());
        assert!(index < sent, "message {index} of connection {connection} was never sent");
        number
    }

    /// Notes a message that was taken in this turn of the event loop, and checks that not more were queued than the limit: only
    /// queued messages can be taken in one turn.
    pub fn is_limited(&self, turn: u64) {
        self.at_once.set(counted(self.at_once.get(), turn));
        self.is_in_bounds(self.at_once.get().1, "were queued");
    }

    /// Notes a message that the preamble of a connection has received. The messages that it receives in one turn of the event
    /// loop were queued.
    pub fn is_prepared_with(&self, connection: u32, turn: u64) {
        let (last, at_once) = self.prepared.get();
        let at_once = if last == connection { counted(at_once, turn) } else { (turn, 1) };
        self.prepared.set((connection, at_once));
        self.is_in_bounds(at_once.1, "were queued for a preamble");
    }

    fn is_in_bounds(&self, count: usize, what: &str) {
        let is_in_bounds = self.overflow == Overflow::Unbounded || count <= self.most.max(1);
        assert!(is_in_bounds, "{count} messages {what}, and {} may be", self.most);
    }

    pub fn failed(&self, error: Error) {
        assert!(!self.is_over.get() && self.last_error.borrow().is_none(), "{error:?} comes after the end");
        self.last_error.replace(Some(error));
    }

    pub fn ended(&self) {
        self.is_over.set(true);
    }

    /// Returns whether the stream has ended.
    pub fn is_over(&self) -> bool {
        self.is_over.get()
    }

    pub fn last_error(&self) -> Option<Error> {
        self.last_error.borrow().clone()
    }

    /// Checks that every message was received that the peers have sent before they closed these connections.
    pub fn check_complete(&self, closed: &[u32], dropped: u64) {
        if self.is_lossless() && dropped == 0 {
            for connection in closed {
                let sent = self.book.conversation(*connection).sent.get();
                let taken = self.taken.borrow().get(connection).map_or(0, |(taken, _)| *taken);
                assert_eq!(taken, sent, "messages of connection {connection} are lost, which ended cleanly");
            }
        }
        let conversations = self.book.conversations.borrow();
        let sum = |closed: &[u32]| -> u64 {
            closed.iter().map(|connection| u64::from(conversations[connection].sent.get())).sum()
        };
        let all: Vec<_> = conversations.keys().copied().collect();
        let taken: u64 = self.taken.borrow().values().map(|(taken, _)| u64::from(*taken)).sum();
        assert!(taken + dropped >= sum(closed), "{taken} were received and {dropped} dropped, of more that arrived");
        assert!(taken + dropped <= sum(&all), "{taken} were received and {dropped} dropped, of less that were sent");
    }
}

/// Counts events in one turn of the event loop.
fn counted((last, count): (u64, usize), turn: u64) -> (u64, usize) {
    (turn, if last == turn { count + 1 } else { 1 })
}

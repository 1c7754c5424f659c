//! What the program has handed over and received on one connection, checked against what the peer knows.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use wasm_websocket::{CloseEvent, Error, Message, Overflow};

use crate::peer::Conversation;
use crate::plan::{Letter, number_of};
use crate::seeds::note;
use crate::unmended::{Unmended, is_unmended};
use crate::world::World;

/// The account of one connection.
pub struct Account {
    pub world: Rc<World>,
    pub conversation: Rc<Conversation>,
    last_number: Cell<u32>,
    /// The numbers of the messages that were handed over, in that order.
    handed_over: RefCell<Vec<u32>>,
    /// Those who wait to send, by the order in which they began to.
    waiting: RefCell<BTreeSet<u64>>,
    last_ticket: Cell<u64>,
    /// The code with which the program has begun to close: 1005 if it gave none.
    pub close: Cell<Option<u16>>,
    /// When the end was told, and how.
    pub end: RefCell<Option<(Duration, Result<CloseEvent, Error>)>>,
    /// What the calls of `close` gave.
    pub closings: RefCell<Vec<Result<CloseEvent, Error>>>,
    pub reading: Reading,
}

/// What the program has received.
#[derive(Default)]
pub struct Reading {
    pub overflow: Cell<Overflow>,
    /// The number of the next message, of those that are not lost.
    next: Cell<u32>,
    /// The messages that were taken, or of which an error told.
    taken: Cell<u32>,
    /// What came last before the end, if it was an error that ends the stream.
    last_error: RefCell<Option<Error>>,
    is_over: Cell<bool>,
}

impl Account {
    pub fn new(world: &Rc<World>, overflow: Overflow) -> Rc<Self> {
        Rc::new(Self {
            world: Rc::clone(world),
            conversation: Rc::default(),
            last_number: Cell::default(),
            handed_over: RefCell::default(),
            waiting: RefCell::default(),
            last_ticket: Cell::default(),
            close: Cell::default(),
            end: RefCell::default(),
            closings: RefCell::default(),
            reading: Reading { overflow: Cell::new(overflow), ..Reading::default() },
        })
    }

    /// The next message to send, and its number.
    pub fn write(&self, letter: Letter) -> (u32, Message) {
        let number = self.next_number();
        (number, letter.message(number))
    }

    pub fn next_number(&self) -> u32 {
        self.last_number.set(self.last_number.get() + 1);
        self.last_number.get()
    }

    /// A message was handed over: to be called in the same step, so that the order is right.
    pub fn handed_over(&self, number: u32) {
        note(&self.world.page, || format!("page: {number} is handed over"));
        self.handed_over.borrow_mut().push(number);
    }

    /// Lets somebody send, behind all who wait already.
    ///
    /// # Panics
    ///
    /// If what was sent has overtaken another.
    pub async fn in_turn<T, E>(&self, send: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let mut place = None;
        let mut send = pin!(send);
        let sent = poll_fn(|context| {
            let polled = send.as_mut().poll(context);
            if polled.is_pending() && place.is_none() {
                place = Some(self.wait());
            }
            polled
        })
        .await;
        let before = place.as_ref().map_or(u64::MAX, |place| place.ticket);
        if sent.is_ok() {
            self.is_first(before);
        }
        sent
    }

    /// Checks that nobody waits who began to wait before.
    pub fn is_first(&self, before: u64) {
        if is_unmended(Unmended::SendersInOrder) {
            return;
        }
        let first = self.waiting.borrow().first().copied();
        assert!(first.is_none_or(|first| first >= before), "a sender has overtaken one that waits");
    }

    fn wait(&self) -> Place<'_> {
        let ticket = self.last_ticket.get() + 1;
        self.last_ticket.set(ticket);
        self.waiting.borrow_mut().insert(ticket);
        Place { account: self, ticket }
    }

    /// Waits for something that the end of the connection ends at once.
    pub async fn until_end<F: Future>(&self, what: &str, future: F) -> F::Output {
        let page = &self.world.page;
        let began = page.elapsed();
        let output = future.await;
        let ended = self.end.borrow().as_ref().map(|(at, _)| *at);
        if let Some(ended) = ended {
            assert_eq!(page.elapsed(), ended.max(began), "{what} goes on after the end");
        }
        output
    }

    /// Waits until everything that was sent has left, and checks that it has, and that it was said in time.
    pub async fn flush<E>(&self, flush: impl Future<Output = Result<(), E>>) -> Result<(), E> {
        let page = &self.world.page;
        let (began, undisturbed, was_unsent) = (page.elapsed(), self.world.undisturbed(), page.unsent());
        let emptied = Cell::new((was_unsent == 0).then_some(began));
        let watch = async {
            while emptied.get().is_none() {
                page.sleep(Duration::from_millis(1)).await;
                if page.unsent() == 0 {
                    emptied.set(Some(page.elapsed()));
                }
            }
            std::future::pending::<()>().await;
        };
        let flushed = match futures_util::future::select(pin!(flush), pin!(watch)).await {
            futures_util::future::Either::Left((flushed, _)) => flushed,
            futures_util::future::Either::Right(_) => unreachable!("it watches for ever"),
        };
        if flushed.is_ok() {
            assert_eq!(page.unsent(), 0, "a flush says that everything has left");
            let late = page.elapsed() - emptied.get().unwrap_or(page.elapsed());
            // It looks after 4, 8, 16, 32 and then every 50 ms.
            let waited = emptied.get().unwrap_or_default().saturating_sub(began) + Duration::from_millis(5);
            let limit = if was_unsent == 0 { Duration::ZERO } else { waited.min(Duration::from_millis(51)) };
            if undisturbed.is_some() && undisturbed == self.world.undisturbed() {
                assert!(late <= limit, "a flush takes {late:?} more than it must, which is {limit:?}");
            }
        }
        flushed
    }
}

/// A place in the line of those who wait to send.
struct Place<'a> {
    account: &'a Account,
    ticket: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.account.waiting.borrow_mut().remove(&self.ticket);
    }
}

/// What was received, and what was sent.
impl Account {
    /// A message was received. A Blob must have been read before.
    pub fn received(&self, message: &Message) {
        let (number, reading) = (number_of(message), &self.reading);
        let is_lossless = matches!(reading.overflow.get(), Overflow::Close | Overflow::Unbounded);
        let next = reading.next.replace(number + 1);
        assert!(number >= next, "message {number} is received after {}", next - 1);
        assert!(number == next || !is_lossless, "message {number} is received instead of {next}");
        assert!(number < self.conversation.sent.get(), "message {number} was never sent");
        self.taken();
    }

    fn taken(&self) {
        assert!(!self.reading.is_over.get(), "something is received after the end");
        assert_eq!(*self.reading.last_error.borrow(), None, "something is received after the last error");
        self.reading.taken.set(self.reading.taken.get() + 1);
    }

    /// The stream had an error.
    pub fn failed(&self, error: Error) {
        note(&self.world.page, || format!("page: receives an error: {error:?}"));
        self.taken();
        if let Error::OutOfMemory(_) = error {
            self.reading.next.set(self.reading.next.get() + 1);
            return;
        }
        self.reading.taken.set(self.reading.taken.get() - 1);
        self.reading.last_error.replace(Some(error));
    }

    /// The stream has ended. So many messages were dropped.
    pub fn ended(&self, dropped: u64) {
        note(&self.world.page, || "page: the stream ends".into());
        self.reading.is_over.set(true);
        let (sent, taken) = (u64::from(self.conversation.sent.get()), u64::from(self.reading.taken.get()));
        assert!(taken + dropped <= sent, "{taken} messages were received and {dropped} dropped, of {sent}");
        let error = self.reading.last_error.borrow();
        match &*error {
            // Everything that the peer had sent before its Close was received, or is counted as dropped.
            None if self.close.get().is_none() => {
                let end = self.end();
                if matches!(&end, Some(Ok(event)) if !event.was_clean) && is_unmended(Unmended::LossIsTold) {
                    return;
                }
                assert!(
                    matches!(end, Some(Ok(CloseEvent { was_clean: true, .. }))),
                    "the stream ends as if it were clean: {end:?}"
                );
                assert_eq!(taken + dropped, sent, "messages are lost, and the stream ends as if none were");
            }
            _ => {}
        }
    }

    /// The program begins to close, with a code. The first one is the one that counts.
    pub fn closes(&self, code: u16) {
        if self.end().is_none() && self.close.get().is_none() {
            self.close.set(Some(code));
        }
    }

    pub fn end(&self) -> Option<Result<CloseEvent, Error>> {
        self.end.borrow().as_ref().map(|(_, end)| end.clone())
    }

    /// Checks what the peer has received, when its application has read all that it reads.
    pub fn check_received(&self) {
        let received: Vec<_> = self.conversation.received.borrow().iter().map(number_of).collect();
        let handed_over = self.handed_over.borrow();
        assert!(
            handed_over.starts_with(&received),
            "the peer has received {received:?}, but {handed_over:?} were handed over"
        );
        let end = self.end();
        let is_page_first = self.conversation.close.get().is_none();
        let is_whole = self.conversation.has_read_all.get()
            && !self.conversation.is_broken.get()
            && !self.conversation.is_stuck.get();
        if is_page_first && is_whole {
            assert_eq!(received, *handed_over, "the peer has not received all, and the connection ended with {end:?}");
        }
    }

    /// Checks how the connection has ended, by what both sides have said.
    pub fn check_end(&self) {
        for closing in &*self.closings.borrow() {
            assert_eq!(Some(closing), self.end().as_ref(), "a close gives something else than `closed`");
        }
        if matches!(&*self.reading.last_error.borrow(), Some(Error::Overflow)) && !is_unmended(Unmended::OverflowIsTold)
        {
            assert_eq!(self.end(), Some(Err(Error::Overflow)), "only the reader is told of an overflow");
        }
        let Some(Ok(event)) = self.end() else { return };
        let (peer, page) = (self.conversation.close.get(), self.close.get());
        if event.was_clean {
            // After an overflow it is the crate that closes.
            let is_overflow = peer.is_none() && self.reading.overflow.get() == Overflow::Close && event.code == 1005;
            assert!(
                is_overflow || Some(event.code) == peer.or(page),
                "a clean end by {event}, but the peer closed with {peer:?}, and the page with {page:?}"
            );
        } else {
            assert_eq!(event.code, 1006);
            let is_lost = self.conversation.is_broken.get() || self.conversation.is_stuck.get();
            assert!(is_lost, "the connection is lost, though nothing broke it");
        }
    }
}

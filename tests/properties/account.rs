//! What the program has handed over and received on one connection, checked against what the peer knows.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use wasm_websocket::{CloseEvent, Closed, Error, Message, Options, Overflow, WebSocketStream};

use crate::dialect::Dialect;
use crate::peer::{Answer, Conversation, PeerPlan};
use crate::plan::{Letter, OptionsPlan};
use crate::reading::Reading;
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

impl Account {
    pub fn new(world: &Rc<World>, overflow: Overflow, dialect: Dialect) -> Rc<Self> {
        let conversation = Rc::new(Conversation { dialect, ..Conversation::default() });
        Rc::new(Self {
            world: Rc::clone(world),
            reading: Reading::new(&conversation, overflow),
            conversation,
            last_number: Cell::default(),
            handed_over: RefCell::default(),
            waiting: RefCell::default(),
            last_ticket: Cell::default(),
            close: Cell::default(),
            end: RefCell::default(),
            closings: RefCell::default(),
        })
    }

    /// The next message to send, and its number.
    pub fn write(&self, letter: Letter) -> (u32, Message) {
        let number = self.next_number();
        (number, self.conversation.dialect.message(number, letter))
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

/// How it ends.
impl Account {
    /// The program begins to close, with a code. The first one is the one that counts.
    pub fn closes(&self, code: u16) {
        if self.end().is_none() && self.close.get().is_none() {
            self.close.set(Some(code));
        }
    }

    /// Waits until a sink has closed, and checks that it says so only if everything was sent.
    pub async fn close_sink<E>(&self, close: impl Future<Output = Result<(), E>>) -> Result<(), E> {
        let closed = close.await;
        if closed.is_ok() && !is_unmended(Unmended::SinkClose) {
            assert_eq!(self.world.page.unsent(), 0, "a sink says that all was sent before it closed");
        }
        closed
    }

    /// Hears how the connection ends.
    pub fn watch(self: &Rc<Self>, closed: Closed) {
        let account = Rc::clone(self);
        self.world.spawn(async move {
            let end = closed.await;
            let page = &account.world.page;
            note(page, || format!("page: the end is told: {end:?}"));
            account.end.replace(Some((page.elapsed(), end)));
            account.world.changed();
        });
    }

    /// Ends the program, which waits for a peer that neither reads nor ends the connection.
    pub fn give_up_when_stuck(&self) {
        let (world, conversation) = (Rc::clone(&self.world), Rc::clone(&self.conversation));
        self.world.spawn(async move {
            world.until(|| conversation.is_stuck.get() || world.is_over()).await;
            if !world.is_over() {
                world.pause(5000).await;
                world.end();
            }
        });
    }

    pub fn end(&self) -> Option<Result<CloseEvent, Error>> {
        self.end.borrow().as_ref().map(|(_, end)| end.clone())
    }

    /// Checks everything when all handles were dropped.
    pub async fn check(&self) {
        self.world.end();
        assert!(self.world.settle().await, "the peer does not come to an end");
        self.check_received();
        self.check_end();
        self.world.nothing_is_left().await;
    }

    /// Whether the peer has received everything, as neither it nor the network has ended the connection before.
    pub fn is_to_be_whole(&self) -> bool {
        let conversation = &self.conversation;
        let is_cut = conversation.close.get().is_some() || conversation.is_broken.get() || conversation.is_stuck.get();
        conversation.has_read_all.get() && !is_cut
    }

    /// Checks what the peer has received, when its application has read all that it reads.
    fn check_received(&self) {
        if self.conversation.dialect == Dialect::Bytes {
            return;
        }
        let (received, handed_over) = (self.conversation.numbers(), self.handed_over.borrow());
        let is_prefix = handed_over.starts_with(&received);
        assert!(is_prefix, "the peer has received {received:?}, but {handed_over:?} were handed over");
        if self.is_to_be_whole() {
            let end = self.end();
            assert_eq!(received, *handed_over, "the peer has not received all, and the connection ended with {end:?}");
        }
    }

    /// Checks how the connection has ended, by what both sides have said.
    fn check_end(&self) {
        for closing in &*self.closings.borrow() {
            assert_eq!(Some(closing), self.end().as_ref(), "a close gives something else than `closed`");
        }
        if self.reading.has_overflowed() && !is_unmended(Unmended::OverflowIsTold) {
            assert_eq!(self.end(), Some(Err(Error::Overflow)), "only the reader is told of an overflow");
        }
        let Some(Ok(event)) = self.end() else { return };
        let (peer, page) = (self.conversation.close.get(), self.close.get());
        if event.was_clean {
            // After an overflow it is the crate that closes.
            let is_overflow = peer.is_none() && self.reading.overflow == Overflow::Close && event.code == 1005;
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

/// Connects to a peer, which must succeed or fail as it answers.
pub async fn connect(account: &Account, url: &str, options: &OptionsPlan, peer: &PeerPlan) -> Option<WebSocketStream> {
    let error = match Options::from(options).connect(url).await {
        Ok(stream) => return Some(stream),
        Err(error) => error,
    };
    let is_failed = matches!(peer.answer, Answer::Refuse) || account.conversation.is_broken.get();
    let is_expected = match error {
        Error::ConnectFailed { .. } => is_failed,
        Error::ConnectTimeout { .. } => !is_failed,
        _ => false,
    };
    assert!(is_expected, "{error:?} after {:?}", peer.answer);
    None
}

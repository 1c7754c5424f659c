//! The account of one connection: messages that the program has handed over and received, checked against the peer's.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};

use wasm_websocket::{CloseEvent, Closed, Error, Message, Options, WebSocketStream};

use crate::dialect::Dialect;
use crate::peer::{Answer, Conversation, PeerPlan};
use crate::plan::{Letter, OptionsPlan, milliseconds};
use crate::reading::Reading;
use crate::seeds::note;
use crate::waiting::Waiting;
use crate::world::World;

/// The interval between samples of the unsent bytes while a connection closes.
const SAMPLE: Duration = Duration::from_millis(25);

/// The account of one connection.
pub struct Account {
    pub world: Rc<World>,
    pub conversation: Rc<Conversation>,
    last_number: Cell<u32>,
    /// The numbers of the messages that were handed over, in order.
    handed_over: RefCell<Vec<u32>>,
    high_water_mark: u64,
    is_by_streams: bool,
    /// A number of times that the page was hidden or frozen, and the time of the first message after the last of them.
    sent_since: Cell<(u64, Duration)>,
    pub waiting: Waiting,
    /// The code with which the program has begun to close; 1005 without a code.
    pub close: Cell<Option<u16>>,
    /// Whether a sink is being closed: without a code, after a flush. Another handle may close meanwhile.
    pub sink_closes: Cell<bool>,
    /// The time and the result with which `closed` has resolved.
    pub end: RefCell<Option<(Duration, Result<CloseEvent, Error>)>>,
    /// The results of the calls of `close`.
    pub closings: RefCell<Vec<Result<CloseEvent, Error>>>,
    pub reading: Reading,
}

impl Account {
    pub fn new(world: &Rc<World>, options: &OptionsPlan, dialect: Dialect) -> Rc<Self> {
        let conversation = Rc::new(Conversation { dialect, ..Conversation::default() });
        Rc::new(Self {
            world: Rc::clone(world),
            reading: Reading::new(&conversation, options.overflow),
            conversation,
            last_number: Cell::default(),
            handed_over: RefCell::default(),
            high_water_mark: options.high_water_mark,
            is_by_streams: options.is_by_streams,
            sent_since: Cell::default(),
            waiting: Waiting::default(),
            close: Cell::default(),
            sink_closes: Cell::default(),
            end: RefCell::default(),
            closings: RefCell::default(),
        })
    }

    /// Returns the next message to send, and its number.
    pub fn write(&self, letter: Letter) -> (u32, Message) {
        let number = self.next_number();
        (number, self.conversation.dialect.message(number, letter))
    }

    pub fn next_number(&self) -> u32 {
        self.last_number.set(self.last_number.get() + 1);
        self.last_number.get()
    }

    /// Notes that a message of `len` bytes was handed over. Must be called in the same step, so that the order is right. If tasks are
    /// polled inline, another may have sent in between, and nothing is known of the order.
    ///
    /// # Panics
    ///
    /// Panics if there was no room for the message.
    pub fn handed_over(&self, number: u32, len: u64) {
        let page = &self.world.page;
        note(page, || format!("page: {number} is handed over"));
        let unsent = page.unsent() - len;
        let has_room = unsent <= self.high_water_mark || !self.is_mark_low() || self.world.polls_inline;
        assert!(has_room, "a message is handed over while {unsent} bytes are unsent");
        self.handed_over.borrow_mut().push(number);
    }

    /// Returns whether the high water mark has its configured value: it was never raised, or has fallen again.
    fn is_mark_low(&self) -> bool {
        let (page, undisturbed) = (&self.world.page, self.world.undisturbed());
        let (since, at) = self.sent_since.get();
        if undisturbed != Some(since) {
            self.sent_since.set((undisturbed.unwrap_or(u64::MAX), page.elapsed()));
            return false;
        }
        since == 0 || page.elapsed() >= at + Duration::from_millis(100)
    }

    /// Returns the number of messages that were handed over.
    pub fn handed_over_so_far(&self) -> u64 {
        self.handed_over.borrow().len() as u64
    }
}

/// The end of the connection.
impl Account {
    /// Notes that the program begins to close with a code. Only the first code counts.
    pub fn closes(&self, code: u16) {
        if self.end().is_none() && self.close.get().is_none() {
            self.close.set(Some(code));
        }
        self.world.changed();
    }

    /// Waits until a sink has closed, and checks that it returns no error only if everything was sent.
    pub async fn close_sink<E>(&self, close: impl Future<Output = Result<(), E>>) -> Result<(), E> {
        self.sink_closes.set(true);
        self.world.changed();
        let closed = close.await;
        if closed.is_ok() {
            assert_eq!(self.world.page.unsent(), 0, "a sink says that all was sent before it closed");
        }
        closed
    }

    /// Notes how the connection ends.
    pub fn watch(self: &Rc<Self>, closed: Closed) {
        let account = Rc::clone(self);
        self.world.spawn(async move {
            let page = &account.world.page;
            let (undisturbed, moved) = (account.world.undisturbed(), Cell::new(Duration::ZERO));
            let Either::Left((end, _)) = select(closed, pin!(account.watch_unsent(&moved))).await else {
                unreachable!("it never ends")
            };
            note(page, || format!("page: the end is reported: {end:?}"));
            if let (Err(Error::CloseTimeout(timeout)), Some(_)) = (&end, undisturbed) {
                let idle = page.elapsed() - moved.get() + 2 * SAMPLE;
                // Where messages count whole, the page does not see that a part of one leaves.
                let counts_whole = account.world.counts_whole || account.is_by_streams;
                let is_idle = undisturbed != account.world.undisturbed() || idle >= *timeout || counts_whole;
                assert!(is_idle, "a close is given up {idle:?} after something has left");
            }
            account.end.replace(Some((page.elapsed(), end)));
            account.world.changed();
        });
    }

    /// Notes when unsent bytes leave while the program closes the connection.
    async fn watch_unsent(&self, moved: &Cell<Duration>) {
        let page = &self.world.page;
        self.world.until(|| self.close.get().is_some() || self.sink_closes.get()).await;
        let mut last = page.unsent();
        loop {
            page.sleep(SAMPLE).await;
            let unsent = page.unsent();
            if unsent < last {
                moved.set(page.elapsed());
            }
            last = unsent;
        }
    }

    /// Ends a program that waits for a peer that neither reads nor ends the connection.
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

    /// Checks the account when all handles were dropped.
    pub async fn check(&self) {
        self.world.end();
        assert!(self.world.settle().await, "the peer does not come to an end");
        self.check_received();
        self.check_end();
        self.world.nothing_is_left().await;
    }

    /// Checks the messages that the peer has received, when its application reads no more.
    fn check_received(&self) {
        if self.conversation.dialect == Dialect::Bytes {
            return;
        }
        let (received, mut handed_over) = (self.conversation.numbers(), self.handed_over.borrow().clone());
        if self.world.polls_inline {
            let place = |number: &u32| received.iter().position(|other| other == number).unwrap_or(usize::MAX);
            handed_over.sort_by_key(place);
        }
        let is_prefix = handed_over.starts_with(&received);
        assert!(is_prefix, "the peer has received {received:?}, but {handed_over:?} were handed over");
        if self.conversation.is_whole() {
            let end = self.end();
            assert_eq!(received, handed_over, "the peer has not received all, and the connection ended with {end:?}");
        }
    }

    /// Checks the end of the connection against the closes of both sides.
    fn check_end(&self) {
        for closing in &*self.closings.borrow() {
            assert_eq!(Some(closing), self.end().as_ref(), "a close gives something else than `closed`");
        }
        if self.reading.has_overflowed() {
            assert_eq!(self.end(), Some(Err(Error::Overflow)), "only the reader gets the error of an overflow");
        }
        if self.reading.is_over() {
            let loss = self.end().and_then(|end| match end {
                Ok(event) if event.was_clean => None,
                Ok(event) => Some(Error::Unclean(event)),
                Err(error) => Some(error),
            });
            assert_eq!(self.reading.last_error(), loss, "the stream ends with something else than `closed`");
        }
        let Some(Ok(event)) = self.end() else { return };
        let (peer, page) = (self.conversation.close.get(), self.close.get());
        if event.was_clean {
            let is_sink = peer.is_none() && self.sink_closes.get() && event.code == 1005;
            assert!(
                is_sink || Some(event.code) == peer.or(page),
                "a clean end by {event}, but the peer closed with {peer:?}, and the page with {page:?}"
            );
        } else {
            // Over streams, the browser may drop unread messages when the peer closes.
            let may_miss = self.is_by_streams && Some(event.code) == peer;
            assert!(may_miss || event.code == 1006, "{event}");
            let is_lost = self.conversation.is_broken.get() || self.conversation.is_stuck.get();
            assert!(may_miss || is_lost, "the connection is lost, though nothing broke it");
        }
    }
}

/// Connects to a peer, and checks that this succeeds or fails according to the peer's answer.
pub async fn connect(
    account: &Account,
    url: &str,
    options: &OptionsPlan,
    close_timeout: u32,
    peer: &PeerPlan,
) -> Option<WebSocketStream> {
    let options = Options::from(options).close_timeout(milliseconds(close_timeout));
    let begun = account.world.page.elapsed();
    let error = match options.connect(url).await {
        Ok(stream) => return Some(stream),
        Err(error) => error,
    };
    let is_cut = account.conversation.is_broken.get() || account.world.was_offline.get() || account.world.was_cut.get();
    let is_failed = matches!(peer.answer, Answer::Refuse) || is_cut;
    let is_expected = match error {
        // Firefox itself gives up a peer that does not answer after 20 seconds, which is also this crate's default.
        Error::ConnectFailed { .. } => is_failed || matches!(peer.answer, Answer::Ignore),
        // In a page that was frozen meanwhile, the timer may fire first.
        Error::ConnectTimeout { .. } => !is_failed || is_cut || !account.world.was_undisturbed_since(begun),
        _ => false,
    };
    assert!(is_expected, "{error:?} after {:?}", peer.answer);
    None
}

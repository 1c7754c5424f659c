//! A connection that comes back, with the provider, the preambles and the peers of its plan.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::StreamExt;
use wasm_websocket::reconnect::{Attempt, AttemptError, Heartbeat};
use wasm_websocket::{Blob, Message, Options, ReconnectOptions, Reconnecting, WebSocketStream};

use super::book::{Book, EACH, PREAMBLE, SLICES};
use super::plan::{Plan, Prepare, Provide};
use super::reading::Reading;
use super::story::Story;
use crate::dialect::{Dialect, numbered, read};
use crate::peer::{Conversation, PING, PONG, PeerPlan};
use crate::plan::{Kind, Letter, milliseconds};
use crate::seeds::note;
use crate::world::World;

const URL: &str = "ws://example.com/feed";

/// The state of one run.
pub struct Setup {
    pub world: Rc<World>,
    pub plan: Rc<Plan>,
    pub book: Rc<Book>,
    pub reading: Reading,
    pub story: Story,
    /// The number of calls of the provider. `last_turn` is the turn of the event loop of the last call.
    pub attempts: Cell<u32>,
    last_turn: Cell<Option<u64>>,
    /// The number of attempts that still fail.
    failures: Cell<u32>,
    opened: Cell<usize>,
    /// The number of preambles that have finished.
    pub prepared: Cell<usize>,
    /// The number of senders that wait for room, including sinks that keep their place.
    pub waiting: Rc<Cell<usize>>,
    last_preamble_id: Cell<u32>,
    /// The number of slices that were sent.
    pub slices: Rc<Cell<u32>>,
    provided: RefCell<Vec<Provide>>,
    /// Whether all later peers only receive.
    pub are_benign: Rc<Cell<bool>>,
}

impl Setup {
    pub fn new(world: &Rc<World>, plan: &Rc<Plan>) -> Rc<Self> {
        let book = Rc::new(Book::new(&plan.options, plan.world.polls_inline));
        let provided = RefCell::new(plan.provider.iter().rev().copied().collect());
        let setup = Rc::new(Self {
            world: Rc::clone(world),
            plan: Rc::clone(plan),
            reading: Reading::new(&book, plan.connection.overflow, plan.connection.most_messages(&plan.world)),
            story: Story::new(world, plan, &book),
            book,
            attempts: Cell::default(),
            last_turn: Cell::default(),
            failures: Cell::default(),
            opened: Cell::default(),
            prepared: Cell::default(),
            waiting: Rc::default(),
            last_preamble_id: Cell::new(PREAMBLE),
            slices: Rc::default(),
            provided,
            are_benign: Rc::default(),
        });
        setup.serve();
        world.has_pings.set(plan.options.heartbeat.is_some());
        if plan.throws {
            let book = Rc::clone(&setup.book);
            world.page.throw_on_send(move |message| {
                // Only preambles send Blobs.
                let has_number = message.as_text() != Some(PING) && !matches!(message, Message::Blob(_));
                let id = if has_number { Dialect::Plain.number_of(message) } else { 0 };
                let throws = id < PREAMBLE && id % 4 == 3;
                if throws {
                    book.thrown.borrow_mut().insert(id);
                }
                throws
            });
        }
        setup
    }

    /// Serves each connection with a peer of the plan, in order.
    fn serve(self: &Rc<Self>) {
        let (book, peers, are_benign) = (Rc::clone(&self.book), self.plan.peers.clone(), Rc::clone(&self.are_benign));
        Conversation::serve_each(&self.world, URL, move |url| {
            let mut conversations = book.conversations.borrow_mut();
            let planned = peers.get(conversations.len()).filter(|_| !are_benign.get());
            let plan = planned.cloned().unwrap_or(PeerPlan::BENIGN);
            let (attempt, is_attentive) = (attempt_of(url), true);
            let conversation = Conversation { is_attentive, first: attempt * EACH, ..Conversation::default() };
            let conversation = Rc::new(conversation);
            conversations.insert(attempt, Rc::clone(&conversation));
            (conversation, plan)
        });
    }

    pub fn connect(self: &Rc<Self>) -> Reconnecting {
        let (provider, preamble, decider) = (Rc::clone(self), Rc::clone(self), self.plan.options.after_close);
        let options = &self.plan.options;
        let mut chosen = ReconnectOptions::new()
            .connection(Options::from(&self.plan.connection).close_timeout(milliseconds(options.close_timeout)))
            .backoff(options.backoff.into())
            .queue_limit(options.queue.0)
            .queue_limit_messages(options.queue.1)
            .when_full(options.when_full)
            .unconfirmed_limit(options.unconfirmed.0)
            .unconfirmed_limit_messages(options.unconfirmed.1)
            .when_lost(options.when_lost)
            .after_close(move |event| decider.of(event))
            .on_open(async move |stream, attempt| preamble.prepare(stream, attempt).await);
        if let Some((interval, timeout)) = options.heartbeat {
            let heartbeat = Heartbeat::new(PING, |message| message.as_text() == Some(PONG));
            chosen = chosen.heartbeat(heartbeat.interval(milliseconds(interval)).timeout(milliseconds(timeout)));
        }
        Reconnecting::new(chosen, async move || provider.provide().await)
    }

    /// Makes the provider return a URL in all later attempts.
    pub fn provides_from_now_on(&self) {
        self.failures.set(0);
        self.provided.borrow_mut().clear();
    }

    async fn provide(&self) -> Result<String, AttemptError> {
        let page = &self.world.page;
        let attempt = self.attempts.get() + 1;
        self.attempts.set(attempt);
        note(page, || format!("page: attempt {attempt}"));
        self.story.begins();
        let turn = Some(page.turns());
        assert_ne!(self.last_turn.replace(turn), turn, "there are two attempts in one turn of the event loop");
        if self.failures.get() > 0 {
            self.failures.set(self.failures.get() - 1);
            return Err("no URL, again".into());
        }
        let provide = self.provided.borrow_mut().pop().unwrap_or(Provide::Url);
        note(page, || format!("page: {provide:?}"));
        match provide {
            // In this world, attempts can fail without any time passing. A delay makes sure that time passes.
            Provide::Url if attempt > 1000 => self.world.pause(1).await,
            Provide::Url => {}
            Provide::Late(delay) => self.world.pause(delay).await,
            Provide::Fail => return Err("no URL".into()),
            Provide::FailOften(times) => {
                self.failures.set(times - 1);
                return Err("no URL".into());
            }
            Provide::FailLate(delay) => {
                self.world.pause(delay).await;
                return Err("no URL".into());
            }
            Provide::Hang => std::future::pending().await,
        }
        Ok(format!("{URL}?{attempt}"))
    }

    async fn prepare(&self, stream: &mut WebSocketStream, attempt: &Attempt) -> Result<(), AttemptError> {
        let page = &self.world.page;
        let connection = attempt_of(&stream.url());
        self.story.opens(connection, attempt);
        let opened = self.opened.replace(self.opened.get() + 1);
        let prepare = self.plan.preambles.get(opened).copied().unwrap_or(Prepare::Nothing);
        note(page, || format!("page: connection {connection} is open: {prepare:?}"));
        match prepare {
            Prepare::Nothing => {}
            Prepare::Send(letter) => self.send(stream, letter).await?,
            Prepare::Upload(len) => self.send(stream, Letter { len, kind: Kind::Binary }).await?,
            Prepare::Slices(slices, len) => self.send_slices(stream, slices, len),
            Prepare::Receive(delay, messages, limit) => {
                self.world.pause(delay).await;
                for _ in 0..messages {
                    // If the preamble is dropped while it reads a Blob, the Blob is lost.
                    let Some(Some(message)) = self.world.within(Some(limit), stream.next()).await else { break };
                    let message = message?;
                    self.reading.is_prepared_with(connection, page.turns());
                    self.reading.receives(&read(message).await);
                }
            }
            Prepare::Pause(delay) => self.world.pause(delay).await,
            Prepare::Fail => return Err("the preamble fails".into()),
            Prepare::Hang => std::future::pending().await,
            Prepare::Confirm => {
                let last =
                    self.book.conversations.borrow().values().rev().find_map(|last| self.book.last_received(last));
                if let Some(number) = last {
                    attempt.confirm(number);
                }
            }
            Prepare::TakeInDoubt => {
                let in_doubt = attempt.in_doubt();
                let taken = attempt.take_in_doubt();
                assert_eq!(in_doubt, taken, "what is taken is not what was there");
                self.book.took_in_doubt(&taken);
            }
        }
        self.story.is_prepared(connection);
        self.prepared.set(self.prepared.get() + 1);
        self.world.changed();
        Ok(())
    }

    async fn send(&self, stream: &mut WebSocketStream, letter: Letter) -> Result<(), AttemptError> {
        self.last_preamble_id.set(self.last_preamble_id.get() + 1);
        Ok(stream.send(Dialect::Plain.message(self.last_preamble_id.get(), letter)).await?)
    }

    /// Returns whether a preamble may leave slices behind, which wait for room as senders do.
    pub fn has_slices(&self) -> bool {
        self.plan.preambles.iter().any(|preamble| matches!(preamble, Prepare::Slices(..)))
    }

    fn send_slices(&self, stream: &WebSocketStream, slices: u32, len: u32) {
        let first = SLICES + self.slices.get();
        let bytes: String = (0..slices).map(|slice| numbered(first + slice, len as usize)).collect();
        let mut sending = stream.send_slices(Blob::new(bytes.as_bytes(), ""), len.into());
        let sent = Rc::clone(&self.slices);
        self.world.spawn(async move {
            while let Some(Ok(_)) = sending.next().await {
                sent.set(sent.get() + 1);
            }
        });
    }

    /// Returns whether the peer of the last connection has received everything that was sent on it.
    pub fn is_last_whole(&self) -> bool {
        self.book.conversations.borrow().values().next_back().is_some_and(|last| last.is_whole())
    }
}

/// Returns the number of an attempt from its URL.
fn attempt_of(url: &str) -> u32 {
    url.rsplit('?').next().and_then(|number| number.parse().ok()).expect("every URL has the number of its attempt")
}

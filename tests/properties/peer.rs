//! The peer of a plan, and the account of its application: the oracle.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use proptest::collection::vec;
use proptest_derive::Arbitrary;
use wasm_websocket::Message;
use wasm_websocket::testing::{Handshake, Network, Peer};

use crate::dialect::{Dialect, part};
use crate::plan::{Letter, Line, delay, milliseconds, peer_code, time};
use crate::seeds::note;
use crate::world::World;

/// How a server answers a handshake, and the steps of its application after that.
#[derive(Arbitrary, Clone, Debug)]
pub struct PeerPlan {
    pub answer: Answer,
    #[proptest(strategy = "vec(proptest::prelude::any::<Step>(), 0..8)")]
    steps: Vec<Step>,
    then: Then,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Answer {
    #[proptest(weight = 12)]
    Accept,
    /// Accepts after a number of milliseconds.
    #[proptest(weight = 2)]
    AcceptLate(#[proptest(strategy = "delay()")] u32),
    Refuse,
    /// Does not answer.
    Ignore,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Step {
    #[proptest(weight = 4)]
    Send(Letter),
    #[proptest(weight = 2)]
    Flood(#[proptest(strategy = "1..400_u32")] u32),
    /// Receives a number of messages, for at most a number of milliseconds.
    #[proptest(weight = 2)]
    Receive(#[proptest(strategy = "1..8_u8")] u8, #[proptest(strategy = "delay()")] u32),
    Pass(#[proptest(strategy = "delay()")] u32),
    /// Receives for a number of milliseconds.
    Linger(#[proptest(strategy = "time()")] u32),
    Stall(#[proptest(strategy = "delay()")] u32),
    Network(Line),
}

/// The end of the conversation.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Then {
    /// Receives until the page closes.
    #[proptest(weight = 6)]
    Receive,
    /// The same over a slow network.
    #[proptest(weight = 2)]
    ReceiveSlowly(#[proptest(strategy = "Line::slow()")] Line),
    /// Closes, with or without a code. Then receives messages until the answer, or none.
    #[proptest(weight = 4)]
    Close(#[proptest(strategy = "peer_code()")] Option<u16>, bool),
    Reset,
    Leave,
    Vanish,
    Stall,
}

impl PeerPlan {
    /// A peer that accepts and receives until the page closes.
    pub const BENIGN: Self = Self { answer: Answer::Accept, steps: Vec::new(), then: Then::Receive };
}

/// The ping of a heartbeat. `PONG` is its answer.
pub const PING: &str = "ping";
pub const PONG: &str = "pong";

/// One connection from the view of the peer's application.
#[derive(Default)]
pub struct Conversation {
    pub dialect: Dialect,
    /// Whether it always reads and answers pings, unless it stalls.
    pub is_attentive: bool,
    /// The number of the first message that it sends. The numbers of the others follow.
    pub first: u32,
    pub sent: Cell<u32>,
    /// Which of the sent messages are text.
    pub are_texts: RefCell<Vec<bool>>,
    /// The number of bytes in the sent messages that are bytes.
    pub sent_bytes: Cell<u64>,
    pub received: RefCell<Vec<Message>>,
    pub received_at: Cell<Duration>,
    /// The code with which it has begun to close; 1005 without a code.
    pub close: Cell<Option<u16>>,
    /// Whether the peer or the network has broken the connection.
    pub is_broken: Rc<Cell<bool>>,
    /// The time at which it has begun to close.
    pub closed_at: Cell<Option<Duration>>,
    /// Whether it has stopped reading, for a time or for ever.
    pub has_stalled: Cell<bool>,
    /// Whether it neither reads nor ends the connection.
    pub is_stuck: Cell<bool>,
    /// Whether it has received everything that arrived before the end.
    pub has_read_all: Cell<bool>,
}

impl Conversation {
    /// Returns the numbers of the messages that it has received.
    pub fn numbers(&self) -> Vec<u32> {
        self.received.borrow().iter().map(|message| self.dialect.number_of(message)).collect()
    }

    /// Returns whether it has received everything, since neither it nor the network has ended the connection before.
    pub fn is_whole(&self) -> bool {
        let is_cut = self.close.get().is_some() || self.is_broken.get() || self.is_stuck.get();
        self.has_read_all.get() && !is_cut
    }

    /// Serves each connection with a conversation of its own.
    pub fn serve_each(world: &Rc<World>, url: &str, open: impl Fn(&str) -> (Rc<Self>, PeerPlan) + 'static) {
        let weak = Rc::downgrade(world);
        world.page.serve(url, async move |handshake| {
            let Some(world) = weak.upgrade() else { return };
            let (conversation, plan) = open(handshake.url());
            world.are_broken.borrow_mut().push(Rc::clone(&conversation.is_broken));
            conversation.take_part(world, handshake, &plan).await;
        });
    }

    /// Serves a page that opens one connection with this conversation.
    pub fn serve(self: Rc<Self>, world: &Rc<World>, url: &str, plan: &PeerPlan) {
        let (weak, plan) = (Rc::downgrade(world), plan.clone());
        world.are_broken.borrow_mut().push(Rc::clone(&self.is_broken));
        world.page.serve(url, async move |handshake| {
            let Some(world) = weak.upgrade() else { return };
            self.take_part(world, handshake, &plan).await;
        });
    }

    async fn take_part(&self, world: Rc<World>, handshake: Handshake, plan: &PeerPlan) {
        let _running = world.running();
        if let Some(peer) = self.answer(&world, handshake, plan.answer).await {
            note(&world.page, || "peer: accepts".into());
            self.talk(&world, peer, plan).await;
            note(&world.page, || "peer: leaves".into());
        }
    }

    async fn answer(&self, world: &World, handshake: Handshake, answer: Answer) -> Option<Peer> {
        match answer {
            Answer::Accept => handshake.accept(),
            Answer::AcceptLate(delay) => {
                world.page.sleep(milliseconds(delay)).await;
                handshake.accept()
            }
            Answer::Refuse => None,
            Answer::Ignore => {
                world.until(|| world.is_over()).await;
                None
            }
        }
    }

    async fn talk(&self, world: &World, mut peer: Peer, plan: &PeerPlan) {
        for step in &plan.steps {
            note(&world.page, || format!("peer: {step:?}"));
            self.step(world, &mut peer, *step).await;
            if self.has_read_all.get() || peer.is_ended() {
                return;
            }
        }
        note(&world.page, || format!("peer: {:?}", plan.then));
        match plan.then {
            // A browser ends connections that take longer than a minute to close.
            Then::ReceiveSlowly(line) if self.is_attentive => peer.set_network(line.into()),
            Then::Receive | Then::ReceiveSlowly(_) => peer.set_network(Network::default()),
            Then::Close(code, reads) => {
                peer.set_network(Network::default());
                self.close.set(Some(code.unwrap_or(1005)));
                self.closed_at.set(Some(world.page.elapsed()));
                match code {
                    Some(code) => peer.close_with(code, "the peer closes"),
                    None => peer.close(),
                }
                if !reads {
                    return;
                }
            }
            Then::Reset => {
                self.is_broken.set(true);
                return peer.reset();
            }
            Then::Leave => {
                self.is_broken.set(true);
                return;
            }
            Then::Vanish => {
                self.is_broken.set(true);
                self.is_stuck.set(true);
                self.has_stalled.set(true);
                world.changed();
                peer.vanish();
            }
            Then::Stall => {
                self.is_stuck.set(true);
                self.has_stalled.set(true);
                world.changed();
                peer.set_stalled(true);
                while !peer.is_ended() {
                    world.page.sleep(milliseconds(500)).await;
                }
                peer.set_stalled(false);
            }
        }
        while self.receive(world, &mut peer).await {}
    }

    async fn step(&self, world: &World, peer: &mut Peer, step: Step) {
        match step {
            Step::Send(letter) => self.send(peer, letter),
            Step::Flood(messages) => (0..messages).for_each(|_| self.send(peer, Letter::SMALLEST)),
            Step::Linger(time) => self.receive_for(world, peer, u32::MAX, time).await,
            Step::Receive(_, time) | Step::Pass(time) if self.is_attentive => {
                self.receive_for(world, peer, u32::MAX, time).await;
            }
            Step::Receive(messages, time) => self.receive_for(world, peer, messages.into(), time).await,
            Step::Pass(time) => world.page.sleep(milliseconds(time)).await,
            Step::Stall(time) => {
                self.has_stalled.set(true);
                peer.set_stalled(true);
                world.page.sleep(milliseconds(time)).await;
                peer.set_stalled(false);
            }
            Step::Network(line) => peer.set_network(line.into()),
        }
    }

    /// Receives a number of messages, with a timeout.
    async fn receive_for(&self, world: &World, peer: &mut Peer, messages: u32, time: u32) {
        let mut limit = pin!(world.page.sleep(milliseconds(time)));
        for _ in 0..messages {
            let receive = pin!(self.receive(world, peer));
            if !matches!(select(receive, limit.as_mut()).await, Either::Left((true, _))) {
                break;
            }
        }
    }

    fn send(&self, peer: &mut Peer, letter: Letter) {
        let message = match self.dialect {
            Dialect::Bytes => part(self.sent_bytes.get(), letter),
            dialect => dialect.message(self.first + self.sent.get(), letter),
        };
        self.sent_bytes.set(self.sent_bytes.get() + message.as_bytes().map_or(0, <[u8]>::len) as u64);
        self.are_texts.borrow_mut().push(message.as_text().is_some());
        peer.send(message);
        self.sent.set(self.sent.get() + 1);
    }

    /// Receives one message. Returns false after the end.
    async fn receive(&self, world: &World, peer: &mut Peer) -> bool {
        let Some(message) = peer.receive().await else {
            self.has_read_all.set(true);
            return false;
        };
        self.received_at.set(world.page.elapsed());
        if self.is_attentive && message.as_text() == Some(PING) {
            peer.send(PONG);
            world.pings.set(world.pings.get() + 1);
            world.changed();
            return true;
        }
        self.received.borrow_mut().push(message);
        true
    }
}

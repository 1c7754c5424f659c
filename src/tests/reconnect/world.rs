//! A world for the machine: a browser, a network, a clock, a caller, and a peer. The test compares every account with the
//! messages that the peer's application has received.

use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use super::{ms, seconds};
use crate::reconnect::event::{Action, Command, Event, Moment, Settings, Signal};
use crate::reconnect::heartbeat::{Flow, Timing};
use crate::reconnect::kept::Keep;
use crate::reconnect::machine::Machine;
use crate::reconnect::outbox::Outbox;
use crate::{AfterClose, Backoff, CloseEvent, Counts, Error, ReadyState, State, WhenFull, WhenLost};

pub const FLOOR: u64 = 100;
pub const CAP: u64 = 30_000;
pub const RETRY_AFTER: u64 = 40_000;

/// A frame that the page has sent.
enum Frame {
    Message(u32),
    Ping,
}

/// A frame that the peer has sent.
enum Answer {
    Pong,
    /// An acknowledgement: the peer's application has received this message.
    Received(u32),
    Other,
}

struct Connection {
    generation: u64,
    handed: Vec<u32>,
    to_peer: VecDeque<Frame>,
    /// The last message that the peer has received on this connection.
    last_received: Option<u32>,
    to_page: VecDeque<Answer>,
    /// Whether the peer's Close frame has arrived, but its event was not yet dispatched.
    is_closing: bool,
}

pub struct World {
    pub machine: Machine<u32>,
    pub now: Duration,
    when_lost: WhenLost,
    /// The number of messages that the network takes.
    room: usize,
    attempt: Option<u64>,
    connection: Option<Connection>,
    /// The number that each message has received; 0 for a rejected message.
    numbers: Vec<u64>,
    rejected: BTreeSet<u32>,
    handed: BTreeSet<u32>,
    received: BTreeSet<u32>,
    /// Messages in doubt that the caller has taken, or for which the browser has thrown.
    given_up: BTreeSet<u32>,
    /// Acknowledgements that the caller has not yet read.
    unread: VecDeque<u32>,
    pub states: Vec<State>,
    pub is_ended: bool,
    woken: bool,
    /// The time of the last wake-up with this connection.
    woken_at: Option<Duration>,
    pub attempts: usize,
}

impl World {
    pub fn new(seed: u64, when_full: WhenFull, when_lost: WhenLost) -> Self {
        let state = Rc::new(Cell::new(seed));
        let random = move || {
            state.set(state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
            (state.get() >> 11) as f64 / (1_u64 << 53) as f64
        };
        let settings = Settings {
            backoff: Backoff::new(),
            heartbeat: Some(Timing { interval: seconds(2), timeout: seconds(10), repeats: 0 }),
            connect_timeout: seconds(20),
            close_timeout: seconds(5),
        };
        let (few, all) = (Keep { bytes: 100, messages: 4 }, Keep { bytes: u64::MAX, messages: usize::MAX });
        let mut world = Self {
            machine: Machine::new(settings, Outbox::new(few, when_full, all, when_lost), random),
            now: seconds(1_800_000_000),
            when_lost,
            room: usize::MAX,
            attempt: None,
            connection: None,
            numbers: Vec::new(),
            rejected: BTreeSet::new(),
            handed: BTreeSet::new(),
            received: BTreeSet::new(),
            given_up: BTreeSet::new(),
            unread: VecDeque::new(),
            states: Vec::new(),
            is_ended: false,
            woken: false,
            woken_at: None,
            attempts: 0,
        };
        world.command(Command::ReconnectNow);
        world
    }

    pub fn command(&mut self, command: Command) {
        if self.machine.command(command, self.moment()) {
            while self.hand_over_next() {}
        }
        self.act_on_all();
    }

    pub fn wake_up(&mut self) {
        self.woken = true;
        self.woken_at = self.connection.is_some().then_some(self.now);
        self.handle(Event::WakeUp);
        self.woken &= self.attempt.is_some();
    }

    /// Signals an event of the current connection, or of a connection `ago` generations earlier.
    pub fn signal(&mut self, signal: Signal, ago: u64) {
        let generation = self.machine.generation().saturating_sub(ago);
        self.handle(Event::Connection(generation, signal));
    }

    /// Lets the attempt succeed, if there is one.
    pub fn open(&mut self) {
        if let Some(generation) = self.attempt.take() {
            self.connection = Some(Connection {
                generation,
                handed: Vec::new(),
                to_peer: VecDeque::new(),
                last_received: None,
                to_page: VecDeque::new(),
                is_closing: false,
            });
            (self.woken, self.woken_at) = (false, None);
            self.signal(Signal::Opened, 0);
        }
    }

    pub fn fail(&mut self, after: AfterClose) {
        if self.attempt.take().is_some() {
            self.signal(Signal::Failed(Error::Attempt("no route".into()), after), 0);
        }
    }

    /// Lets a Close frame of the peer arrive, which may be an answer. Its event follows later.
    pub fn peer_closes(&mut self) {
        self.connection.iter_mut().for_each(|connection| connection.is_closing = true);
    }

    /// Ends the connection, if there is one. With any code, frames in flight to the peer may be lost.
    pub fn end(&mut self, code: u16, was_clean: bool) {
        if self.connection.is_some() {
            let event = CloseEvent { code, reason: String::new(), was_clean };
            let after = AfterClose::of(&event);
            self.signal(Signal::Ended(Ok(event), after), 0);
        }
    }

    /// Delivers a number of frames to the peer.
    pub fn deliver(&mut self, frames: usize) {
        let Some(connection) = &mut self.connection else { return };
        for _ in 0..frames {
            match connection.to_peer.pop_front() {
                Some(Frame::Message(message)) => {
                    connection.last_received = Some(message);
                    let last = self.received.last().copied();
                    let is_new = self.received.insert(message);
                    assert!(!is_new || last < Some(message), "{message} comes after {last:?}");
                }
                Some(Frame::Ping) => connection.to_page.push_back(Answer::Pong),
                None => break,
            }
        }
        self.check();
    }

    /// Lets the peer send: an acknowledgement of its last message, or another message.
    pub fn say(&mut self, is_acknowledgement: bool) {
        let Some(connection) = &mut self.connection else { return };
        let acknowledged = connection.last_received.filter(|_| is_acknowledgement);
        connection.to_page.push_back(acknowledged.map_or(Answer::Other, Answer::Received));
    }

    /// Lets the page receive a frame of the peer.
    pub fn receive(&mut self) {
        let answer = self.connection.as_mut().and_then(|connection| connection.to_page.pop_front());
        let Some(answer) = answer else { return };
        self.signal(Signal::Received { is_pong: matches!(answer, Answer::Pong) }, 0);
        if let Answer::Received(message) = answer {
            self.unread.push_back(message);
        }
    }

    /// Lets the caller read an acknowledgement, which may belong to an earlier connection.
    pub fn confirm(&mut self) {
        if let Some(message) = self.unread.pop_front() {
            self.machine.outbox.confirm_up_to(self.numbers[message as usize]);
            self.check();
        }
    }

    pub fn take_in_doubt(&mut self) {
        let (_, taken) = self.machine.outbox.take_in_doubt();
        for (number, message) in taken {
            assert_eq!(number, self.numbers[message as usize]);
            assert!(self.handed.contains(&message));
            self.given_up.insert(message);
        }
        self.check();
    }

    pub fn take_queued(&mut self) {
        let taken = self.machine.outbox.take_queued();
        assert!(taken.iter().all(|message| !self.handed.contains(message)), "{taken:?}");
        assert!(taken.is_sorted());
        self.check();
    }

    /// Sets the number of messages that the network takes from now on.
    pub fn set_room(&mut self, room: usize) {
        self.room = room;
        self.handle(Event::Tick);
    }

    /// Sends a message like a handle.
    pub fn send(&mut self) {
        let message = self.numbers.len() as u32;
        let is_open = self.connection.as_ref().is_some_and(|connection| !connection.is_closing);
        let machine = &mut self.machine;
        let mut number = 0;
        if machine.refusal().is_some() {
            machine.outbox.reject();
        } else if is_open && machine.is_open() && !machine.outbox.is_pending() {
            if self.room == 0 {
                machine.outbox.reject();
            } else if throws(message) {
                machine.outbox.take_in_hand(1);
                machine.outbox.refused();
            } else {
                number = machine.outbox.take_in_hand(1);
                assert!(machine.handed(message, Ok(())));
            }
        } else if machine.outbox.has_room() {
            number = machine.outbox.push(message, 1);
        } else {
            machine.outbox.reject();
        }
        self.numbers.push(number);
        if number == 0 {
            self.rejected.insert(message);
        } else if self.machine.outbox.handed_over()
            > self.connection.as_ref().map_or(0, |live| live.handed.len() as u64)
        {
            self.hand(message);
        }
        self.handle(Event::Tick);
    }

    /// Lets time pass, and looks at the clock at each deadline.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(remaining) = self.remaining().filter(|remaining| self.now + *remaining <= end) {
            self.now += remaining.max(ms(1));
            self.handle(Event::Tick);
        }
        self.now = self.now.max(end);
        self.handle(Event::Tick);
    }

    fn remaining(&mut self) -> Option<Duration> {
        Some(self.machine.deadline(self.now)?.remaining(self.now))
    }

    /// Lets time pass in which no code runs.
    pub fn sleep(&mut self, time: Duration) {
        self.now += time;
        self.handle(Event::Tick);
    }

    /// Sets the clock back.
    pub fn set_back(&mut self, time: Duration) {
        self.now -= time;
        self.woken_at = self.woken_at.min(Some(self.now));
        self.handle(Event::Tick);
    }

    fn handle(&mut self, event: Event) {
        self.machine.handle(event, self.moment());
        self.act_on_all();
    }

    fn moment(&self) -> Moment {
        Moment { now: self.now, flow: Flow { handed: 0, unsent: 0 } }
    }

    fn act_on_all(&mut self) {
        while let Some(action) = self.machine.next_action() {
            assert!(!self.is_ended, "{action:?} after the end");
            self.act(action);
        }
        while self.machine.is_open() && self.room > 0 && self.hand_over_next() {}
        self.check();
    }

    fn hand_over_next(&mut self) -> bool {
        let Some(message) = self.machine.outbox.take_next() else { return false };
        let is_open = self.connection.as_ref().is_some_and(|connection| !connection.is_closing);
        let taken = match () {
            () if !is_open => Err(Error::NotOpen(ReadyState::Closing)),
            () if throws(message) => Err(Error::Thrown { name: String::new(), message: String::new() }),
            () => Ok(()),
        };
        if is_open && throws(message) {
            self.rejected.insert(message);
        } else if is_open {
            self.hand(message);
        }
        self.machine.handed(message, taken)
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect(begin) => {
                assert!(self.attempt.is_none() && self.connection.is_none(), "a second connection");
                assert_eq!(begin.generation, self.machine.generation());
                self.attempt = Some(begin.generation);
                self.woken = false;
                self.attempts += 1;
            }
            Action::Disconnect => {
                self.attempt = None;
                self.connection = None;
            }
            Action::Ping => {
                self.machine.outbox.pinged(self.machine.outbox.handed_over());
                let connection = self.connection.as_mut().expect("a ping on no connection");
                connection.to_peer.push_back(Frame::Ping);
            }
            Action::Announce(state) => self.announced(state),
            Action::End(..) => self.is_ended = true,
        }
    }

    fn announced(&mut self, state: State) {
        if let State::Waiting { delay, .. } = &state {
            // After a wake-up the delay may be shorter.
            let has_just_woken = self.woken_at.take().is_some_and(|at| self.now - at < seconds(1));
            let floor = if std::mem::take(&mut self.woken) || has_just_woken { 0 } else { FLOOR };
            assert!((ms(floor)..=ms(CAP + RETRY_AFTER)).contains(delay), "{delay:?}");
        }
        self.states.push(state);
    }

    /// Lets the browser accept a message.
    fn hand(&mut self, message: u32) {
        let connection = self.connection.as_mut().expect("it is handed over to nobody");
        assert_eq!(connection.generation, self.machine.generation());
        assert!(connection.handed.last().is_none_or(|last| *last < message), "{message} is sent too late");
        connection.handed.push(message);
        self.room = self.room.saturating_sub(1);
        connection.to_peer.push_back(Frame::Message(message));
        let is_new = self.handed.insert(message);
        assert!(is_new || self.when_lost == WhenLost::Resend, "{message} is sent again");
    }

    /// Returns the messages of which it is unknown whether the peer has received them.
    fn in_doubt(&self) -> BTreeSet<u32> {
        let (_, kept) = self.machine.outbox.in_doubt();
        kept.into_iter().map(|(_, message)| message).chain(self.given_up.iter().copied()).collect()
    }

    /// Checks that every message is in exactly one state, and in the right one.
    fn check(&mut self) {
        let Counts { rejected, queued, dropped, taken_back, unconfirmed, confirmed, in_doubt } =
            self.machine.outbox.counts();
        let sum = rejected + queued + dropped + taken_back + unconfirmed + confirmed + in_doubt;
        assert_eq!(sum, self.numbers.len() as u64);
        assert_eq!(rejected, self.rejected.len() as u64);
        assert_eq!(queued + dropped + taken_back + rejected, (self.numbers.len() - self.handed.len()) as u64);
        assert!(queued <= 5, "{queued} are queued");
        let doubtful = self.in_doubt();
        assert_eq!(in_doubt, doubtful.len() as u64);
        // The unconfirmed messages are the last that were handed over.
        let on_this = self.connection.as_ref().map_or(&[][..], |connection| &connection.handed);
        let unconfirmed = on_this.len() - unconfirmed as usize;
        let is_confirmed = |message: &&u32| !doubtful.contains(message) && !on_this[unconfirmed..].contains(message);
        let those_confirmed: Vec<_> = self.handed.iter().filter(is_confirmed).collect();
        assert_eq!(confirmed, those_confirmed.len() as u64);
        assert!(those_confirmed.iter().all(|message| self.received.contains(message)), "confirmed, but not received");
        self.check_received();
        if self.is_ended {
            assert_eq!(self.remaining(), None, "something is armed");
            assert!(self.attempt.is_none() && self.connection.is_none(), "something is left");
        } else if let Some(remaining) = self.remaining() {
            assert!(remaining <= ms(CAP + RETRY_AFTER), "{remaining:?}");
        }
    }

    /// Checks that the peer has received every message, if messages are sent again and none is in flight.
    fn check_received(&self) {
        let Some(connection) = &self.connection else { return };
        let is_settled = self.machine.is_open() && !self.machine.outbox.is_pending() && connection.to_peer.is_empty();
        if is_settled && self.when_lost == WhenLost::Resend {
            let mut lost = self.handed.difference(&self.received).filter(|message| !self.given_up.contains(message));
            assert_eq!(lost.next(), None, "it is lost");
        }
    }
}

/// Returns whether the browser throws for this message.
fn throws(message: u32) -> bool {
    message % 7 == 5
}

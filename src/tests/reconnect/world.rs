//! A world for the machine: a network, a peer, a clock and a caller, and the account that is kept of every message.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::{ms, seconds};
use crate::reconnect::event::{Action, Command, Event, Moment, NO_CODE, Settings, Signal};
use crate::reconnect::heartbeat::{Flow, Timing};
use crate::reconnect::kept::Keep;
use crate::reconnect::machine::Machine;
use crate::reconnect::outbox::Outbox;
use crate::{AfterClose, Backoff, CloseEvent, Counts, Error, State, WhenFull};

pub const FLOOR: u64 = 100;
pub const CAP: u64 = 30_000;

/// A connection as the peer has it.
#[derive(Default)]
struct Connection {
    generation: u64,
    sent: Vec<u32>,
    /// Of those the peer is known to have so many.
    confirmed: usize,
    /// For each ping that it has not answered, what was sent before it.
    pings: VecDeque<usize>,
}

pub struct World {
    pub machine: Machine<u32>,
    pub now: Duration,
    has_room: bool,
    attempt: Option<u64>,
    connection: Option<Connection>,
    next: u32,
    /// The number that each message was given; 0 for one that was rejected.
    numbers: Vec<u64>,
    rejected: Vec<u32>,
    handed: Vec<u32>,
    confirmed: u64,
    in_doubt: Vec<u32>,
    reported: Vec<u32>,
    pub states: Vec<State>,
    pub is_ended: bool,
    woken: bool,
    pub attempts: usize,
}

impl World {
    pub fn new(seed: u64, when_full: WhenFull) -> Self {
        let state = Rc::new(Cell::new(seed));
        let random = move || {
            state.set(state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
            (state.get() >> 11) as f64 / (1_u64 << 53) as f64
        };
        let settings = Settings {
            backoff: Backoff::new(),
            heartbeat: Some(Timing { interval: seconds(25), timeout: seconds(10) }),
            connect_timeout: seconds(20),
            close_timeout: seconds(5),
        };
        let all = Keep { bytes: u64::MAX, messages: usize::MAX };
        let machine = Machine::new(settings, Outbox::new(Keep { bytes: 100, messages: 4 }, when_full, all), random);
        let mut world = Self {
            machine,
            now: seconds(1_800_000_000),
            has_room: true,
            attempt: None,
            connection: None,
            next: 0,
            numbers: Vec::new(),
            rejected: Vec::new(),
            handed: Vec::new(),
            confirmed: 0,
            in_doubt: Vec::new(),
            reported: Vec::new(),
            states: Vec::new(),
            is_ended: false,
            woken: false,
            attempts: 0,
        };
        world.command(Command::ReconnectNow);
        world
    }

    pub fn command(&mut self, command: Command) {
        self.handle(Event::Command(command));
    }

    pub fn wake_up(&mut self) {
        self.woken = true;
        self.handle(Event::WakeUp);
        self.woken &= self.attempt.is_some();
    }

    /// Tells something of the connection that is now, or of one that was, so many generations ago.
    pub fn signal(&mut self, signal: Signal, ago: u64) {
        let generation = self.machine.generation().saturating_sub(ago);
        self.handle(Event::Connection(generation, signal));
    }

    /// The attempt succeeds, if there is one.
    pub fn open(&mut self) {
        if let Some(generation) = self.attempt.take() {
            self.connection = Some(Connection { generation, ..Connection::default() });
            self.woken = false;
            self.signal(Signal::Opened, 0);
        }
    }

    pub fn fail(&mut self, after: AfterClose) {
        if self.attempt.take().is_some() {
            self.signal(Signal::Failed(Error::Attempt("no route".into()), after), 0);
        }
    }

    /// The connection ends, if there is one. With a code that the peer repeats, if it was the caller who has closed.
    pub fn end(&mut self, code: u16, was_clean: bool) {
        let Some(connection) = &mut self.connection else { return };
        if was_clean && self.states.last() == Some(&State::Closing) && code == NO_CODE {
            connection.confirmed = connection.sent.len();
        }
        let event = CloseEvent { code, reason: String::new(), was_clean };
        let after = AfterClose::of(&event);
        self.signal(Signal::Ended(Ok(event), after), 0);
    }

    /// The peer answers a ping, or says something else.
    pub fn receive(&mut self, is_answer: bool) {
        let Some(connection) = &mut self.connection else { return };
        let ping = if is_answer { connection.pings.pop_front() } else { None };
        connection.confirmed = connection.confirmed.max(ping.unwrap_or_default());
        let is_pong = ping.is_some();
        self.signal(Signal::Received { is_pong }, 0);
    }

    /// The peer acknowledges a message, maybe one of a connection that is gone.
    pub fn confirm(&mut self, ago: u64) {
        let message = u64::from(self.next).saturating_sub(ago);
        // Numbers are given to all that are not rejected.
        let number = |message: &u32| self.numbers[*message as usize];
        if let Some(connection) = &mut self.connection {
            let confirmed = connection.sent.iter().take_while(|sent| number(sent) <= message).count();
            connection.confirmed = connection.confirmed.max(confirmed);
        }
        self.machine.outbox.confirm_up_to(message);
        self.check();
    }

    /// Whether the network takes what is sent.
    pub fn set_room(&mut self, has_room: bool) {
        self.has_room = has_room;
        self.handle(Event::Tick);
    }

    /// As a handle does it.
    pub fn send(&mut self) {
        let message = self.next;
        self.next += 1;
        let machine = &mut self.machine;
        let number = if machine.refusal().is_some() {
            0
        } else if machine.is_open() && machine.outbox.is_empty() && self.has_room {
            machine.outbox.handed_over(message, 1)
        } else if machine.outbox.has_room() {
            machine.outbox.push(message, 1)
        } else {
            0
        };
        self.numbers.push(number);
        let handed = self.machine.outbox.counts().unconfirmed;
        if number == 0 {
            self.machine.outbox.rejected();
            self.rejected.push(message);
        } else if self.machine.is_open() && handed > self.unconfirmed() {
            self.handed(message);
        }
        self.handle(Event::Tick);
    }

    fn unconfirmed(&self) -> u64 {
        self.connection.as_ref().map_or(0, |live| (live.sent.len() - live.confirmed) as u64)
    }

    /// Lets time pass, looking at the clock whenever something is due.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(remaining) = self.machine.remaining(self.now).filter(|remaining| self.now + *remaining <= end) {
            self.now += remaining.max(ms(1));
            self.handle(Event::Tick);
        }
        self.now = self.now.max(end);
        self.handle(Event::Tick);
    }

    /// Lets time pass during which nothing runs.
    pub fn sleep(&mut self, time: Duration) {
        self.now += time;
        self.handle(Event::Tick);
    }

    /// Sets the clock back.
    pub fn set_back(&mut self, time: Duration) {
        self.now -= time;
        self.handle(Event::Tick);
    }

    fn handle(&mut self, event: Event) {
        let flow = Flow { handed: 0, unsent: 0 };
        self.machine.handle(event, Moment { now: self.now, flow });
        while let Some(action) = self.machine.next_action() {
            assert!(!self.is_ended, "{action:?} after the end");
            self.act(action);
        }
        while self.machine.is_open() && self.has_room {
            let Some(&message) = self.machine.outbox.front() else { break };
            self.machine.outbox.front_handed_over();
            self.handed(message);
        }
        self.check();
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect(generation) => {
                assert!(self.attempt.is_none() && self.connection.is_none(), "a second connection");
                assert_eq!(generation, self.machine.generation());
                self.attempt = Some(generation);
                self.woken = false;
                self.attempts += 1;
            }
            Action::Disconnect => {
                self.attempt = None;
                if let Some(connection) = self.connection.take() {
                    self.confirmed += connection.confirmed as u64;
                    self.in_doubt.extend(&connection.sent[connection.confirmed..]);
                }
            }
            Action::Close => {
                while let Some(&message) = self.machine.outbox.front() {
                    self.machine.outbox.front_handed_over();
                    self.handed(message);
                }
            }
            Action::Ping => {
                self.machine.outbox.pinged();
                let connection = self.connection.as_mut().expect("a ping on no connection");
                connection.pings.push_back(connection.sent.len());
            }
            Action::InDoubt(before, messages) => {
                let (count, given) = self.machine.outbox.take_in_doubt();
                assert_eq!((count, messages), (given.len() as u64, given.len() as u64));
                assert!(before <= self.machine.generation());
                self.reported.extend(given.into_iter().map(|(number, message)| {
                    assert_eq!(number, self.numbers[message as usize]);
                    message
                }));
            }
            Action::Tell(state) => self.told(state),
            Action::End(..) => self.is_ended = true,
        }
    }

    fn told(&mut self, state: State) {
        if let State::Waiting { delay, .. } = &state {
            // Once woken, it may come sooner.
            let floor = if std::mem::take(&mut self.woken) { 0 } else { FLOOR };
            assert!((ms(floor)..=ms(CAP)).contains(delay), "{delay:?}");
        }
        self.states.push(state);
    }

    fn handed(&mut self, message: u32) {
        assert!(!self.handed.contains(&message), "{message} is sent again");
        assert!(self.handed.last().is_none_or(|last| *last < message), "{message} is sent too late");
        self.handed.push(message);
        let connection = self.connection.as_mut().expect("it is handed over to nobody");
        assert_eq!(connection.generation, self.machine.generation());
        connection.sent.push(message);
    }

    /// Every message is in exactly one place, and it is the right one.
    fn check(&mut self) {
        let Counts { rejected, queued, dropped, taken_back, unconfirmed, confirmed, in_doubt } =
            self.machine.outbox.counts();
        let sum = rejected + queued + dropped + taken_back + unconfirmed + confirmed + in_doubt;
        assert_eq!(sum, u64::from(self.next));
        let live = self.connection.as_ref().map_or(0, |live| live.confirmed);
        assert_eq!(rejected, self.rejected.len() as u64);
        assert_eq!(confirmed, self.confirmed + live as u64);
        assert_eq!(unconfirmed, self.unconfirmed());
        assert_eq!(in_doubt, self.in_doubt.len() as u64);
        assert_eq!(self.reported, self.in_doubt);
        assert_eq!(queued + dropped, u64::from(self.next) - rejected - self.handed.len() as u64);
        assert!(queued <= 4);
        if self.is_ended {
            assert_eq!(self.machine.remaining(self.now), None, "something is armed");
            assert!(self.attempt.is_none() && self.connection.is_none(), "something is left");
        } else if let Some(remaining) = self.machine.remaining(self.now) {
            assert!(remaining <= ms(CAP), "{remaining:?}");
        }
    }
}

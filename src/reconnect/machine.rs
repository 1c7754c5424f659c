//! Decides what is done when. It knows no browser: events and the time go in, actions come out.

use std::collections::VecDeque;
use std::time::Duration;

use super::backoff::{Retries, jitter};
use super::deadline::Deadline;
use super::event::{Action, Command, Event, Moment, NO_CODE, Settings, Signal};
use super::heartbeat::{Beat, Pulse};
use super::outbox::Outbox;
use crate::{AfterClose, Cause, CloseEvent, Error, ReadyState, State};

#[derive(Debug)]
enum Phase {
    New,
    Connecting { since: Duration, is_woken: bool },
    Open { stable: Deadline, pulse: Option<Pulse>, has_received: bool },
    Waiting { until: Deadline, cause: Cause },
    Closing { then: Command, code: u16, deadline: Deadline },
    Paused,
    Closed,
}

pub(crate) struct Machine<M> {
    pub outbox: Outbox<M>,
    settings: Settings,
    phase: Phase,
    generation: u64,
    retries: Retries,
    random: Box<dyn FnMut() -> f64>,
    actions: VecDeque<Action>,
}

/// A connection that was open for so long, and on which something was received, is a good one.
const STABLE: Duration = Duration::from_secs(10);
/// The most by which clients that have a reason to come back at the same time are spread.
const SPREAD: Duration = Duration::from_millis(500);

impl<M> Machine<M> {
    pub fn new(settings: Settings, outbox: Outbox<M>, random: impl FnMut() -> f64 + 'static) -> Self {
        let retries = Retries::new(settings.backoff.clone());
        let (phase, random, actions) = (Phase::New, Box::new(random), VecDeque::new());
        Self { outbox, settings, phase, generation: 0, retries, random, actions }
    }

    /// Takes in what happens. [`next_action`](Self::next_action) says what is to be done about it.
    pub fn handle(&mut self, event: Event, at: Moment) {
        match event {
            // Of a connection that is no more.
            Event::Connection(generation, _) if generation != self.generation => {}
            Event::Connection(_, signal) => self.signal(signal, at),
            Event::Command(command) => self.command(command, at),
            Event::WakeUp => self.wake_up(at),
            Event::Tick => {}
        }
        // Timers may come late or never, so the clock is looked at whenever something happens.
        self.look(at);
    }

    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Whether the next action is to close; then it is taken.
    pub fn is_to_close(&mut self) -> bool {
        let is_next = self.actions.front() == Some(&Action::Close);
        if is_next {
            self.actions.pop_front();
        }
        is_next
    }

    /// How long until something is to be done that nothing else brings about.
    pub fn remaining(&mut self, now: Duration) -> Option<Duration> {
        match &mut self.phase {
            Phase::Open { stable, pulse, .. } => {
                // Nothing is to be done then, but the clock may have been set back.
                stable.remaining(now);
                pulse.as_mut().map(|pulse| pulse.remaining(now))
            }
            Phase::Waiting { until: deadline, .. } | Phase::Closing { deadline, .. } => Some(deadline.remaining(now)),
            Phase::New | Phase::Connecting { .. } | Phase::Paused | Phase::Closed => None,
        }
    }

    /// Whether messages are handed over now.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// Why no message is taken any more, once that is so.
    pub fn refusal(&self) -> Option<Error> {
        match self.phase {
            Phase::Closing { then: Command::Close(_), .. } => Some(Error::NotOpen(ReadyState::Closing)),
            Phase::Closed => Some(Error::NotOpen(ReadyState::Closed)),
            _ => None,
        }
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    fn signal(&mut self, signal: Signal, at: Moment) {
        match (signal, &mut self.phase) {
            (Signal::Opened, Phase::Connecting { .. }) => {
                let pulse = self.settings.heartbeat.map(|timing| Pulse::new(timing, at.now));
                self.phase = Phase::Open { stable: Deadline::after(STABLE, at.now), pulse, has_received: false };
                self.tell(State::Open);
            }
            (Signal::Received { is_pong }, phase) => {
                if let Phase::Open { pulse, has_received, .. } = phase {
                    *has_received = true;
                    pulse.iter_mut().for_each(Pulse::received);
                }
                if is_pong {
                    self.outbox.ponged();
                }
            }
            (Signal::Ended(end, _), Phase::Closing { .. }) => self.closed(end, at.now),
            (Signal::Ended(Ok(event), after), _) => self.over(Cause::Closed(event), after, at.now),
            (Signal::Ended(Err(error), after) | Signal::Failed(error, after), _) => {
                self.over(Cause::Failed(error), after, at.now);
            }
            (Signal::Opened, _) => {}
        }
    }

    fn command(&mut self, command: Command, at: Moment) {
        match (command, &mut self.phase) {
            (_, Phase::Closed) => {}
            // A close is not taken back.
            (_, Phase::Closing { then: Command::Close(_), .. }) => {}
            (_, Phase::Closing { then, .. }) => *then = command,
            (Command::Resume, Phase::Open { .. }) => {}
            (_, Phase::Open { .. }) => self.close(command, at.now),
            (Command::Close(_), _) => {
                self.disconnect();
                self.end(Cause::Requested, None);
            }
            (Command::Pause, Phase::Paused) => {}
            (Command::Pause, _) => {
                self.disconnect();
                self.pause();
            }
            (Command::ReconnectNow, Phase::New | Phase::Waiting { .. } | Phase::Paused)
            | (Command::Resume, Phase::Paused) => self.start(at.now),
            (Command::ReconnectNow, Phase::Connecting { .. }) | (Command::Resume, _) => {}
        }
    }

    fn wake_up(&mut self, at: Moment) {
        let soon = jitter(SPREAD, (self.random)());
        match &mut self.phase {
            // It may have begun without a network, or before the device slept.
            Phase::Connecting { is_woken, .. } => *is_woken = true,
            Phase::Waiting { until, cause } if until.late_by(at.now.saturating_add(soon)).is_none() => {
                *until = Deadline::after(soon, at.now);
                let cause = cause.clone();
                self.tell(State::Waiting { delay: soon, cause });
            }
            Phase::Open { pulse: Some(pulse), .. } => {
                let beat = pulse.probe(at.now, at.flow);
                self.beat(beat, at.now);
            }
            _ => {}
        }
    }

    fn look(&mut self, at: Moment) {
        // The clock may have been set back.
        let _ = self.remaining(at.now);
        match &mut self.phase {
            Phase::Waiting { until, cause } if until.late_by(at.now).is_some() => {
                let cause = cause.clone();
                self.connect(cause, at.now);
            }
            Phase::Open { pulse: Some(pulse), .. } => {
                let beat = pulse.look(at.now, at.flow);
                self.beat(beat, at.now);
            }
            Phase::Closing { deadline, .. } if deadline.late_by(at.now).is_some() => {
                self.closed(Err(Error::CloseTimeout(self.settings.close_timeout)), at.now);
            }
            _ => {}
        }
    }

    fn beat(&mut self, beat: Beat, now: Duration) {
        match beat {
            Beat::Nothing => {}
            Beat::Ping => self.actions.push_back(Action::Ping),
            Beat::Dead => {
                let timeout = self.settings.heartbeat.map_or(Duration::ZERO, |timing| timing.timeout);
                self.over(Cause::Failed(Error::HeartbeatTimeout(timeout)), AfterClose::Retry, now);
            }
        }
    }

    /// Begins anew: the caller wants it.
    fn start(&mut self, now: Duration) {
        self.retries.reset();
        self.connect(Cause::Requested, now);
    }

    fn connect(&mut self, cause: Cause, now: Duration) {
        self.generation += 1;
        self.phase = Phase::Connecting { since: now, is_woken: false };
        self.actions.push_back(Action::Connect(self.generation));
        let attempt = self.retries.attempt();
        self.tell(State::Connecting { attempt, cause });
    }

    /// The connection, or the attempt to make it, is over.
    fn over(&mut self, cause: Cause, after: AfterClose, now: Duration) {
        let mut longest = Duration::MAX;
        match &self.phase {
            Phase::Connecting { since, is_woken } => {
                self.retries.took(now.saturating_sub(*since).min(self.settings.connect_timeout));
                if *is_woken {
                    longest = jitter(SPREAD, (self.random)());
                }
            }
            Phase::Open { stable, has_received: true, .. } if stable.late_by(now).is_some() => self.retries.reset(),
            Phase::Open { .. } => {}
            _ => return,
        }
        self.disconnect();
        let delay = if after == AfterClose::Retry { self.retries.next_delay((self.random)()) } else { None };
        match delay.map(|delay| delay.min(longest)) {
            None => self.end(cause, None),
            Some(delay) => {
                self.phase = Phase::Waiting { until: Deadline::after(delay, now), cause: cause.clone() };
                self.tell(State::Waiting { delay, cause });
            }
        }
    }

    /// Begins the closing handshake. What follows when it is over the caller has said.
    fn close(&mut self, then: Command, now: Duration) {
        let code = if let Command::Close(code) = then { code } else { NO_CODE };
        let deadline = Deadline::after(self.settings.close_timeout, now);
        self.phase = Phase::Closing { then, code, deadline };
        // Before a ping that was not yet sent, or else what the caller sends meanwhile would go out with the close.
        self.actions.push_front(Action::Close);
        self.tell(State::Closing);
    }

    /// The closing handshake is over, or has had its time.
    fn closed(&mut self, end: Result<CloseEvent, Error>, now: Duration) {
        let Phase::Closing { then, code, .. } = self.phase else { return };
        // A peer that closes by itself at the same time gives a code of its own, and need not have read what was sent.
        if end.as_ref().is_ok_and(|event| event.was_clean && event.code == code) {
            self.outbox.confirm_all();
        }
        self.disconnect();
        match then {
            Command::Close(_) => self.end(Cause::Requested, Some(end)),
            // The stream has ended with it, so what another connection received could not be taken.
            _ if matches!(end, Err(Error::Overflow)) => self.end(Cause::Failed(Error::Overflow), None),
            Command::Pause => self.pause(),
            Command::Resume | Command::ReconnectNow => self.start(now),
        }
    }

    fn pause(&mut self) {
        self.phase = Phase::Paused;
        self.tell(State::Paused);
    }

    /// Drops the connection, or the attempt to make it.
    fn disconnect(&mut self) {
        self.actions.push_back(Action::Disconnect);
        let messages = self.outbox.lose();
        if messages > 0 {
            self.tell(State::InDoubt { messages });
            self.actions.push_back(Action::InDoubt(self.generation, messages));
        }
    }

    fn end(&mut self, cause: Cause, closing: Option<Result<CloseEvent, Error>>) {
        self.phase = Phase::Closed;
        self.tell(State::Closed { cause: cause.clone() });
        self.actions.push_back(Action::End(cause, closing));
    }

    fn tell(&mut self, state: State) {
        self.actions.push_back(Action::Tell(state));
    }
}

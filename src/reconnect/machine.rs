//! Decides what is done when. It knows no browser: events and the time go in, actions come out.

use std::collections::VecDeque;
use std::time::Duration;

use super::backoff::{Retries, jitter};
use super::deadline::Deadline;
use super::event::{Action, Begin, Command, Event, Moment, Settings, Signal};
use super::heartbeat::{Beat, Pulse};
use super::outbox::{Handed, Outbox};
use crate::{AfterClose, Cause, CloseEvent, Error, ReadyState, State};

#[derive(Debug)]
enum Phase {
    New,
    Connecting {
        since: Duration,
        is_woken: bool,
    },
    Open {
        good: Deadline,
        pulse: Option<Pulse>,
        /// Whether something was received when it was a good connection already.
        is_proven: bool,
        /// An end before this belongs to the last wake-up.
        woken: Option<Deadline>,
    },
    Waiting {
        until: Deadline,
        cause: Cause,
        /// Whether waking up ends it.
        can_wake: bool,
    },
    Closing {
        then: Command,
        deadline: Deadline,
        unsent: u64,
    },
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

/// A connection that was open for so long is a good one.
const GOOD: Duration = Duration::from_secs(10);
/// The most by which clients that have a reason to come back at the same time are spread.
const SPREAD: Duration = Duration::from_millis(500);
/// How long after a wake-up a connection may end because of what the page has slept through. A browser that has ended the
/// connections of a frozen page tells so some milliseconds after the wake-up.
const WAKING: Duration = Duration::from_secs(1);
/// How long the closing handshake may take before another connection replaces this one.
const REPLACING: Duration = Duration::from_millis(500);

impl<M> Machine<M> {
    /// Takes random numbers from 0 to 1 from a function that must not call foreign code.
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
            Event::Failed(error) => self.fail(error),
            Event::Tick => {}
        }
        // Timers may come late or never, so the clock is looked at whenever something happens.
        self.look(at);
    }

    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub fn has_actions(&self) -> bool {
        !self.actions.is_empty()
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
            Phase::Open { good, pulse, woken, .. } => {
                // Nothing is to be done then, but the clock may have been set back.
                [good].into_iter().chain(woken).for_each(|deadline| _ = deadline.remaining(now));
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

    /// Whether what the connection of this generation receives is passed on.
    pub fn is_live(&self, generation: u64) -> bool {
        generation == self.generation && matches!(self.phase, Phase::Open { .. } | Phase::Closing { .. })
    }

    /// Why no message is taken any more, once that is so.
    pub fn refusal(&self) -> Option<Error> {
        match self.phase {
            Phase::Closing { then: Command::Close, .. } => Some(Error::NotOpen(ReadyState::Closing)),
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

    /// The browser has taken the message in hand, or not. Whether the next one may follow.
    pub fn handed(&mut self, message: M, taken: Result<(), Error>) -> bool {
        match self.outbox.handed(message, taken) {
            Handed::Over => return true,
            Handed::Rejected { number, error } => {
                self.tell(State::Rejected { number, error });
                return true;
            }
            Handed::Back => {}
            Handed::InDoubt => self.tell(State::InDoubt { messages: 1 }),
        }
        false
    }

    fn signal(&mut self, signal: Signal, at: Moment) {
        match (signal, &mut self.phase) {
            (Signal::Opened, Phase::Connecting { .. }) => {
                let pulse = self.settings.heartbeat.map(|timing| Pulse::new(timing, at.now));
                self.phase = Phase::Open { good: Deadline::after(GOOD, at.now), pulse, is_proven: false, woken: None };
                self.tell(State::Open);
            }
            (Signal::Received { is_pong }, phase) => {
                if let Phase::Open { good, pulse, is_proven, .. } = phase {
                    *is_proven |= good.remaining(at.now).is_zero();
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
        match (command, &self.phase) {
            // A close is not taken back.
            (_, Phase::Closed | Phase::Closing { then: Command::Close, .. }) => {}
            (Command::Resume, Phase::Open { .. }) => {}
            (_, Phase::Closing { then, .. }) if *then == command => {}
            (_, Phase::Closing { .. } | Phase::Open { .. }) => self.close(command, at),
            (Command::Close, _) => {
                self.disconnect();
                self.end(Cause::Requested, None);
            }
            (Command::Pause, Phase::Paused) => {}
            (Command::Pause, _) => {
                self.disconnect();
                self.pause();
            }
            (Command::ReconnectNow, Phase::Connecting { .. }) => {
                self.disconnect();
                self.start(at.now);
            }
            (Command::ReconnectNow, _) | (Command::Resume, Phase::Paused) => self.start(at.now),
            (Command::Resume, _) => {}
        }
    }

    fn wake_up(&mut self, at: Moment) {
        let soon = jitter(SPREAD, (self.random)());
        match &mut self.phase {
            // It may have begun without a network, or before the device slept.
            Phase::Connecting { is_woken, .. } => *is_woken = true,
            Phase::Waiting { until, cause, can_wake: true } if until.late_by(at.now.saturating_add(soon)).is_none() => {
                *until = Deadline::after(soon, at.now);
                let cause = cause.clone();
                self.tell(State::Waiting { delay: soon, cause });
            }
            Phase::Open { pulse, woken, .. } => {
                *woken = Some(Deadline::after(WAKING, at.now));
                let beat = pulse.as_mut().map_or(Beat::Nothing, |pulse| pulse.probe(at.now, at.flow));
                self.beat(beat, at.now);
            }
            _ => {}
        }
    }

    fn look(&mut self, at: Moment) {
        // The clock may have been set back.
        let _ = self.remaining(at.now);
        match &mut self.phase {
            Phase::Waiting { until, cause, .. } if until.late_by(at.now).is_some() => {
                let cause = cause.clone();
                self.connect(cause, at.now);
            }
            Phase::Open { pulse: Some(pulse), .. } => {
                let beat = pulse.look(at.now, at.flow);
                self.beat(beat, at.now);
            }
            Phase::Closing { deadline, unsent, then } if deadline.late_by(at.now).is_some() => {
                if at.flow.unsent < *unsent && *then == Command::Close {
                    (*unsent, *deadline) = (at.flow.unsent, Deadline::after(self.settings.close_timeout, at.now));
                } else {
                    self.closed(Err(Error::CloseTimeout(self.settings.close_timeout)), at.now);
                }
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
        let number = self.retries.attempt();
        self.actions.push_back(Action::Connect(Begin { generation: self.generation, number, cause: cause.clone() }));
        self.tell(State::Connecting { attempt: number, cause });
    }

    /// The connection, or the attempt to make it, is over.
    fn over(&mut self, cause: Cause, after: AfterClose, now: Duration) {
        let is_woken = match &mut self.phase {
            Phase::Connecting { since, is_woken } => {
                self.retries.took(now.saturating_sub(*since).min(self.settings.connect_timeout));
                *is_woken
            }
            Phase::Open { good, is_proven, woken, .. } => {
                let is_silent = matches!(cause, Cause::Failed(Error::HeartbeatTimeout(_)));
                let is_good = if is_silent { *is_proven } else { good.remaining(now).is_zero() };
                if is_good {
                    self.retries.reset();
                }
                woken.is_some_and(|woken| woken.late_by(now).is_none())
            }
            _ => return,
        };
        let longest = if is_woken { jitter(SPREAD, (self.random)()) } else { Duration::MAX };
        self.disconnect();
        let delay = after.delay().and_then(|more| {
            let delay = self.retries.next_delay((self.random)())?.min(longest);
            self.retries.took(more);
            Some(delay.saturating_add(more))
        });
        match delay {
            None => self.end(cause, None),
            Some(delay) => {
                let can_wake = after == AfterClose::Retry;
                self.phase = Phase::Waiting { until: Deadline::after(delay, now), cause: cause.clone(), can_wake };
                self.tell(State::Waiting { delay, cause });
            }
        }
    }

    /// Begins the closing handshake, or lets another command follow the one that was begun.
    fn close(&mut self, then: Command, at: Moment) {
        let timeout = match then {
            Command::Resume | Command::ReconnectNow => self.settings.close_timeout.min(REPLACING),
            Command::Close | Command::Pause => self.settings.close_timeout,
        };
        let is_begun = matches!(self.phase, Phase::Closing { .. });
        self.phase = Phase::Closing { then, deadline: Deadline::after(timeout, at.now), unsent: at.flow.unsent };
        if !is_begun {
            // Before a ping that was not yet sent, or else what the caller sends meanwhile would go out with the close.
            self.actions.push_front(Action::Close);
            self.tell(State::Closing);
        }
    }

    /// The closing handshake is over, or has had its time. It confirms nothing: a page cannot tell the peer's answer from a
    /// Close frame that the peer sent by itself, before it had read everything.
    fn closed(&mut self, end: Result<CloseEvent, Error>, now: Duration) {
        let Phase::Closing { then, .. } = self.phase else { return };
        self.disconnect();
        match then {
            Command::Close => self.end(Cause::Requested, Some(end)),
            Command::Pause => self.pause(),
            Command::Resume | Command::ReconnectNow => self.start(now),
        }
    }

    /// It cannot go on.
    fn fail(&mut self, error: Error) {
        match self.phase {
            // The caller's close comes to its end.
            Phase::Closed | Phase::Closing { then: Command::Close, .. } => {}
            _ => {
                self.disconnect();
                self.end(Cause::Failed(error), None);
            }
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

//! Decides when to connect, ping, close and give up. The machine is independent of the browser: it handles events with their
//! time, and returns actions.

use std::collections::VecDeque;
use std::time::Duration;

use super::backoff::{Retries, jitter};
use super::deadline::Deadline;
use super::event::{Action, Begin, Command, Event, Moment, Settings, Signal};
use super::heartbeat::{Beat, Flow, Pulse};
use super::outbox::{Handed, Outbox};
use crate::stream::end::gives_up;
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
        /// Whether a message was received after the connection had become a good one.
        is_proven: bool,
        /// A connection that ends before this time was lost while the page was frozen.
        woken: Option<Deadline>,
    },
    Waiting {
        until: Deadline,
        cause: Cause,
        /// Whether a wake-up shortens the delay.
        can_wake: bool,
    },
    Closing {
        then: Command,
        deadline: Deadline,
        /// The number of bytes that had left when the deadline was set.
        left: u64,
        /// The number of timeouts in which no byte has left.
        timeouts: u64,
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
    /// How often the next connection repeats an unanswered ping.
    repeats: u32,
    random: Box<dyn FnMut() -> f64>,
    actions: VecDeque<Action>,
}

/// The time after which an open connection counts as good.
const GOOD: Duration = Duration::from_secs(10);
/// The longest random delay after an event on which many clients reconnect at the same time.
const SPREAD: Duration = Duration::from_millis(500);
/// The time after a wake-up in which an end counts as its consequence: Chromium ends the connections of a frozen page, and
/// reports it some milliseconds after the wake-up.
const WAKING: Duration = Duration::from_secs(1);
/// The timeout of the closing handshake of a connection that is being replaced.
const REPLACING: Duration = Duration::from_millis(500);

impl<M> Machine<M> {
    /// Creates a machine. `random` returns numbers from 0 to 1, and must not run code of the page or the caller.
    pub fn new(settings: Settings, outbox: Outbox<M>, random: impl FnMut() -> f64 + 'static) -> Self {
        let retries = Retries::new(settings.backoff.clone());
        let (phase, random, actions) = (Phase::New, Box::new(random), VecDeque::new());
        Self { outbox, settings, phase, generation: 0, retries, repeats: 0, random, actions }
    }

    /// Handles an event. [`next_action`](Self::next_action) then returns the actions.
    pub fn handle(&mut self, event: Event, at: Moment) {
        match event {
            // A signal of a connection that was replaced.
            Event::Connection(generation, _) if generation != self.generation => {}
            Event::Connection(_, signal) => self.signal(signal, at),
            Event::WakeUp => self.wake_up(at),
            Event::Failed(error) => self.fail(error),
            Event::Tick => {}
        }
        // Timers may fire late or never, so each event looks at the clock.
        self.look(at);
    }

    /// Handles a command of the caller. Returns whether to close now. The caller must do so at once, since messages that it sends
    /// later must not go out before the close.
    #[must_use = "the caller has said to close now"]
    pub fn command(&mut self, command: Command, at: Moment) -> bool {
        let was_closing = self.is_closing();
        self.obey(command, at);
        let begins = self.is_closing() && !was_closing;
        // The timeout of a close may be zero. It must not be over before the caller has closed.
        if !begins {
            self.look(at);
        }
        begins
    }

    fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. })
    }

    /// Resets the wait for an answer: reading is paused, so the silence of the peer means nothing.
    #[cfg(feature = "streams")]
    pub fn reset_wait(&mut self) {
        if let Phase::Open { pulse: Some(pulse), .. } = &mut self.phase {
            pulse.stop_waiting();
        }
    }

    /// Returns whether a ping is unanswered, and nothing was received after it.
    pub fn waits_for_answer(&self) -> bool {
        matches!(&self.phase, Phase::Open { pulse: Some(pulse), .. } if pulse.is_waiting())
    }

    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    /// Returns the time of the next look at the clock.
    pub fn deadline(&mut self, now: Duration) -> Option<Deadline> {
        match &mut self.phase {
            Phase::Open { good, pulse, woken, .. } => {
                // Nothing happens at these times, but the clock may have been set back.
                [good].into_iter().chain(woken).for_each(|deadline| _ = deadline.as_of(now));
                pulse.as_mut().map(|pulse| pulse.deadline(now))
            }
            Phase::Waiting { until: deadline, .. } | Phase::Closing { deadline, .. } => Some(deadline.as_of(now)),
            Phase::New | Phase::Connecting { .. } | Phase::Paused | Phase::Closed => None,
        }
    }

    /// Returns whether messages are handed over now.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// Returns whether the attempt with this generation is under way, and was not given up.
    pub fn is_connecting(&self, generation: u64) -> bool {
        generation == self.generation && matches!(self.phase, Phase::Connecting { .. })
    }

    /// Returns whether messages of the connection with this generation are passed to the reader.
    pub fn is_live(&self, generation: u64) -> bool {
        generation == self.generation && matches!(self.phase, Phase::Open { .. } | Phase::Closing { .. })
    }

    /// Returns why no message is accepted any more; `None` while messages are accepted.
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

    #[cfg(test)]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Notes whether the browser has accepted the message in hand. Returns whether the next message may follow.
    pub fn handed(&mut self, message: M, taken: Result<(), Error>) -> bool {
        match self.outbox.handed(message, taken) {
            Handed::Over => return true,
            Handed::Rejected { number, error } => {
                self.announce(State::Rejected { number, error });
                return true;
            }
            Handed::Back => {}
            Handed::InDoubt => self.announce(State::InDoubt { messages: 1 }),
        }
        false
    }

    /// Notes the bytes before the ping that is about to be sent.
    pub fn note_bytes_before_ping(&mut self, flow: Flow) {
        if let Phase::Open { pulse: Some(pulse), .. } = &mut self.phase {
            pulse.note_bytes_before(flow);
        }
    }

    fn signal(&mut self, signal: Signal, at: Moment) {
        match (signal, &mut self.phase) {
            (Signal::Opened, Phase::Connecting { .. }) => {
                let pulse = self.settings.heartbeat.map(|timing| Pulse::new(timing, self.repeats, at.now));
                self.phase = Phase::Open { good: Deadline::after(GOOD, at.now), pulse, is_proven: false, woken: None };
                self.announce(State::Open);
            }
            (Signal::Received { is_pong }, phase) => {
                if let Phase::Open { good, pulse, is_proven, .. } = phase {
                    *is_proven |= good.late_by(at.now).is_some();
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

    fn obey(&mut self, command: Command, at: Moment) {
        match (command, &self.phase) {
            // After a close, commands have no effect.
            (_, Phase::Closed | Phase::Closing { then: Command::Close, .. }) => {}
            (Command::Resume, Phase::Open { .. }) => {}
            // Both connect again, so neither begins the timeout anew.
            (Command::Resume | Command::ReconnectNow, Phase::Closing { then, .. }) if *then != Command::Pause => {}
            (Command::Pause, Phase::Closing { then: Command::Pause, .. }) => {}
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
            // The attempt may have begun without a network, or before the device slept.
            Phase::Connecting { is_woken, .. } => *is_woken = true,
            Phase::Waiting { until, cause, can_wake: true } if until.late_by(at.now.saturating_add(soon)).is_none() => {
                *until = Deadline::after(soon, at.now);
                let cause = cause.clone();
                self.announce(State::Waiting { delay: soon, cause });
            }
            Phase::Open { pulse, woken, .. } => {
                *woken = Some(Deadline::after(WAKING, at.now));
                let beat = pulse.as_mut().map_or(Beat::Nothing, |pulse| pulse.probe(at.now));
                self.beat(beat, at.now);
            }
            _ => {}
        }
    }

    fn look(&mut self, at: Moment) {
        // The clock may have been set back.
        let _ = self.deadline(at.now);
        match &mut self.phase {
            Phase::Waiting { until, cause, .. } if until.late_by(at.now).is_some() => {
                let cause = cause.clone();
                self.connect(cause, at.now);
            }
            Phase::Open { pulse: Some(pulse), .. } => {
                let beat = pulse.look(at.now, at.flow);
                self.beat(beat, at.now);
            }
            Phase::Closing { deadline, left, timeouts, then } if deadline.late_by(at.now).is_some() => {
                *timeouts = if at.flow.left() > *left { 0 } else { *timeouts + 1 };
                let timeout = self.settings.close_timeout;
                if *then == Command::Close && !gives_up(*timeouts, at.flow.unsent, timeout) {
                    (*left, *deadline) = (at.flow.left(), Deadline::after(timeout, at.now));
                } else {
                    self.closed(Err(Error::CloseTimeout(timeout)), at.now);
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

    /// Connects because the caller asked for it, and starts counting attempts from zero again.
    fn start(&mut self, now: Duration) {
        self.retries.reset();
        self.connect(Cause::Requested, now);
    }

    fn connect(&mut self, cause: Cause, now: Duration) {
        self.generation += 1;
        self.phase = Phase::Connecting { since: now, is_woken: false };
        let number = self.retries.attempt();
        self.actions.push_back(Action::Connect(Begin { generation: self.generation, number, cause: cause.clone() }));
        self.announce(State::Connecting { attempt: number, cause });
    }

    /// Handles the end of the connection, or of the attempt.
    fn over(&mut self, cause: Cause, after: AfterClose, now: Duration) {
        let is_woken = match &mut self.phase {
            Phase::Connecting { since, is_woken } => {
                self.retries.took(now.saturating_sub(*since).min(self.settings.connect_timeout));
                *is_woken
            }
            Phase::Open { good, pulse, is_proven, woken } => {
                let is_silent = matches!(cause, Cause::Failed(Error::HeartbeatTimeout(_)));
                let is_good = if is_silent { *is_proven } else { good.late_by(now).is_some() };
                if is_good {
                    self.retries.reset();
                }
                if cfg!(feature = "session") {
                    self.repeats = match pulse {
                        _ if *is_proven => 0,
                        Some(pulse) if is_silent => pulse.next_repeats(self.repeats),
                        _ => self.repeats,
                    };
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
                self.announce(State::Waiting { delay, cause });
            }
        }
    }

    /// Begins the closing handshake. If it has begun before, sets the command that follows it.
    fn close(&mut self, then: Command, at: Moment) {
        let timeout = match then {
            Command::Resume | Command::ReconnectNow => self.settings.close_timeout.min(REPLACING),
            Command::Close | Command::Pause => self.settings.close_timeout,
        };
        let is_begun = self.is_closing();
        let (deadline, left) = (Deadline::after(timeout, at.now), at.flow.left());
        self.phase = Phase::Closing { then, deadline, left, timeouts: 0 };
        if !is_begun {
            self.announce(State::Closing);
        }
    }

    /// Handles the end of the closing handshake, or its timeout. It confirms nothing: a page cannot tell the peer's answer from a
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

    /// Closes for good because of an error.
    fn fail(&mut self, error: Error) {
        // A close by the caller continues.
        if !matches!(self.phase, Phase::Closing { then: Command::Close, .. }) {
            self.give_up(error);
        }
    }

    /// Closes for good because of an error, even if a close by the caller is under way.
    pub fn give_up(&mut self, error: Error) {
        if !self.is_closed() {
            self.disconnect();
            self.end(Cause::Failed(error), None);
        }
    }

    fn pause(&mut self) {
        self.phase = Phase::Paused;
        self.announce(State::Paused);
    }

    /// Drops the connection, or the attempt.
    fn disconnect(&mut self) {
        self.actions.push_back(Action::Disconnect);
        let messages = self.outbox.lose();
        if messages > 0 {
            self.announce(State::InDoubt { messages });
        }
    }

    fn end(&mut self, cause: Cause, closing: Option<Result<CloseEvent, Error>>) {
        self.phase = Phase::Closed;
        self.announce(State::Closed { cause: cause.clone() });
        self.actions.push_back(Action::End(cause, closing));
    }

    fn announce(&mut self, state: State) {
        self.actions.push_back(Action::Announce(state));
    }
}

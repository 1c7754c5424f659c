//! The states that a connection that comes back reports, checked against what has happened.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use wasm_websocket::reconnect::{Attempt, Cause, Counts, State, States, WhenLost};
use wasm_websocket::{CloseEvent, Error};

use super::book::Book;
use super::plan::{Plan, Prepare};
use crate::plan::milliseconds;
use crate::seeds::note;
use crate::world::World;

/// The states so far, and the expected next ones.
pub struct Story {
    world: Rc<World>,
    plan: Rc<Plan>,
    book: Rc<Book>,
    last: RefCell<Reported>,
    /// The connection whose preamble runs, the connection whose preamble has finished, and the current connection.
    preparing: Cell<Option<u32>>,
    prepared: Cell<Option<u32>>,
    live: Cell<Option<u32>>,
    /// The number of the last attempt since the last good connection, and the number of the next attempt, if it is known.
    attempt: Cell<u32>,
    next: Cell<Option<u32>>,
    /// The number of delays since counting started.
    waits: Cell<u32>,
    /// The number of commands of the program.
    commands: Cell<u64>,
    /// The connections that the peers have closed while they were in use.
    pub closed: RefCell<Vec<u32>>,
    in_doubt: Cell<u64>,
}

/// A state, and the time at which it was reported.
struct Reported {
    state: Option<State>,
    at: Duration,
}

/// The time after which a connection counts as good, within `SLACK`.
const GOOD: Duration = Duration::from_secs(10);
const SLACK: Duration = Duration::from_millis(100);
/// A connection that is lost within `WAKING` after a wake-up comes back within `SPREAD`.
const WAKING: Duration = Duration::from_secs(1);
const SPREAD: Duration = Duration::from_millis(500);

impl Story {
    pub fn new(world: &Rc<World>, plan: &Rc<Plan>, book: &Rc<Book>) -> Self {
        Self {
            world: Rc::clone(world),
            plan: Rc::clone(plan),
            book: Rc::clone(book),
            last: RefCell::new(Reported { state: None, at: Duration::ZERO }),
            preparing: Cell::default(),
            prepared: Cell::default(),
            live: Cell::default(),
            attempt: Cell::default(),
            next: Cell::default(),
            waits: Cell::default(),
            commands: Cell::default(),
            closed: RefCell::default(),
            in_doubt: Cell::default(),
        }
    }

    /// Checks all states until the end.
    pub async fn listen(&self, mut states: States) {
        while let Some(state) = states.next().await {
            note(&self.world.page, || format!("page: state {state:?}"));
            match &state {
                State::InDoubt { messages } => self.in_doubt.set(self.in_doubt.get() + messages),
                State::Rejected { error, .. } => assert!(matches!(error, Error::Thrown { .. }), "{error:?}"),
                _ => {
                    self.check_state(state);
                    self.world.changed();
                }
            }
        }
    }

    /// Notes a command of the program. Returns the number of commands.
    pub fn commands(&self) -> u64 {
        self.commands.set(self.commands.get() + 1);
        self.commands.get()
    }

    /// Returns the number of commands of the program.
    pub fn commanded(&self) -> u64 {
        self.commands.get()
    }

    /// Notes that an attempt begins, which ends every other attempt. A state that equals the last state is not reported again.
    pub fn begins(&self) {
        self.preparing.set(None);
    }

    /// Notes that a connection is open and its preamble begins.
    pub fn opens(&self, connection: u32, attempt: &Attempt) {
        self.preparing.set(Some(connection));
        assert!(attempt.number() >= 1);
    }

    pub fn is_prepared(&self, connection: u32) {
        self.preparing.set(None);
        self.prepared.set(Some(connection));
    }

    fn check_state(&self, state: State) {
        let reported = Reported { at: self.world.page.elapsed(), state: Some(state.clone()) };
        let last = self.last.replace(reported);
        assert!(!matches!(last.state, Some(State::Closed { .. })), "{state:?} follows the end");
        match &state {
            State::Connecting { attempt, cause } => self.connects(*attempt, cause, &last),
            State::Open => self.live.set(self.prepared.take()),
            State::Waiting { delay, cause } => {
                self.ends(cause, &last);
                self.waits(*delay, cause, &last);
            }
            State::Closed { cause } => {
                self.ends(cause, &last);
                self.gives_up(cause);
            }
            _ => self.next.set(None),
        }
    }

    fn connects(&self, attempt: u32, cause: &Cause, last: &Reported) {
        let next = self.next.take();
        // A command may follow before the state of the last command was taken.
        let next = if *cause == Cause::Requested { Some(1) } else { next };
        assert_eq!(attempt, next.unwrap_or(attempt), "this attempt has a wrong number");
        if *cause == Cause::Requested {
            self.waits.set(0);
        } else if attempt == 1 {
            self.waits.set(1);
        }
        if let Some(State::Waiting { delay, .. }) = &last.state {
            let late = self.world.page.elapsed().saturating_sub(last.at + *delay);
            let is_in_time = late <= SLACK || !self.world.was_undisturbed_since(last.at);
            assert!(is_in_time, "the attempt is {late:?} late");
        }
        let most = self.plan.options.backoff.most();
        assert!(attempt <= most, "there are more attempts than there may be");
        self.attempt.set(attempt);
    }

    /// Checks the end of a connection, or of an attempt.
    fn ends(&self, cause: &Cause, last: &Reported) {
        let page = &self.world.page;
        match (&last.state, cause) {
            (Some(State::Open), Cause::Closed(CloseEvent { was_clean: true, .. })) => {
                self.closed.borrow_mut().extend(self.live.get());
            }
            (Some(State::Open), Cause::Failed(Error::HeartbeatTimeout(_))) => self.is_dead(),
            (Some(State::Connecting { .. }), _) => {
                let closed_at =
                    self.preparing.get().and_then(|preparing| self.book.conversation(preparing).closed_at.get());
                let is_heard = closed_at.is_some_and(|at| page.elapsed() > at + Duration::from_secs(2))
                    && !self.plan.connection.may_stop_reading(&self.plan.world);
                let is_undisturbed = self.world.undisturbed() == Some(0) && !self.world.was_offline.get();
                assert!(!is_heard || !is_undisturbed, "the peer has closed, and this is reported as {cause:?}");
            }
            _ => {}
        }
        let Some(State::Open) = last.state else {
            let is_attempt = matches!(last.state, Some(State::Connecting { .. }));
            self.next.set(is_attempt.then(|| self.attempt.get() + 1));
            return;
        };
        let (was_open, is_silent) =
            (page.elapsed() - last.at, matches!(cause, Cause::Failed(Error::HeartbeatTimeout(_))));
        let is_clear = !self.world.clock_was_set.get() && !is_silent;
        self.next.set(match was_open {
            _ if !is_clear => None,
            was_open if was_open > GOOD + SLACK => Some(1),
            was_open if was_open < GOOD - SLACK => Some(self.attempt.get() + 1),
            _ => None,
        });
    }

    /// Checks that a peer that counts as dead is dead.
    fn is_dead(&self) {
        let Some(live) = self.live.get() else { return };
        let conversation = self.book.conversation(live);
        let is_alive =
            !conversation.has_stalled.get() && !conversation.is_broken.get() && conversation.close.get().is_none();
        let is_reachable = !self.world.was_offline.get() && !self.world.clock_was_set.get();
        // An upload may take longer than the timeout.
        let is_upload = |preamble: &Prepare| matches!(preamble, Prepare::Upload(_) | Prepare::Slices(..));
        let is_seen =
            self.plan.connection.sees_bytes_leave(&self.plan.world) || !self.plan.preambles.iter().any(is_upload);
        assert!(!is_alive || !is_reachable || !is_seen, "a peer that lives is taken for dead");
    }

    fn waits(&self, delay: Duration, cause: &Cause, last: &Reported) {
        let (plan, after) = (&self.plan.options.backoff, self.plan.options.after_close);
        if matches!(last.state, Some(State::Waiting { .. })) {
            self.next.set(None);
            return;
        }
        self.waits.set(if self.next.get() == Some(1) { 1 } else { self.waits.get() + 1 });
        let more = if matches!(cause, Cause::Closed(_)) { after.delay() } else { Duration::ZERO };
        let doubled = milliseconds(plan.base).saturating_mul(1 << (self.waits.get() - 1).min(20));
        // Otherwise it is unknown whether counting has started over.
        let longest = if self.next.get().is_some() { doubled } else { Duration::MAX };
        let longest = longest.min(milliseconds(plan.cap)).max(milliseconds(plan.floor)) + more;
        assert!(delay <= longest, "the delay of {delay:?} is more than {longest:?}");
        assert!(
            !self.is_wakened(last) || delay <= SPREAD + more,
            "the wake-up is just over, and the delay is {delay:?}"
        );
        let shortest = milliseconds(plan.floor) + more;
        let is_woken = self.world.wake_ups.get() > 0;
        assert!(is_woken || delay >= shortest, "the delay of {delay:?} is less than {shortest:?}");
    }

    /// Returns whether the connection was open at a wake-up within the last second.
    fn is_wakened(&self, last: &Reported) -> bool {
        let Some(woken_at) = self.world.woken_at.get() else { return false };
        let ago = self.world.page.elapsed() - woken_at;
        let is_open = matches!(last.state, Some(State::Open)) && last.at + SLACK < woken_at;
        is_open && (Duration::from_millis(1)..WAKING - SLACK).contains(&ago) && !self.world.clock_was_set.get()
    }

    /// Checks that it is closed for good for this cause.
    fn gives_up(&self, cause: &Cause) {
        let is_retried = match cause {
            Cause::Closed(event) => {
                self.plan.options.after_close.of(event) != wasm_websocket::reconnect::AfterClose::Stop
            }
            Cause::Failed(error) => matches!(
                error,
                Error::ConnectFailed { .. }
                    | Error::ConnectTimeout { .. }
                    | Error::Attempt(_)
                    | Error::HeartbeatTimeout(_)
            ),
            _ => false,
        };
        if is_retried {
            let next = self.next.get().unwrap_or(u32::MAX);
            let most = self.plan.options.backoff.most();
            assert!(next > most, "it gives up before attempt {next} of {most}: {cause:?}");
        }
    }

    /// Returns the cause for which it was closed for good.
    pub fn cause(&self) -> Option<Cause> {
        match &self.last.borrow().state {
            Some(State::Closed { cause }) => Some(cause.clone()),
            _ => None,
        }
    }

    /// Checks that `closed` and the stream report the same end as the states.
    pub fn check_end(&self, closed: &Result<Option<CloseEvent>, Error>, last_error: &Option<Error>) {
        let expected = match self.cause().expect("the end is reported as a state") {
            Cause::Requested => None,
            Cause::Closed(event) if event.was_clean => None,
            Cause::Closed(event) => Some(Error::Unclean(event)),
            Cause::Failed(error) => Some(error),
            _ => unreachable!("there are no other causes"),
        };
        assert_eq!(*last_error, expected, "the stream and the states report different ends");
        match (&expected, closed) {
            (Some(Error::Unclean(event)), Ok(Some(closed))) => assert_eq!(closed, event),
            (Some(error), closed) => assert_eq!(closed.as_ref().err(), Some(error)),
            (None, Ok(_) | Err(Error::CloseTimeout(_))) => {}
            (None, closed) => panic!("it ends by {closed:?}, which the states do not report"),
        }
    }

    /// Checks that all messages in doubt were reported.
    pub fn check_in_doubt(&self, counts: &Counts) {
        if self.plan.options.when_lost == WhenLost::Report {
            assert_eq!(self.in_doubt.get(), counts.in_doubt, "another number of messages in doubt was reported");
        }
    }
}

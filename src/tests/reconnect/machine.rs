use std::time::Duration;

use super::{ms, seconds, test};
use crate::reconnect::event::{Action, Begin, Command, Event, Moment, Settings, Signal};
use crate::reconnect::heartbeat::{Flow, Timing};
use crate::reconnect::kept::Keep;
use crate::reconnect::machine::Machine;
use crate::reconnect::outbox::Outbox;
use crate::{AfterClose, Backoff, Cause, CloseEvent, Error, ReadyState, State, WhenFull, WhenLost};

const START: Duration = Duration::from_secs(1_800_000_000);

/// A machine and its clock. Every random number is 0.5.
struct Test {
    machine: Machine<u32>,
    now: Duration,
    unsent: u64,
    /// Whether the last command has begun to close.
    begins_to_close: bool,
}

fn close(code: u16) -> CloseEvent {
    CloseEvent { code, reason: String::new(), was_clean: code != 1006 }
}

fn ended(code: u16) -> Signal {
    Signal::Ended(Ok(close(code)), AfterClose::of(&close(code)))
}

fn failed() -> Signal {
    Signal::Failed(Error::Attempt("no".into()), AfterClose::Retry)
}

impl Test {
    fn with(backoff: Backoff) -> Self {
        Self::with_repeats(backoff, 0)
    }

    fn with_repeats(backoff: Backoff, repeats: u32) -> Self {
        let heartbeat = Some(Timing { interval: seconds(25), timeout: seconds(10), repeats });
        let settings = Settings { backoff, heartbeat, connect_timeout: seconds(20), close_timeout: seconds(5) };
        let keep = Keep { bytes: 100, messages: 100 };
        let outbox = Outbox::new(keep, WhenFull::Reject, keep, WhenLost::Report);
        let mut test =
            Self { machine: Machine::new(settings, outbox, || 0.5), now: START, unsent: 0, begins_to_close: false };
        let _ = test.command(Command::ReconnectNow);
        test
    }

    fn new() -> Self {
        Self::with(Backoff::new())
    }

    /// Returns a machine with an open connection.
    fn open() -> Self {
        let mut test = Self::new();
        let _ = test.signal(Signal::Opened);
        test
    }

    fn handle(&mut self, event: Event) -> Vec<Action> {
        self.machine.handle(event, self.moment());
        self.actions()
    }

    fn moment(&self) -> Moment {
        Moment { now: self.now, flow: Flow { handed: 1000, unsent: self.unsent } }
    }

    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.machine.next_action()).collect()
    }

    fn signal(&mut self, signal: Signal) -> Vec<Action> {
        self.handle(Event::Connection(self.machine.generation(), signal))
    }

    fn command(&mut self, command: Command) -> Vec<Action> {
        self.begins_to_close = self.machine.command(command, self.moment());
        self.actions()
    }

    /// Lets time pass, then looks at the clock.
    fn after(&mut self, time: Duration) -> Vec<Action> {
        self.now += time;
        self.handle(Event::Tick)
    }

    fn does_not_connect(&mut self) {
        assert!(self.handle(Event::WakeUp).is_empty());
        for command in [Command::ReconnectNow, Command::Resume] {
            assert!(self.command(command).is_empty() && !self.begins_to_close);
        }
    }

    /// Hands a message over on the open connection.
    fn hand_over(&mut self) {
        self.machine.outbox.take_in_hand(1);
        assert!(self.machine.handed(1, Ok(())));
    }

    /// Returns the delay after a signal.
    fn delay(&mut self, signal: Signal) -> Duration {
        match self.signal(signal).pop() {
            Some(Action::Announce(State::Waiting { delay, .. })) => delay,
            action => panic!("{action:?}"),
        }
    }

    /// Returns the number of the attempt after a delay.
    fn attempt(&mut self, delay: Duration) -> u32 {
        assert!(self.after(delay - ms(1)).is_empty());
        match self.after(ms(1)).pop() {
            Some(Action::Announce(State::Connecting { attempt, .. })) => attempt,
            action => panic!("{action:?}"),
        }
    }
}

fn states(actions: Vec<Action>) -> Vec<State> {
    let states =
        actions.into_iter().filter_map(|action| if let Action::Announce(state) = action { Some(state) } else { None });
    states.collect()
}

#[test]
fn the_delays_between_attempts_grow() {
    let mut test = Test::new();
    for (number, seconds) in [(2, 0.5), (3, 1.0), (4, 2.0), (5, 4.0), (6, 8.0), (7, 15.0), (8, 15.0)] {
        let delay = test.delay(failed());
        assert_eq!(delay.as_secs_f64(), seconds);
        assert_eq!(test.attempt(delay), number);
    }
}

#[test]
fn delays_grow_for_a_server_that_accepts_and_closes() {
    let mut test = Test::new();
    for expected in [500, 1000, 2000, 4000] {
        let _ = test.signal(Signal::Opened);
        let _ = test.signal(Signal::Received { is_pong: false });
        let delay = test.delay(ended(1001));
        assert_eq!(delay, ms(expected));
        let _ = test.attempt(delay);
    }
}

#[test]
fn zero_attempts_count_as_one() {
    for attempts in [0, 1] {
        let mut test = Test::with(Backoff::new().max_attempts(attempts));
        let _ = test.signal(Signal::Opened);
        assert!(test.after(seconds(10)).is_empty());
        let delay = test.delay(ended(1001));
        assert_eq!(test.attempt(delay), 1);
    }
}

#[test]
fn ten_seconds_make_a_good_connection_whatever_was_received() {
    for (open_for, is_received, expected) in [(10_000, true, 500), (10_000, false, 500), (9_999, true, 1000)] {
        let mut test = Test::new();
        let delay = test.delay(failed());
        let _ = test.attempt(delay);
        let _ = test.signal(Signal::Opened);
        if is_received {
            let _ = test.signal(Signal::Received { is_pong: false });
        }
        assert!(test.after(ms(open_for)).is_empty());
        assert_eq!(test.delay(ended(1006)), ms(expected), "{open_for} {is_received}");
    }
}

#[test]
fn only_the_current_connection_is_live() {
    let mut test = Test::new();
    assert!(!test.machine.is_live(1));
    let _ = test.signal(Signal::Opened);
    assert!(test.machine.is_live(1) && !test.machine.is_live(0));
    let _ = test.command(Command::Pause);
    assert!(test.machine.is_live(1));
    let _ = test.signal(ended(1000));
    assert!(!test.machine.is_live(1));
}

// As behind a proxy with an idle timeout, in a page that receives nothing.
#[test]
fn attempts_are_counted_from_zero_after_each_good_connection() {
    let mut test = Test::with(Backoff::new().max_attempts(3));
    for _ in 0..10 {
        let _ = test.signal(Signal::Opened);
        assert!(test.after(seconds(12)).is_empty());
        let delay = test.delay(ended(1006));
        assert_eq!((delay, test.attempt(delay)), (ms(500), 1));
    }
}

#[test]
fn a_peer_that_never_answers_makes_no_good_connection() {
    for (received_after, expected) in [(None, 1000), (Some(5), 1000), (Some(15), 500)] {
        let mut test = Test::new();
        let delay = test.delay(failed());
        let _ = test.attempt(delay);
        let _ = test.signal(Signal::Opened);
        if let Some(after) = received_after {
            let _ = test.after(seconds(after));
            let _ = test.signal(Signal::Received { is_pong: false });
        }
        while test.machine.is_open() {
            let _ = test.after(ms(100));
        }
        let remaining = test.machine.deadline(test.now).map(|deadline| deadline.remaining(test.now));
        assert_eq!(remaining, Some(ms(expected)), "{received_after:?}");
    }
}

#[test]
fn after_max_attempts_the_connection_is_closed_for_good() {
    let mut test = Test::with(Backoff::new().max_attempts(2));
    let delay = test.delay(failed());
    let _ = test.attempt(delay);
    let cause = Cause::Failed(Error::Attempt("no".into()));
    let closed = Action::Announce(State::Closed { cause: cause.clone() });
    assert_eq!(test.signal(failed()), [Action::Disconnect, closed, Action::End(cause, None)]);
    assert_eq!(test.machine.deadline(test.now), None);
}

#[test]
fn a_final_close_is_not_retried() {
    let mut test = Test::open();
    let cause = Cause::Closed(close(1008));
    assert_eq!(states(test.signal(ended(1008))), [State::Closed { cause }]);
    assert!(test.after(seconds(1000)).is_empty());
    assert!(test.command(Command::ReconnectNow).is_empty());
}

#[test]
fn events_of_an_old_connection_are_ignored() {
    let mut test = Test::open();
    let old = test.machine.generation();
    let delay = test.delay(ended(1006));
    let _ = test.attempt(delay);
    let _ = test.signal(Signal::Opened);
    assert!(test.handle(Event::Connection(old, ended(1008))).is_empty());
    assert!(test.machine.is_open());
}

// L11
#[test]
fn after_a_close_nothing_makes_it_connect() {
    let mut test = Test::open();
    assert_eq!(test.command(Command::Close), [Action::Announce(State::Closing)]);
    assert!(test.begins_to_close);
    test.does_not_connect();
    let end = Action::End(Cause::Requested, Some(Ok(close(1000))));
    assert_eq!(test.signal(ended(1000)).pop(), Some(end));
    test.does_not_connect();
}

#[test]
fn messages_are_refused_from_the_close_on_and_not_before() {
    let mut test = Test::open();
    assert_eq!(test.machine.refusal(), None);
    let _ = test.command(Command::Pause);
    assert_eq!(test.machine.refusal(), None);
    let _ = test.command(Command::Close);
    assert_eq!(test.machine.refusal(), Some(Error::NotOpen(ReadyState::Closing)));
    let _ = test.signal(ended(1005));
    assert_eq!(test.machine.refusal(), Some(Error::NotOpen(ReadyState::Closed)));
}

#[test]
fn a_close_that_is_not_answered_times_out() {
    let mut test = Test::open();
    test.hand_over();
    let _ = test.command(Command::Close);
    assert!(test.after(ms(4999)).is_empty());
    let actions = test.after(ms(1));
    assert_eq!(test.machine.outbox.counts().in_doubt, 1);
    let end = Action::End(Cause::Requested, Some(Err(Error::CloseTimeout(seconds(5)))));
    assert_eq!(actions.last(), Some(&end));
}

#[test]
fn the_close_timeout_starts_over_while_bytes_leave() {
    let mut test = Test::open();
    test.unsent = 100;
    let _ = test.command(Command::Close);
    test.unsent = 50;
    assert!(test.after(seconds(5)).is_empty());
    assert!(test.after(ms(4999)).is_empty());
    assert_eq!(test.after(ms(1)).len(), 3);
}

// A page cannot tell the peer's answer from a Close frame that crossed its own.
#[test]
fn a_close_confirms_nothing() {
    for code in [1000, 1005, 4000, 1006] {
        for command in [Command::Close, Command::Pause, Command::ReconnectNow] {
            let mut test = Test::open();
            test.hand_over();
            let _ = test.command(command);
            assert!(states(test.signal(ended(code))).contains(&State::InDoubt { messages: 1 }));
            let counts = test.machine.outbox.counts();
            assert_eq!((counts.confirmed, counts.in_doubt), (0, 1), "{code}");
        }
    }
}

#[test]
fn messages_in_doubt_are_reported_first() {
    let mut test = Test::open();
    test.hand_over();
    let actions = test.signal(ended(1006));
    assert_eq!(actions[..2], [Action::Disconnect, Action::Announce(State::InDoubt { messages: 1 })]);
}

#[test]
fn a_message_on_which_the_browser_throws_is_reported() {
    let mut test = Test::open();
    test.machine.outbox.push(1, 1);
    assert_eq!(test.machine.outbox.take_next(), Some(1));
    assert!(test.machine.handed(1, Err(Error::OutOfMemory(1))), "the next one follows");
    assert_eq!(states(test.handle(Event::Tick)), [State::Rejected { number: 1, error: Error::OutOfMemory(1) }]);
}

#[test]
fn a_message_that_is_lost_while_it_is_handed_over_is_reported() {
    let mut test = Test::open();
    test.machine.outbox.take_in_hand(1);
    let _ = test.signal(ended(1006));
    assert!(!test.machine.handed(1, Ok(())));
    assert_eq!(states(test.handle(Event::Tick)), [State::InDoubt { messages: 1 }]);
}

#[test]
fn the_caller_may_delay_a_retry() {
    let mut test = Test::open();
    let after = AfterClose::RetryAfter(seconds(30));
    assert_eq!(test.delay(Signal::Ended(Ok(close(1000)), after)), ms(30_500));
    // A wake-up does not shorten this delay.
    assert!(test.handle(Event::WakeUp).is_empty());
    assert_eq!(test.attempt(ms(30_500)), 2);
}

#[test]
fn retry_after_counts_towards_max_elapsed() {
    let mut test = Test::with(Backoff::new().max_elapsed(seconds(30)));
    let delayed = || Signal::Failed(Error::Attempt("no".into()), AfterClose::RetryAfter(seconds(30)));
    let delay = test.delay(delayed());
    let _ = test.attempt(delay);
    assert!(matches!(test.signal(delayed()).last(), Some(Action::End(..))));
}

// L14
#[test]
fn the_network_coming_back_ends_the_wait_once() {
    let mut test = Test::new();
    for _ in 0..6 {
        let delay = test.delay(failed());
        let _ = test.attempt(delay);
    }
    assert_eq!(test.delay(failed()), seconds(15));
    assert_eq!(states(test.handle(Event::WakeUp)).len(), 1);
    // The network comes and goes.
    for _ in 0..10 {
        assert!(test.handle(Event::WakeUp).is_empty());
    }
    assert_eq!(test.attempt(ms(250)), 8);
    // An attempt that is under way continues.
    assert!(test.handle(Event::WakeUp).is_empty());
}

#[test]
fn an_attempt_that_was_begun_without_a_network_is_repeated_soon() {
    let mut test = Test::new();
    for _ in 0..6 {
        let delay = test.delay(failed());
        let _ = test.attempt(delay);
    }
    assert!(test.handle(Event::WakeUp).is_empty());
    assert_eq!(test.delay(failed()), ms(250));
    assert_eq!(test.attempt(ms(250)), 8);
    assert_eq!(test.delay(failed()), seconds(15));
}

// L09, L22: after the wake-up, the browser reports connections that it ended while the page was frozen.
#[test]
fn a_connection_that_ends_within_a_second_of_a_wake_up_comes_back_at_once() {
    for (after, delay) in [(0, ms(250)), (999, ms(250)), (1000, seconds(30))] {
        let mut test = Test::with(Backoff::new().floor(seconds(30)));
        let _ = test.signal(Signal::Opened);
        test.now += seconds(600);
        let _ = test.handle(Event::WakeUp);
        assert_eq!(test.after(ms(after)), []);
        assert_eq!(test.delay(ended(1006)), delay, "{after} ms after");
        assert_eq!(test.attempt(delay), 1);
        // Only once.
        let _ = test.signal(Signal::Opened);
        assert_eq!(test.delay(ended(1006)), seconds(30));
    }
    // The clock is set back meanwhile.
    let mut test = Test::with(Backoff::new().floor(seconds(30)));
    let _ = test.signal(Signal::Opened);
    let _ = test.handle(Event::WakeUp);
    test.now -= seconds(3600);
    let _ = test.machine.deadline(test.now);
    test.now += seconds(2);
    assert_eq!(test.delay(ended(1006)), seconds(30));
}

#[test]
fn each_silent_connection_makes_the_next_one_wait_twice_as_long() {
    let mut test = Test::with_repeats(Backoff::new(), 4);
    // Returns how many pings an open connection sends before the peer counts as dead, and connects again.
    let pings = |test: &mut Test| {
        let mut pings = 0;
        loop {
            let actions = test.after(seconds(1));
            if actions.contains(&Action::Disconnect) {
                assert_eq!(test.after(seconds(30)).len(), 2);
                return pings;
            }
            pings += actions.len();
        }
    };
    for expected in [1, 2, 4, 5, 5] {
        let _ = test.signal(Signal::Opened);
        assert_eq!(pings(&mut test), expected);
    }
    // A message shows that the connection is not too slow any more.
    let _ = test.signal(Signal::Opened);
    let _ = test.after(seconds(10));
    let _ = test.signal(Signal::Received { is_pong: false });
    assert_eq!(pings(&mut test), 5);
    let _ = test.signal(Signal::Opened);
    assert_eq!(pings(&mut test), 1);
}

// L12
#[test]
fn after_sleep_a_dead_connection_is_found_by_one_probe() {
    let mut test = Test::open();
    test.now += seconds(600);
    assert_eq!(test.handle(Event::WakeUp), [Action::Ping]);
    assert!(test.after(seconds(9)).is_empty());
    assert!(test.after(ms(999)).is_empty());
    let actions = test.after(ms(1));
    let cause = Cause::Failed(Error::HeartbeatTimeout(seconds(10)));
    assert_eq!(states(actions), [State::Waiting { delay: ms(500), cause }]);
    assert_eq!(test.attempt(ms(500)), 2);
}

// L21
#[test]
fn a_clock_that_is_set_does_not_hold_up_an_attempt() {
    let mut test = Test::new();
    assert_eq!(test.delay(failed()), ms(500));
    test.now -= seconds(3600);
    assert!(test.handle(Event::Tick).is_empty());
    assert_eq!(test.attempt(ms(500)), 2);
    assert_eq!(test.delay(failed()), ms(1000));
    test.now += seconds(3600);
    assert_eq!(test.handle(Event::Tick).len(), 2);
}

// L21
#[test]
fn a_clock_that_is_set_back_does_not_make_a_good_connection_a_bad_one() {
    let mut test = Test::new();
    let delay = test.delay(failed());
    let _ = test.attempt(delay);
    let _ = test.signal(Signal::Opened);
    test.now -= seconds(3600);
    let _ = test.signal(Signal::Received { is_pong: false });
    assert!(test.after(seconds(10)).is_empty());
    assert_eq!(test.delay(ended(1006)), ms(500));
}

#[test]
fn sleep_does_not_count_towards_max_elapsed() {
    let mut test = Test::with(Backoff::new().max_elapsed(seconds(60)));
    test.now += seconds(3600);
    assert_eq!(test.delay(failed()), ms(500));
    assert_eq!(test.after(seconds(3600)).len(), 2);
    assert_eq!(test.delay(failed()), ms(1000));
}

#[test]
fn while_paused_it_waits_for_the_caller() {
    let mut test = Test::open();
    assert_eq!(test.command(Command::Pause), [Action::Announce(State::Closing)]);
    assert!(test.begins_to_close);
    assert_eq!(states(test.signal(ended(1005))), [State::Paused]);
    assert!(test.handle(Event::WakeUp).is_empty());
    assert_eq!(test.machine.deadline(test.now), None);
    assert_eq!(states(test.command(Command::Resume)), [State::Connecting { attempt: 1, cause: Cause::Requested }]);
}

#[test]
fn the_last_command_counts() {
    let mut test = Test::open();
    let _ = test.command(Command::Pause);
    let _ = test.command(Command::Resume);
    assert_eq!(test.machine.refusal(), None);
    assert_eq!(states(test.signal(ended(1005))), [State::Connecting { attempt: 1, cause: Cause::Requested }]);
    let _ = test.command(Command::Pause);
    assert!(test.signal(Signal::Opened).is_empty());
    let _ = test.command(Command::ReconnectNow);
    let _ = test.signal(Signal::Opened);
    assert!(test.machine.is_open());
}

#[test]
fn a_failure_closes_for_good_in_every_state() {
    let error = || Error::OutOfMemory(1);
    let before: [fn(&mut Test); 5] = [
        |_| {},
        |test| drop(test.signal(Signal::Opened)),
        |test| drop(test.signal(failed())),
        |test| drop(test.command(Command::Pause)),
        |test| {
            let _ = test.signal(Signal::Opened);
            let _ = test.command(Command::ReconnectNow);
        },
    ];
    for before in before {
        let mut test = Test::new();
        before(&mut test);
        let end = Action::End(Cause::Failed(error()), None);
        assert_eq!(test.handle(Event::Failed(error())).last(), Some(&end));
        assert!(test.handle(Event::Failed(error())).is_empty());
    }
}

#[test]
fn a_failure_does_not_end_the_callers_close() {
    let mut test = Test::open();
    let _ = test.command(Command::Close);
    assert!(test.handle(Event::Failed(Error::Overflow)).is_empty());
    assert_eq!(test.signal(ended(1000)).pop(), Some(Action::End(Cause::Requested, Some(Ok(close(1000))))));
}

#[test]
fn a_close_goes_before_all_pending_actions() {
    let mut test = Test::open();
    test.machine.handle(Event::WakeUp, Moment { now: test.now, ..Moment::default() });
    assert_eq!(test.command(Command::Pause), [Action::Ping, Action::Announce(State::Closing)]);
    assert!(test.begins_to_close);
}

#[test]
fn reconnecting_replaces_an_open_connection() {
    let mut test = Test::open();
    assert_eq!(test.command(Command::ReconnectNow), [Action::Announce(State::Closing)]);
    assert!(test.begins_to_close);
    let actions = test.signal(ended(1005));
    let begin = Begin { generation: test.machine.generation(), number: 1, cause: Cause::Requested };
    assert_eq!(actions[..2], [Action::Disconnect, Action::Connect(begin)]);
}

#[test]
fn reconnecting_waits_half_a_second_for_the_last_connection() {
    for before in [None, Some(Command::Pause)] {
        for command in [Command::ReconnectNow, Command::Resume] {
            let mut test = Test::open();
            // More unsent bytes do not extend the wait.
            test.unsent = 100;
            let _ = test.command(before.unwrap_or(Command::ReconnectNow));
            let _ = test.command(command);
            test.unsent = 50;
            assert!(test.after(ms(499)).is_empty());
            // Another command does not extend the wait.
            assert!(test.command(command).is_empty());
            assert!(matches!(test.after(ms(1))[..], [Action::Disconnect, Action::Connect(_), _]));
        }
    }
}

#[test]
fn reconnecting_begins_an_attempt_again() {
    let mut test = Test::new();
    let delay = test.delay(failed());
    assert_eq!(test.attempt(delay), 2);
    let actions = test.command(Command::ReconnectNow);
    let begin = Begin { generation: test.machine.generation(), number: 1, cause: Cause::Requested };
    assert_eq!(actions[..2], [Action::Disconnect, Action::Connect(begin)]);
}

#[test]
fn resuming_leaves_an_open_connection_alone() {
    let mut test = Test::open();
    assert!(test.command(Command::Resume).is_empty());
    assert!(test.machine.is_open());
}

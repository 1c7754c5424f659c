//! Backpressure: senders wait in a line while too much is buffered in the browser.

use std::iter;
use std::mem::take;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::places::{Places, WaitsFor, Whose};
use crate::stream::connection::Connection;
use crate::sys::{Alarm, RawSocket};
use crate::wake::wake_each;
use crate::{CloseEvent, Error, Options, ReadyState};

/// The line of one socket: senders wait for their turn, flushes for an empty buffer, and other tasks for the end.
///
/// When more than the high water mark is unsent, the first sender waits until at most [`continues_at`](Self::continues_at) bytes are
/// unsent. The other senders wait behind it, in the order in which they began to wait.
pub(crate) struct Line {
    high_water_mark: u64,
    /// The number of bytes between both marks.
    between_marks: u64,
    /// The number of unsent bytes at which the first sender continues: when as many bytes have left as lie between both marks, but
    /// not above the high water mark. After small messages this is the low water mark. After a large message it is more, since at the
    /// low water mark the network would already idle.
    continues_at: u64,
    places: Places,
    look: Option<Look>,
    /// Whether the next turn looks at the socket because a message has arrived.
    is_hinted: bool,
    pace: Pace,
}

/// The next look at the socket, and the number of unsent bytes that the last look found.
///
/// Browsers fire no event when `bufferedAmount` falls, so it is polled: in the next [`TURNS`] turns of the event loop, then after
/// 1, 2, 4, 8, 16, 32 and every further 50 ms. When it has fallen, polling starts over.
struct Look {
    /// `None` for a look in the next turn of the event loop.
    _alarm: Option<Alarm>,
    /// The number of successive looks before this one that found no progress.
    step: u32,
    amount: u64,
}

/// The number of looks in turns before timers are set. If the network takes megabytes in a millisecond, most of the time of
/// sending would be spent waiting for timers.
const TURNS: u32 = 4;
/// The delay of the first timer, in milliseconds. Browsers raise it to 4 ms only for timers that a chain of timers has set; this
/// timer is set in a turn.
const SHORTEST_DELAY: u32 = 1;
/// The longest delay of a timer, in milliseconds.
const LONGEST_DELAY: u32 = 50;

/// Returns the delay of a look in milliseconds; 0 for the next turn.
fn delay(step: u32) -> u32 {
    if step < TURNS { 0 } else { (SHORTEST_DELAY << (step - TURNS).min(6)).min(LONGEST_DELAY) }
}

#[cfg(feature = "streams")]
fn is_by_streams(socket: &RawSocket) -> bool {
    socket.transport() == crate::Transport::Streams
}

#[cfg(not(feature = "streams"))]
fn is_by_streams(_: &RawSocket) -> bool {
    false
}

/// Returns the largest high and low water marks of a socket.
fn largest_marks(socket: &RawSocket) -> (u64, u64) {
    if is_by_streams(socket) {
        // A message that waits behind another is copied. The network is as busy without it, since the browser asks for the next
        // message as soon as it has buffered the last. Small messages wait in numbers that are worth a wake.
        return (128 << 10, 32 << 10);
    }
    // The product with the factor must not overflow.
    (u64::MAX / LARGEST_FACTOR, u64::MAX)
}

/// A place in the line. Dropping it gives up the place and the turn.
#[derive(Default)]
pub(crate) struct Wait(Option<(Rc<Connection>, u64)>);

impl Connection {
    /// Returns whether a sender without a place may send: no sender waits, and at most the high water mark is unsent.
    pub fn has_room(self: &Rc<Self>) -> bool {
        let is_waited_in = self.line().places.has_sender();
        !is_waited_in && self.socket().has_at_most(self.highest())
    }

    /// Resolves when it is the caller's turn to send, or with the state of a socket that is not open.
    ///
    /// The caller keeps its place until `wait` is dropped, so that it sends its message before the next sender's turn.
    pub fn poll_room(self: &Rc<Self>, context: &Context<'_>, wait: &mut Wait) -> Poll<Result<(), ReadyState>> {
        let state = self.socket().ready_state();
        if state != ReadyState::Open {
            *wait = Wait::default();
            return Poll::Ready(Err(state));
        }
        let mut line = self.line();
        let whose = line.places.turn(wait.id());
        let continues_at = (line.places.wants_room() && whose != Whose::Missed).then_some(line.continues_at);
        drop(line);
        // No borrow is held here, since the page may have replaced `bufferedAmount` with code that sends.
        let most = continues_at.unwrap_or_else(|| self.highest());
        if whose != Whose::Anothers && self.socket().has_at_most(most) {
            if whose == Whose::Own {
                self.line().places.take_turn(wait.id());
            }
            return Poll::Ready(Ok(()));
        }
        self.enter(context, wait, WaitsFor::Turn);
        Poll::Pending
    }

    /// Resolves when the buffer is empty, or with the state of a socket that ended before the buffer was seen empty.
    pub fn poll_empty(self: &Rc<Self>, context: &Context<'_>, wait: &mut Wait) -> Poll<Result<(), ReadyState>> {
        let result = match self.socket().look() {
            // The state first: after the end, `bufferedAmount` does not fall, and in Chromium it may be 0 with everything unsent.
            (ReadyState::Open, 0) => Ok(()),
            (ReadyState::Open, _) => {
                self.enter(context, wait, WaitsFor::EmptyBuffer);
                return Poll::Pending;
            }
            (state, _) if self.socket().may_have_unsent() => Err(state),
            _ => Ok(()),
        };
        *wait = Wait::default();
        Poll::Ready(result)
    }

    /// Returns the number of unsent bytes, and the number of looks that found that bytes have left. The first number alone does not
    /// show progress, since other senders may have added bytes.
    pub fn progress(&self) -> (u64, u32) {
        (self.socket().buffered_amount(), self.socket().falls())
    }

    /// Looks at the socket in the next turn of the event loop if a task waits, because a message has arrived.
    ///
    /// The message may be the answer to a message that has just left, and in hidden tabs timers fire late.
    pub fn hint(self: &Rc<Self>) {
        let mut line = self.line();
        line.is_hinted = line.places.is_waited_in();
        if line.is_hinted {
            drop(line);
            self.ask_for_turn();
        }
    }

    /// Runs in a turn of the event loop, and looks at the socket if this was asked for.
    pub fn look_in_turn(self: &Rc<Self>) {
        let mut line = self.line();
        let is_hinted = take(&mut line.is_hinted);
        let late_by = line.look.as_ref().is_some_and(|look| delay(look.step) == 0).then_some(0.0);
        drop(line);
        if is_hinted || late_by.is_some() {
            self.look(late_by);
        }
    }

    /// Looks at the socket if a task waits, because a message has left the browser.
    #[cfg(feature = "streams")]
    pub fn look_now(self: &Rc<Self>) {
        let is_waited_in = self.line().places.is_waited_in();
        if is_waited_in {
            self.look(None);
        }
    }

    /// Resolves when the connection has ended.
    pub fn poll_ended(self: &Rc<Self>, context: &Context<'_>, wait: &mut Wait) -> Poll<Result<CloseEvent, Error>> {
        if let Some(result) = self.result() {
            *wait = Wait::default();
            return Poll::Ready(result);
        }
        self.enter(context, wait, WaitsFor::End);
        Poll::Pending
    }

    /// Wakes the tasks that wait for `last` or for a variant before it, because the socket is no longer open. An executor may
    /// poll them before this function returns, so the caller must hold no borrow.
    pub fn release(&self, last: WaitsFor) {
        let mut line = self.line();
        line.look = None;
        line.places.release(last);
        drop(line);
        self.wake_called();
    }

    /// Returns the number of unsent bytes up to which a sender need not wait.
    fn highest(self: &Rc<Self>) -> u64 {
        let mut line = self.line();
        let factor = line.pace.factor();
        // While the mark is raised, possibly no task waits and no look is due. This look finds out if timers still fire late.
        if factor > 1 && line.look.is_none() {
            line.look = Some(self.look_at(TURNS, self.socket().most_unsent()));
        }
        line.high_water_mark * factor
    }

    /// Takes a place in the line, or keeps it.
    fn enter(self: &Rc<Self>, context: &Context<'_>, wait: &mut Wait, waits_for: WaitsFor) {
        let waker = context.waker().clone();
        let mut line = self.line();
        // An upper bound, which the check before has just updated, unless it is another sender's turn.
        let unsent = self.socket().most_unsent();
        let is_sender = waits_for == WaitsFor::Turn;
        let is_first = !line.places.is_waited_in() || (is_sender && !line.places.has_sender());
        // A sender that was called waits again if the one before it has sent more than the mark.
        if is_sender && (is_first || line.places.is_called(wait.id())) {
            line.continues_at = unsent.saturating_sub(line.between_marks).min(line.high_water_mark);
        }
        if waits_for < WaitsFor::End && is_first {
            // Over streams, nothing changes without an event.
            let step = if is_by_streams(self.socket()) { TURNS } else { 0 };
            line.look = Some(self.look_at(step, unsent));
        }
        let (id, last) = line.places.enter(wait.id(), waits_for, waker);
        drop(line);
        drop(last);
        if id != wait.id() {
            *wait = Wait(Some((Rc::clone(self), id)));
        }
    }

    /// Gives up a place. If it was this sender's turn, calls the next sender.
    fn leave(self: &Rc<Self>, id: u64) {
        let mut line = self.line();
        let (was_called, waker) = line.places.leave(id);
        if !line.places.is_waited_in() {
            line.look = None;
        }
        if was_called {
            self.call(&mut line, 0);
        }
        drop(line);
        drop(waker);
        self.wake_called();
    }

    /// Calls the first sender, and checks in the next turn of the event loop whether it was polled.
    fn call(self: &Rc<Self>, line: &mut Line, amount: u64) {
        if line.places.call() && line.look.as_ref().is_none_or(|look| delay(look.step) > 0) {
            line.look = Some(self.look_at(0, amount));
        }
    }

    /// Wakes all tasks that need not wait any longer.
    fn wake_called(&self) {
        wake_each(iter::from_fn(|| self.line().places.take_called()));
    }

    /// Looks at the socket and wakes the tasks that can continue. `late_by` is the number of milliseconds by which the look is
    /// late; `None` after a hint.
    fn look(self: &Rc<Self>, late_by: Option<f64>) {
        let (state, amount) = self.socket().look();
        if state != ReadyState::Open {
            return self.release(WaitsFor::Call);
        }
        let mut line = self.line();
        let is_draining = line.places.wants_room();
        let last = if late_by.is_some() { line.look.take() } else { None };
        if let (Some(late_by), Some(last)) = (late_by, &last) {
            line.pace.learn(delay(last.step), late_by, amount, is_draining);
        }
        let is_free = if is_draining { amount <= line.continues_at } else { late_by.is_some() && line.places.miss() };
        if is_free {
            self.call(&mut line, amount);
        }
        if amount == 0 {
            line.places.release(WaitsFor::EmptyBuffer);
        }
        if line.look.is_none() && line.places.is_waited_in() {
            let step = last.filter(|last| amount >= last.amount).map_or(0, |last| last.step + 1);
            let step = if is_by_streams(self.socket()) { TURNS } else { step };
            line.look = Some(self.look_at(step, amount));
        }
        drop(line);
        self.wake_called();
    }

    /// Schedules a look. The line is borrowed meanwhile, and while a `Look` is dropped: a page that replaces `setTimeout`,
    /// `clearTimeout` or `postMessage` with code that itself sends over this connection panics. Releasing the line around each of
    /// these calls would make all changes of the line longer, for a page that hardly exists.
    fn look_at(self: &Rc<Self>, step: u32, amount: u64) -> Look {
        let alarm = match delay(step) {
            0 => {
                self.ask_for_turn();
                None
            }
            // Over streams, an event of the socket wakes senders.
            _ if is_by_streams(self.socket()) => None,
            delay => {
                let this = Rc::clone(self);
                Some(Alarm::new(Duration::from_millis(delay.into()), move |late_by| this.look(Some(late_by))))
            }
        };
        Look { _alarm: alarm, step, amount }
    }
}

impl Line {
    pub fn new(options: &Options, socket: &RawSocket) -> Self {
        let (largest_high, largest_low) = largest_marks(socket);
        let high_water_mark = options.high_water_mark.min(largest_high);
        Self {
            high_water_mark,
            between_marks: high_water_mark - options.low_water_mark.min(high_water_mark).min(largest_low),
            continues_at: 0,
            places: Places::default(),
            look: None,
            is_hinted: false,
            pace: Pace::default(),
        }
    }
}

impl Wait {
    /// Returns the id of the place; 0 without a place.
    fn id(&self) -> u64 {
        self.0.as_ref().map_or(0, |(_, id)| *id)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some((connection, id)) = &self.0 {
            connection.leave(*id);
        }
    }
}

// With `panic=unwind`, wasm-bindgen requires these of all values in an exported `async fn`. They hold: the line changes in one
// step, in which no other code runs.
impl UnwindSafe for Wait {}
impl RefUnwindSafe for Wait {}

/// The factor by which the high water mark is raised while timers fire late, as in hidden tabs.
///
/// In hidden tabs timers fire once a second, so at most one high water mark of bytes would be sent per second. If a late look
/// finds the buffer empty, the mark was too low, and the factor doubles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    factor: u64,
}

const LARGEST_FACTOR: u64 = 64;
/// The lateness from which timers count as late, in milliseconds: longer than a busy page delays a timer.
const LATE: f64 = 500.0;

impl Default for Pace {
    fn default() -> Self {
        Self { factor: 1 }
    }
}

impl Pace {
    /// Adapts to a look: its delay, the milliseconds by which it was late, the unsent bytes, and whether a sender waited.
    pub fn learn(&mut self, delay: u32, late_by: f64, amount: u64, is_waited_for: bool) {
        if delay == 0 {
            // The look was in a turn, which says nothing about timers.
        } else if late_by < LATE {
            self.factor = 1;
        } else if is_waited_for && amount == 0 {
            self.factor = (self.factor * 2).min(LARGEST_FACTOR);
        }
    }

    pub fn factor(self) -> u64 {
        self.factor
    }
}

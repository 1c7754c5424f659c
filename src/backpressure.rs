//! Makes senders wait, in a line, while too much of what was sent is still with the browser.

use std::iter;
use std::mem::take;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::connection::Connection;
use crate::notify::wake_each;
use crate::places::{Places, WaitsFor, Whose};
use crate::sys::Alarm;
use crate::{Options, ReadyState};

/// The line of those who wait for one socket: senders for their turn, flushes for the buffer to be empty.
///
/// The first sender waits while more than the high water mark is unsent, and then for the low one. The others wait behind
/// it, and so does whoever comes later.
pub(crate) struct Line {
    high_water_mark: u64,
    low_water_mark: u64,
    places: Places,
    look: Option<Look>,
    /// How many looks have seen that something had left.
    falls: u64,
    /// A look was asked for because a message has arrived.
    is_hinted: bool,
    pace: Pace,
}

/// The next look at the socket, and what the last one saw.
///
/// No event tells that `bufferedAmount` has fallen, so somebody must look: in the next turn of the event loop, then after 4,
/// 8, 16, 32 and then every 50 ms, starting over whenever it has fallen.
struct Look {
    /// None for the first look, which comes in the next turn of the event loop.
    _alarm: Option<Alarm>,
    /// In milliseconds.
    delay: u32,
    amount: u64,
}

const SHORTEST_DELAY: u32 = 4;
const LONGEST_DELAY: u32 = 50;

/// A place in the line. It is given up when this is dropped, and the turn with it.
#[derive(Default)]
pub(crate) struct Wait(Option<(Rc<Connection>, u64)>);

impl Connection {
    /// Returns whether a newcomer may send now: no sender waits, and at most the high water mark is unsent.
    pub fn has_room(self: &Rc<Self>) -> bool {
        let line = &mut *self.line();
        !line.places.has_sender() && self.is_below_high(line, self.socket().buffered_amount())
    }

    /// Resolves when it is the caller's turn to send, or with the state of a socket that is not open.
    ///
    /// A place in the line is kept until `wait` is dropped, so that the message goes out before the next one's turn.
    pub fn poll_room(self: &Rc<Self>, context: &Context<'_>, wait: &mut Wait) -> Poll<Result<(), ReadyState>> {
        let (state, amount) = self.socket().look();
        if state != ReadyState::Open {
            *wait = Wait::default();
            return Poll::Ready(Err(state));
        }
        let mut line = self.line();
        let whose = line.places.turn(wait.id());
        let has_room = if line.places.wants_room() && whose != Whose::Missed {
            amount <= line.low_water_mark
        } else {
            self.is_below_high(&mut line, amount)
        };
        if whose != Whose::Anothers && has_room {
            if whose == Whose::Own {
                line.places.comes(wait.id());
            }
            return Poll::Ready(Ok(()));
        }
        drop(line);
        self.enter(context, wait, WaitsFor::Turn, amount);
        Poll::Pending
    }

    /// Resolves when everything has gone to the network, or with the state of a socket that ended before that was seen.
    pub fn poll_empty(self: &Rc<Self>, context: &Context<'_>, wait: &mut Wait) -> Poll<Result<(), ReadyState>> {
        let result = match self.socket().look() {
            // First the state: once it is closed, `bufferedAmount` stays as it is, or is 0 with everything unsent (Chromium).
            (ReadyState::Open, 0) => Ok(()),
            (ReadyState::Open, amount) => {
                self.enter(context, wait, WaitsFor::EmptyBuffer, amount);
                return Poll::Pending;
            }
            (state, _) if self.socket().may_have_unsent() => Err(state),
            _ => Ok(()),
        };
        *wait = Wait::default();
        Poll::Ready(result)
    }

    /// What is unsent, and how many looks have seen that something had left: others may send meanwhile.
    pub fn progress(&self) -> (u64, u64) {
        (self.socket().buffered_amount(), self.line().falls)
    }

    /// Looks in the next turn of the event loop if anybody waits. With a message the peer may have answered what has left
    /// since, and in hidden tabs timers come late.
    pub fn hint(self: &Rc<Self>) {
        let mut line = self.line();
        line.is_hinted = line.places.is_waited_in();
        if line.is_hinted {
            drop(line);
            self.ask_for_turn();
        }
    }

    /// Looks in a turn of the event loop that was asked for.
    pub fn look_in_turn(self: &Rc<Self>) {
        let mut line = self.line();
        let is_hinted = take(&mut line.is_hinted);
        let late_by = line.look.as_ref().is_some_and(|look| look.delay == 0).then_some(0.0);
        drop(line);
        if is_hinted || late_by.is_some() {
            self.look(late_by);
        }
    }

    /// Wakes everyone, since the socket is not open any more. An executor may poll them before this returns, so the caller
    /// must hold no borrow.
    pub fn wake_senders(&self) {
        let mut line = self.line();
        line.look = None;
        line.places.release(None);
        drop(line);
        self.wake_called();
    }

    fn is_below_high(self: &Rc<Self>, line: &mut Line, amount: u64) -> bool {
        let factor = line.pace.factor();
        // Nobody may ever wait at a mark that is raised, so whether timers still come late is found out here.
        if factor > 1 && line.look.is_none() {
            line.look = Some(self.look_after(SHORTEST_DELAY, amount));
        }
        amount <= line.high_water_mark * factor
    }

    /// Takes a place in the line, or keeps it.
    fn enter(self: &Rc<Self>, context: &Context<'_>, wait: &mut Wait, waits_for: WaitsFor, amount: u64) {
        let waker = context.waker().clone();
        let mut line = self.line();
        if !line.places.is_waited_in() || (waits_for == WaitsFor::Turn && !line.places.has_sender()) {
            line.look = Some(self.look_after(0, amount));
        }
        let (id, last) = line.places.enter(wait.id(), waits_for, waker);
        drop(line);
        drop(last);
        if id != wait.id() {
            *wait = Wait(Some((Rc::clone(self), id)));
        }
    }

    /// Gives a place up. If it was its turn, it is the next one's.
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

    /// Makes it the first sender's turn, and looks in the next turn of the event loop whether it has come.
    fn call(self: &Rc<Self>, line: &mut Line, amount: u64) {
        if line.places.call() && line.look.as_ref().is_none_or(|look| look.delay > 0) {
            line.look = Some(self.look_after(0, amount));
        }
    }

    /// Wakes those who need not wait any longer.
    fn wake_called(&self) {
        wake_each(iter::from_fn(|| self.line().places.take_called()));
    }

    /// Looks who can go on, because a look was due so many milliseconds ago, or because of a hint.
    fn look(self: &Rc<Self>, late_by: Option<f64>) {
        let (state, amount) = self.socket().look();
        if state != ReadyState::Open {
            return self.wake_senders();
        }
        let mut line = self.line();
        let is_draining = line.places.wants_room();
        line.falls += u64::from(line.look.as_ref().is_some_and(|last| amount < last.amount));
        let last = if late_by.is_some() { line.look.take() } else { None };
        if let (Some(late_by), Some(last)) = (late_by, &last) {
            line.pace.learn(last.delay, late_by, amount, is_draining);
        }
        let is_free = if is_draining { amount <= line.low_water_mark } else { late_by.is_some() && line.places.miss() };
        if is_free {
            self.call(&mut line, amount);
        }
        if amount == 0 {
            line.places.release(Some(WaitsFor::EmptyBuffer));
        }
        if line.look.is_none() && line.places.is_waited_in() {
            let delay = match last {
                Some(last) if amount >= last.amount => (last.delay * 2).clamp(SHORTEST_DELAY, LONGEST_DELAY),
                _ => SHORTEST_DELAY,
            };
            line.look = Some(self.look_after(delay, amount));
        }
        drop(line);
        self.wake_called();
    }

    fn look_after(self: &Rc<Self>, delay: u32, amount: u64) -> Look {
        if delay == 0 {
            self.ask_for_turn();
            return Look { _alarm: None, delay, amount };
        }
        let this = Rc::downgrade(self);
        let alarm = Alarm::new(Duration::from_millis(delay.into()), move |late_by| {
            if let Some(this) = this.upgrade() {
                this.look(Some(late_by));
            }
        });
        Look { _alarm: Some(alarm), delay, amount }
    }
}

impl Line {
    pub fn new(options: &Options) -> Self {
        // No more than what can be raised.
        let high_water_mark = options.high_water_mark.min(u64::MAX / LARGEST_FACTOR);
        Self {
            high_water_mark,
            low_water_mark: options.low_water_mark.min(high_water_mark),
            places: Places::default(),
            look: None,
            falls: 0,
            is_hinted: false,
            pace: Pace::default(),
        }
    }
}

impl Wait {
    /// The number of the place. 0 is none's.
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

// With `panic=unwind`, wasm-bindgen demands these of what an exported `async fn` holds. They are true: the line is changed in
// one step, and no foreign code runs meanwhile.
impl UnwindSafe for Wait {}
impl RefUnwindSafe for Wait {}

/// By how much the high water mark is raised while looks come late, as in hidden tabs.
///
/// There a timer comes once a second, or once a minute, and one mark's worth of bytes for each would be all that goes out.
/// If everything was gone by the time of a late look, the mark was too low for looks so far apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    factor: u64,
}

const LARGEST_FACTOR: u64 = 64;
/// More than a busy page makes a timer wait, in milliseconds.
const LATE: f64 = 500.0;

impl Default for Pace {
    fn default() -> Self {
        Self { factor: 1 }
    }
}

impl Pace {
    /// Learns from a look: after what delay it was to come, how many milliseconds it came too late, what it saw, and whether a
    /// sender waited for it.
    pub fn learn(&mut self, delay: u32, late_by: f64, amount: u64, is_waited_for: bool) {
        if delay == 0 {
            // It came by no timer, and says nothing about them.
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

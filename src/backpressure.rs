//! Makes senders wait, in a line, while too much of what was sent is still with the browser.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem::{replace, take};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::notify::wake_each;
use crate::sys::{RawSocket, Timer, in_next_turn};
use crate::{Options, ReadyState};

/// The line of those who wait for one socket: senders for their turn, flushes for the buffer to be empty.
///
/// The first sender waits while more than the high water mark is unsent, and then for the low one. The others wait behind
/// it, and so does whoever comes later.
pub(crate) struct Backpressure {
    socket: RawSocket,
    high_water_mark: u64,
    low_water_mark: u64,
    line: RefCell<Line>,
}

#[derive(Default)]
struct Line {
    /// In the order in which they began to wait.
    places: VecDeque<Place>,
    last_id: u64,
    /// The first sender waits for the low water mark. Otherwise it was called: it is its turn.
    is_draining: bool,
    look: Option<Look>,
    /// How many looks have seen that something had left.
    falls: u64,
    /// A look was asked for because a message has arrived.
    is_hinted: bool,
    pace: Pace,
}

struct Place {
    id: u64,
    waits_for: WaitsFor,
    waker: Waker,
}

#[derive(Clone, Copy, PartialEq)]
enum WaitsFor {
    Turn,
    /// Called, but not polled by the next turn: it may still send, and no longer holds up the line.
    Nothing,
    EmptyBuffer,
}

/// The next look at the socket, and what the last one saw.
///
/// No event tells that `bufferedAmount` has fallen, so somebody must look: in the next turn of the event loop, then after 4,
/// 8, 16, 32 and then every 50 ms, starting over whenever it has fallen.
struct Look {
    _timer: Timer,
    /// In milliseconds. The first look comes in the next turn of the event loop.
    delay: u32,
    amount: u64,
}

const SHORTEST_DELAY: u32 = 4;
const LONGEST_DELAY: u32 = 50;

/// A place in the line. It is given up when this is dropped, and the turn with it.
#[derive(Default)]
pub(crate) struct Wait(Option<(Weak<Backpressure>, u64)>);

impl Backpressure {
    pub fn new(socket: RawSocket, options: &Options) -> Self {
        // No more than what can be raised.
        let high_water_mark = options.high_water_mark.min(u64::MAX / LARGEST_FACTOR);
        let low_water_mark = options.low_water_mark.min(high_water_mark);
        Self { socket, high_water_mark, low_water_mark, line: RefCell::default() }
    }

    pub fn socket(&self) -> &RawSocket {
        &self.socket
    }

    /// Returns whether a newcomer may send now: no sender waits, and at most the high water mark is unsent.
    pub fn has_room(self: &Rc<Self>) -> bool {
        let line = &mut *self.line.borrow_mut();
        line.first().is_none() && self.is_below_high(line, self.socket.buffered_amount())
    }

    /// Resolves when it is the caller's turn to send, or with the state of a socket that is not open.
    ///
    /// A place in the line is kept until `wait` is dropped, so that the message goes out before the next one's turn.
    pub fn poll_room(self: &Rc<Self>, context: &Context<'_>, wait: &mut Wait) -> Poll<Result<(), ReadyState>> {
        let (state, amount) = self.socket.look();
        if state != ReadyState::Open {
            *wait = Wait::default();
            return Poll::Ready(Err(state));
        }
        let mut line = self.line.borrow_mut();
        let (own, first) = (line.find(wait), line.first());
        let is_missed = own.is_some_and(|own| line.places[own].waits_for == WaitsFor::Nothing);
        let is_next = is_missed || first.is_none() || own == first;
        let has_room = if line.is_draining && !is_missed {
            amount <= self.low_water_mark
        } else {
            self.is_below_high(&mut line, amount)
        };
        if is_next && has_room {
            line.is_draining &= is_missed;
            return Poll::Ready(Ok(()));
        }
        line.is_draining |= is_next;
        drop(line);
        self.enter(context, wait, WaitsFor::Turn, amount);
        Poll::Pending
    }

    /// Resolves when everything has gone to the network, or with the state of a socket that ended before that was seen.
    pub fn poll_empty(self: &Rc<Self>, context: &Context<'_>, wait: &mut Wait) -> Poll<Result<(), ReadyState>> {
        let result = match self.socket.look() {
            // First the state: once it is closed, `bufferedAmount` stays as it is, or is 0 with everything unsent (Chromium).
            (ReadyState::Open, 0) => Ok(()),
            (ReadyState::Open, amount) => {
                self.enter(context, wait, WaitsFor::EmptyBuffer, amount);
                return Poll::Pending;
            }
            (state, _) if self.socket.may_have_unsent() => Err(state),
            _ => Ok(()),
        };
        *wait = Wait::default();
        Poll::Ready(result)
    }

    /// What is unsent, and how many looks have seen that something had left: others may send meanwhile.
    pub fn progress(&self) -> (u64, u64) {
        (self.socket.buffered_amount(), self.line.borrow().falls)
    }

    /// Looks in the next turn of the event loop if anybody waits. With a message the peer may have answered what has left
    /// since, and in hidden tabs timers come late.
    pub fn hint(self: &Rc<Self>) {
        let mut line = self.line.borrow_mut();
        if !line.is_waited_in() || replace(&mut line.is_hinted, true) {
            return;
        }
        let this = Rc::downgrade(self);
        in_next_turn(move || {
            if let Some(this) = this.upgrade() {
                this.line.borrow_mut().is_hinted = false;
                this.look(None);
            }
        });
    }

    /// Wakes everyone, since the socket is not open any more. An executor may poll them before this returns, so the caller
    /// must hold no borrow.
    pub fn wake_all(&self) {
        let mut line = self.line.borrow_mut();
        (line.is_draining, line.look) = (false, None);
        let places = take(&mut line.places);
        drop(line);
        wake_each(places.into_iter().map(|place| place.waker));
    }

    fn is_below_high(self: &Rc<Self>, line: &mut Line, amount: u64) -> bool {
        let factor = line.pace.factor();
        // Nobody may ever wait at a mark that is raised, so whether timers still come late is found out here.
        if factor > 1 && line.look.is_none() {
            line.look = Some(self.look_after(SHORTEST_DELAY, amount));
        }
        amount <= self.high_water_mark * factor
    }

    /// Takes a place in the line, or keeps it.
    fn enter(self: &Rc<Self>, context: &Context<'_>, wait: &mut Wait, waits_for: WaitsFor, amount: u64) {
        let waker = context.waker().clone();
        let mut line = self.line.borrow_mut();
        if !line.is_waited_in() || (waits_for == WaitsFor::Turn && line.first().is_none()) {
            line.look = Some(self.look_after(0, amount));
        }
        // What a waker drops may have a place here, too, so none is dropped before the line is let go.
        if let Some(own) = line.find(wait) {
            let place = &mut line.places[own];
            place.waits_for = waits_for;
            let last = replace(&mut place.waker, waker);
            drop(line);
            drop(last);
        } else {
            line.last_id += 1;
            let id = line.last_id;
            line.places.push_back(Place { id, waits_for, waker });
            drop(line);
            *wait = Wait(Some((Rc::downgrade(self), id)));
        }
    }

    /// Gives a place up. If it was its turn, it is the next one's.
    fn leave(self: &Rc<Self>, wait: &Wait) {
        let mut line = self.line.borrow_mut();
        let Some(own) = line.find(wait) else { return };
        let was_called = line.first() == Some(own) && !line.is_draining;
        let place = line.places.remove(own);
        line.is_draining &= line.first().is_some();
        if !line.is_waited_in() {
            line.look = None;
        }
        let next = if was_called { self.call(&mut line, 0) } else { None };
        drop(line);
        drop(place);
        next.into_iter().for_each(Waker::wake);
    }

    /// Makes it the first sender's turn. Gives whom to wake, and looks in the next turn of the event loop whether it has come.
    fn call(self: &Rc<Self>, line: &mut Line, amount: u64) -> Option<Waker> {
        let first = line.first()?;
        line.is_draining = false;
        if line.look.as_ref().is_none_or(|look| look.delay > 0) {
            line.look = Some(self.look_after(0, amount));
        }
        Some(line.places[first].waker.clone())
    }

    /// Looks who can go on, because a timer has fired, so late, or because of a hint.
    fn look(self: &Rc<Self>, late_by: Option<f64>) {
        let (state, amount) = self.socket.look();
        if state != ReadyState::Open {
            return self.wake_all();
        }
        let mut line = self.line.borrow_mut();
        let is_draining = line.is_draining;
        line.falls += u64::from(line.look.as_ref().is_some_and(|last| amount < last.amount));
        let last = if late_by.is_some() { line.look.take() } else { None };
        if let (Some(late_by), Some(last)) = (late_by, &last) {
            line.pace.learn(last.delay, late_by, amount, is_draining);
        }
        let mut called = None;
        if is_draining && amount <= self.low_water_mark {
            called = self.call(&mut line, amount);
        } else if let (false, Some(_), Some(first)) = (is_draining, late_by, line.first()) {
            line.places[first].waits_for = WaitsFor::Nothing;
            called = self.call(&mut line, amount);
        }
        let flushed = if amount == 0 { line.take_flushes() } else { Vec::new() };
        if line.look.is_none() && line.is_waited_in() {
            let delay = match last {
                Some(last) if amount >= last.amount => (last.delay * 2).clamp(SHORTEST_DELAY, LONGEST_DELAY),
                _ => SHORTEST_DELAY,
            };
            line.look = Some(self.look_after(delay, amount));
        }
        drop(line);
        wake_each(called.into_iter().chain(flushed));
    }

    fn look_after(self: &Rc<Self>, delay: u32, amount: u64) -> Look {
        let this = Rc::downgrade(self);
        let timer = Timer::call(Duration::from_millis(delay.into()), move |late_by| {
            if let Some(this) = this.upgrade() {
                this.look(Some(late_by));
            }
        });
        Look { _timer: timer, delay, amount }
    }
}

impl Line {
    /// The place of one who waits.
    fn find(&self, wait: &Wait) -> Option<usize> {
        let (_, id) = wait.0.as_ref()?;
        self.places.iter().position(|place| place.id == *id)
    }

    /// The sender whose turn is next.
    fn first(&self) -> Option<usize> {
        self.places.iter().position(|place| place.waits_for == WaitsFor::Turn)
    }

    /// Whether there is something to look for.
    fn is_waited_in(&self) -> bool {
        self.places.iter().any(|place| place.waits_for != WaitsFor::Nothing)
    }

    /// Takes those out who wait for the buffer to be empty.
    fn take_flushes(&mut self) -> Vec<Waker> {
        let mut flushes = Vec::new();
        while let Some(index) = self.places.iter().position(|place| place.waits_for == WaitsFor::EmptyBuffer) {
            flushes.extend(self.places.remove(index).map(|place| place.waker));
        }
        flushes
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let backpressure = self.0.as_ref().and_then(|(backpressure, _)| backpressure.upgrade());
        if let Some(backpressure) = backpressure {
            backpressure.leave(self);
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

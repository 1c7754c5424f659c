//! Makes senders wait while too much of what was sent is still with the browser.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::notify::{Notify, Waiter};
use crate::sys::{RawSocket, Timer};
use crate::{Options, ReadyState};

/// How senders wait for one socket.
#[derive(Debug)]
pub(crate) struct Backpressure {
    high_water_mark: u64,
    low_water_mark: u64,
    /// Wakes them when there is a reason to look again: the end, or a message, with which the peer may answer theirs.
    pub notify: Notify,
    pace: Cell<Pace>,
}

/// One sender's wait.
///
/// No event tells that `bufferedAmount` has fallen, so it is looked at again in the next turn of the event loop, then after
/// 4, 8, 16, 32 and then every 50 ms, starting over whenever it has fallen.
#[derive(Default)]
pub(crate) struct Wait {
    look: Option<Look>,
    waiter: Waiter,
}

/// The next look, and what the last one saw.
struct Look {
    timer: Timer,
    /// In milliseconds. The first look comes in the next turn of the event loop.
    delay: u32,
    amount: u64,
}

const SHORTEST_DELAY: u32 = 4;
const LONGEST_DELAY: u32 = 50;

impl Backpressure {
    pub fn new(options: &Options) -> Self {
        // No more than what can be raised.
        let high_water_mark = options.high_water_mark.min(u64::MAX / LARGEST_FACTOR);
        let low_water_mark = options.low_water_mark.min(high_water_mark);
        Self { high_water_mark, low_water_mark, notify: Notify::default(), pace: Cell::default() }
    }

    /// Whether a message may be sent now.
    pub fn has_room(&self, socket: &RawSocket) -> bool {
        socket.buffered_amount() <= self.raised_mark()
    }

    fn raised_mark(&self) -> u64 {
        self.high_water_mark * self.pace.get().factor
    }

    /// Resolves when there is room: at the high water mark at once, above it only at the low one.
    pub fn poll_room(
        &self,
        context: &mut Context<'_>,
        wait: &mut Wait,
        socket: &RawSocket,
    ) -> Poll<Result<(), ReadyState>> {
        let mark = if wait.look.is_some() { self.low_water_mark } else { self.raised_mark() };
        self.poll_below(context, wait, socket, mark)
    }

    /// Resolves when everything has gone to the network, or with the state of a connection that ended before that was seen.
    pub fn poll_empty(
        &self,
        context: &mut Context<'_>,
        wait: &mut Wait,
        socket: &RawSocket,
    ) -> Poll<Result<(), ReadyState>> {
        match self.poll_below(context, wait, socket, 0) {
            Poll::Ready(Err(_)) if !socket.may_have_unsent() => Poll::Ready(Ok(())),
            polled => polled,
        }
    }

    /// Resolves when no more than `mark` bytes are unsent, or with its state when the socket is not open.
    fn poll_below(
        &self,
        context: &mut Context<'_>,
        wait: &mut Wait,
        socket: &RawSocket,
        mark: u64,
    ) -> Poll<Result<(), ReadyState>> {
        loop {
            let (state, amount) = socket.look();
            let has_fired = wait.look.as_mut().is_some_and(|look| Pin::new(&mut look.timer).poll(context).is_ready());
            if let Some(look) = wait.look.as_ref().filter(|_| has_fired) {
                let mut pace = self.pace.get();
                pace.learn(look.delay, look.timer.late_by(), amount);
                self.pace.set(pace);
            }
            // First the state: once it is closed, `bufferedAmount` stays as it is, or is 0 with everything unsent (Chromium).
            let is_over = match state {
                ReadyState::Open => (amount <= mark).then_some(Ok(())),
                state => Some(Err(state)),
            };
            if let Some(result) = is_over {
                *wait = Wait::default();
                return Poll::Ready(result);
            }
            self.notify.wait(&mut wait.waiter, context.waker());
            match &wait.look {
                Some(_) if !has_fired => return Poll::Pending,
                last => wait.look = Some(Look::after(last.as_ref(), amount)),
            }
        }
    }
}

impl Look {
    /// The look that follows the last one, if there was one.
    fn after(last: Option<&Self>, amount: u64) -> Self {
        let delay = match last {
            None => 0,
            Some(last) if amount < last.amount => SHORTEST_DELAY,
            Some(last) => (last.delay * 2).clamp(SHORTEST_DELAY, LONGEST_DELAY),
        };
        Self { timer: Timer::new(Duration::from_millis(delay.into())), delay, amount }
    }
}

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
    /// Learns from a look: after what delay it was to come, how many milliseconds it came too late, and what it saw.
    pub fn learn(&mut self, delay: u32, late_by: f64, amount: u64) {
        if delay == 0 {
            // It came by no timer, and says nothing about them.
        } else if late_by < LATE {
            self.factor = 1;
        } else if amount == 0 {
            self.factor = (self.factor * 2).min(LARGEST_FACTOR);
        }
    }

    #[cfg(test)]
    pub fn factor(&self) -> u64 {
        self.factor
    }
}

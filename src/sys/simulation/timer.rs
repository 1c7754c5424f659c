//! A delay.

use std::cell::Cell;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::page::{Page, ScheduledId, current};
use super::turn::in_next_turn;

/// Resolves in the next turn of the event loop, or in the turn that follows a delay. Dropping it cancels it.
///
/// Outside of a page it never resolves.
pub struct Timer {
    state: Rc<State>,
    due_at: Duration,
    timeout: Option<(Rc<Page>, ScheduledId)>,
}

#[derive(Default)]
struct State {
    fired_at: Cell<Option<Duration>>,
    waker: Cell<Option<Waker>>,
}

impl Timer {
    pub fn new(delay: Duration) -> Self {
        let state = Rc::<State>::default();
        let Some(page) = current() else { return Self { state, due_at: Duration::MAX, timeout: None } };
        let fired = Rc::downgrade(&state);
        let fire_in_next_turn = move || in_next_turn(move || fire(&fired));
        let due_at = page.clock().saturating_add(delay);
        let timeout = if delay.is_zero() {
            fire_in_next_turn();
            None
        } else {
            // Browsers keep the delay in 32 bits with a sign.
            let delay = delay.min(Duration::from_millis(i32::MAX as u64));
            let id = page.set_timeout(delay, fire_in_next_turn);
            Some((page, id))
        };
        Self { state, due_at, timeout }
    }

    /// How many milliseconds too late it has fired; 0 while it has not.
    pub fn late_by(&self) -> f64 {
        let fired_at = self.state.fired_at.get().unwrap_or_default();
        fired_at.saturating_sub(self.due_at).as_secs_f64() * 1000.0
    }
}

fn fire(state: &Weak<State>) {
    let (Some(state), Some(page)) = (state.upgrade(), current()) else { return };
    state.fired_at.set(Some(page.clock()));
    if let Some(waker) = state.waker.take() {
        waker.wake();
    }
}

// The state is changed in one step, and no foreign code runs meanwhile.
impl UnwindSafe for Timer {}
impl RefUnwindSafe for Timer {}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.state.fired_at.get().is_some() {
            return Poll::Ready(());
        }
        self.state.waker.set(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some((page, id)) = &self.timeout {
            page.cancel(*id);
        }
    }
}

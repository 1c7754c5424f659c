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
    timeout: Option<(Rc<Page>, ScheduledId)>,
}

#[derive(Default)]
struct State {
    due_at: Duration,
    has_fired: Cell<bool>,
    waker: Cell<Option<Waker>>,
    action: Cell<Option<Action>>,
}

/// What is called, with the milliseconds by which that is too late.
type Action = Box<dyn FnOnce(f64)>;

impl Timer {
    pub fn new(delay: Duration) -> Self {
        let Some(page) = current() else { return Self { state: Rc::default(), timeout: None } };
        let state = Rc::new(State { due_at: page.clock().saturating_add(delay), ..State::default() });
        let fired = Rc::downgrade(&state);
        let fire_in_next_turn = move || in_next_turn(move || fire(&fired));
        let timeout = if delay.is_zero() {
            fire_in_next_turn();
            None
        } else {
            // Browsers keep the delay in 32 bits with a sign.
            let delay = delay.min(Duration::from_millis(i32::MAX as u64));
            let id = page.set_timeout(delay, fire_in_next_turn);
            Some((page, id))
        };
        Self { state, timeout }
    }

    /// Calls `action` when the delay is over, with the milliseconds by which that is too late.
    pub fn call(delay: Duration, action: impl FnOnce(f64) + 'static) -> Self {
        let timer = Self::new(delay);
        timer.state.action.set(Some(Box::new(action)));
        timer
    }
}

fn fire(state: &Weak<State>) {
    let (Some(state), Some(page)) = (state.upgrade(), current()) else { return };
    state.has_fired.set(true);
    if let Some(waker) = state.waker.take() {
        waker.wake();
    }
    if let Some(action) = state.action.take() {
        action(page.clock().saturating_sub(state.due_at).as_secs_f64() * 1000.0);
    }
}

// The state is changed in one step, and no foreign code runs meanwhile.
impl UnwindSafe for Timer {}
impl RefUnwindSafe for Timer {}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.state.has_fired.get() {
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

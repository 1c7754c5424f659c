//! A future that resolves after a delay.

use std::cell::Cell;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Alarm, in_next_turn};

/// Resolves after a delay, or in the next turn of the event loop if the delay is zero. Outside of a page it never resolves.
pub struct Timer {
    state: Rc<State>,
    /// `None` if the timer resolves in the next turn.
    _alarm: Option<Alarm>,
}

#[derive(Default)]
struct State {
    has_fired: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Timer {
    pub fn new(delay: Duration) -> Self {
        let state = Rc::<State>::default();
        let fired = Rc::downgrade(&state);
        let fire = move || {
            let Some(state) = fired.upgrade() else { return };
            state.has_fired.set(true);
            if let Some(waker) = state.waker.take() {
                waker.wake();
            }
        };
        let alarm = if delay.is_zero() {
            in_next_turn(fire);
            None
        } else {
            Some(Alarm::new(delay, move |_| fire()))
        };
        Self { state, _alarm: alarm }
    }
}

// The state changes in one step, in which no other code runs.
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

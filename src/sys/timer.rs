//! A delay.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wasm_bindgen::{JsCast, JsValue, closure::Closure};

use super::{bindings, in_next_turn};

/// Resolves in the next turn of the event loop, or in the turn that follows a delay. Dropping it cancels it.
///
/// In hidden tabs browsers round a delay up to a second, and after some minutes to a minute. Of a page that was frozen they
/// may call what is overdue before they deliver events that have come in time: hence the turn.
pub(crate) struct Timer {
    state: Rc<RefCell<State>>,
    due_at: f64,
    timeout: Option<(JsValue, Closure<dyn FnMut()>)>,
}

#[derive(Default)]
struct State {
    fired_at: Option<f64>,
    waker: Option<Waker>,
}

impl Timer {
    pub fn new(delay: Duration) -> Self {
        let state = Rc::default();
        let mut timer = Self { due_at: now() + milliseconds(delay), timeout: None, state };
        let state = Rc::downgrade(&timer.state);
        if delay.is_zero() {
            in_next_turn(move || fire(&state));
        } else {
            let callback = Closure::own_assert_unwind_safe(move || {
                let state = state.clone();
                in_next_turn(move || fire(&state));
            });
            // Browsers keep the delay in 32 bits with a sign; what does not fit they take for 0.
            let delay = milliseconds(delay).min(i32::MAX.into());
            let handle = bindings::set_timeout(callback.as_ref().unchecked_ref(), delay);
            timer.timeout = Some((handle, callback));
        }
        timer
    }

    /// How many milliseconds too late it has fired; 0 while it has not.
    pub fn late_by(&self) -> f64 {
        self.state.borrow().fired_at.unwrap_or(self.due_at) - self.due_at
    }
}

fn fire(state: &Weak<RefCell<State>>) {
    let Some(state) = state.upgrade() else { return };
    state.borrow_mut().fired_at = Some(now());
    let waker = state.borrow_mut().waker.take();
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The time of the day in milliseconds, by a clock that may be set.
fn now() -> f64 {
    js_sys::Date::now()
}

// The state is changed in one step, and no foreign code runs meanwhile.
impl UnwindSafe for Timer {}
impl RefUnwindSafe for Timer {}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.state.borrow().fired_at.is_some() {
            return Poll::Ready(());
        }
        // What the last one drops may be this, so no borrow must be held.
        let last = self.state.borrow_mut().waker.replace(context.waker().clone());
        drop(last);
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some((handle, _)) = &self.timeout {
            bindings::clear_timeout(handle);
        }
    }
}

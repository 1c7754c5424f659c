//! A delay.

use std::cell::Cell;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wasm_bindgen::{JsCast, JsValue};

use super::listener::{Callback, callback};
use super::{bindings, in_next_turn};

/// Resolves in the next turn of the event loop, or in the turn that follows a delay. Dropping it cancels it.
///
/// In hidden tabs browsers round a delay up to a second, and after some minutes to a minute. Of a page that was frozen they
/// may call what is overdue before they deliver events that have come in time: hence the turn.
pub struct Timer {
    state: Rc<State>,
    timeout: Option<(JsValue, Callback)>,
}

#[derive(Default)]
struct State {
    due_at: f64,
    has_fired: Cell<bool>,
    waker: Cell<Option<Waker>>,
    action: Cell<Option<Action>>,
}

/// What is called, with the milliseconds by which that is too late.
type Action = Box<dyn FnOnce(f64)>;

impl Timer {
    pub fn new(delay: Duration) -> Self {
        let state = Rc::new(State { due_at: now() + milliseconds(delay), ..State::default() });
        let fired = Rc::downgrade(&state);
        let fire_in_next_turn = move || {
            let fired = fired.clone();
            in_next_turn(move || fire(&fired));
        };
        let mut timeout = None;
        if delay.is_zero() {
            fire_in_next_turn();
        } else {
            let callback = callback(move |_| fire_in_next_turn());
            // Browsers keep the delay in 32 bits with a sign; what does not fit they take for 0.
            let delay = milliseconds(delay).min(i32::MAX.into());
            timeout = Some((bindings::set_timeout(callback.as_ref().unchecked_ref(), delay), callback));
        }
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
    let Some(state) = state.upgrade() else { return };
    state.has_fired.set(true);
    if let Some(waker) = state.waker.take() {
        waker.wake();
    }
    if let Some(action) = state.action.take() {
        action(now() - state.due_at);
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The milliseconds since 1970, by a clock that may be set.
fn now() -> f64 {
    js_sys::Date::now()
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
        if let Some((handle, _)) = &self.timeout {
            bindings::clear_timeout(handle);
        }
    }
}

//! A delay.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wasm_bindgen::{JsCast, JsValue, closure::Closure};

use super::{bindings, in_next_turn};

/// Resolves after a delay, or without one in the next turn of the event loop. Dropping it cancels it.
///
/// In hidden tabs browsers round a delay up to a second, and after some minutes to a minute.
pub(crate) struct Timer {
    state: Rc<RefCell<State>>,
    timeout: Option<(JsValue, Closure<dyn FnMut()>)>,
}

#[derive(Default)]
struct State {
    is_over: bool,
    waker: Option<Waker>,
}

impl Timer {
    pub fn new(delay: Duration) -> Self {
        let state = Rc::new(RefCell::new(State::default()));
        let mut timer = Self { state: state.clone(), timeout: None };
        let end = move || {
            state.borrow_mut().is_over = true;
            let waker = state.borrow_mut().waker.take();
            if let Some(waker) = waker {
                waker.wake();
            }
        };
        if delay.is_zero() {
            in_next_turn(end);
        } else {
            let callback = Closure::own_assert_unwind_safe(end);
            // Browsers keep the delay in 32 bits with a sign; what does not fit they take for 0.
            let milliseconds = delay.as_millis().min(i32::MAX as u128) as f64;
            let handle = bindings::set_timeout(callback.as_ref().unchecked_ref(), milliseconds);
            timer.timeout = Some((handle, callback));
        }
        timer
    }
}

/// The time of the day in milliseconds, by a clock that may be set.
pub(crate) fn now() -> f64 {
    js_sys::Date::now()
}

// The state is changed in one step, and no foreign code runs meanwhile.
impl UnwindSafe for Timer {}
impl RefUnwindSafe for Timer {}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        if state.is_over {
            return Poll::Ready(());
        }
        state.waker = Some(context.waker().clone());
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

//! A call after a delay.

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::{Rc, Weak};
use std::time::Duration;

use wasm_bindgen::{JsCast, JsValue};

use super::listener::{Callback, callback};
use super::{bindings, in_next_turn};

/// Calls something in the next turn of the event loop, or in the turn that follows a delay. Dropping it cancels it.
///
/// In hidden tabs browsers round a delay up to a second, and after some minutes to a minute. Of a page that was frozen they
/// may call what is overdue before they deliver events that have come in time: hence the turn.
pub struct Alarm {
    _state: Rc<State>,
    timeout: Option<(JsValue, Callback)>,
}

struct State {
    due_at: f64,
    action: Cell<Option<Action>>,
}

/// What is called, with the milliseconds by which that is too late.
type Action = Box<dyn FnOnce(f64)>;

impl Alarm {
    pub fn new(delay: Duration, action: impl FnOnce(f64) + 'static) -> Self {
        Self::set(delay, Box::new(action))
    }

    fn set(delay: Duration, action: Action) -> Self {
        let delay = delay.as_secs_f64() * 1000.0;
        let state = Rc::new(State { due_at: now() + delay, action: Cell::new(Some(action)) });
        let fired = Rc::downgrade(&state);
        let fire_in_next_turn = move || {
            let fired = fired.clone();
            in_next_turn(move || fire(&fired));
        };
        let mut timeout = None;
        if delay == 0.0 {
            fire_in_next_turn();
        } else {
            let callback = callback(move |_| fire_in_next_turn());
            // Browsers keep the delay in 32 bits with a sign; what does not fit they take for 0.
            let delay = delay.min(i32::MAX.into());
            timeout = Some((bindings::set_timeout(callback.as_ref().unchecked_ref(), delay), callback));
        }
        Self { _state: state, timeout }
    }
}

fn fire(state: &Weak<State>) {
    let Some(state) = state.upgrade() else { return };
    if let Some(action) = state.action.take() {
        action(now() - state.due_at);
    }
}

/// The milliseconds since 1970, by a clock that may be set.
fn now() -> f64 {
    js_sys::Date::now()
}

// The state is changed in one step, and no foreign code runs meanwhile.
impl UnwindSafe for Alarm {}
impl RefUnwindSafe for Alarm {}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some((handle, _)) = &self.timeout {
            bindings::clear_timeout(handle);
        }
    }
}

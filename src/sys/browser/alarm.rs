//! A call after a delay.

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::{JsCast, JsValue};

use super::listener::{Callback, callback};
use super::{bindings, in_next_turn};

/// Calls a closure after a delay, in its own turn of the event loop. Dropping the alarm cancels the call.
///
/// In hidden tabs browsers round a delay up to a second, and after some minutes to a minute. After a page was frozen they may
/// fire overdue timers before they deliver events that arrived in time. The call waits for another turn, so that these events
/// come first.
pub struct Alarm(Rc<State>);

struct State {
    due_at: f64,
    action: Cell<Option<Action>>,
    timeout: Cell<Option<(JsValue, Callback)>>,
}

/// The closure, called with the number of milliseconds by which the call is late.
type Action = Box<dyn FnOnce(f64)>;

impl Alarm {
    pub fn new(delay: Duration, action: impl FnOnce(f64) + 'static) -> Self {
        Self::set(delay, Box::new(action))
    }

    fn set(delay: Duration, action: Action) -> Self {
        let delay = delay.as_secs_f64() * 1000.0;
        let state = State { due_at: now() + delay, action: Cell::new(Some(action)), timeout: Cell::default() };
        let this = Self(Rc::new(state));
        let fired = Rc::clone(&this.0);
        let callback = callback(move |_| {
            let fired = Rc::clone(&fired);
            in_next_turn(move || fired.fire());
        });
        // Browsers store the delay as a signed 32-bit number, and treat larger delays as 0.
        let handle = bindings::set_timeout(callback.as_ref().unchecked_ref(), delay.min(i32::MAX.into()));
        this.0.timeout.set(Some((handle, callback)));
        this
    }
}

impl State {
    fn fire(&self) {
        if let Some(action) = self.action.take() {
            action(now() - self.due_at);
        }
    }
}

/// Returns the milliseconds since 1970, of a clock that the user may set.
fn now() -> f64 {
    js_sys::Date::now()
}

// The state changes in one step, in which no other code runs.
impl UnwindSafe for Alarm {}
impl RefUnwindSafe for Alarm {}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.action.take();
        if let Some((handle, _callback)) = self.0.timeout.take() {
            bindings::clear_timeout(&handle);
        }
    }
}

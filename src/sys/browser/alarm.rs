//! A call after a delay.

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::{JsCast, JsValue};

use super::listener::{Callback, callback};
use super::{bindings, in_next_turn};

/// Calls something after a delay, in a turn of the event loop of its own. Dropping it cancels it.
///
/// In hidden tabs browsers round a delay up to a second, and after some minutes to a minute. Of a page that was frozen they
/// may call what is overdue before they deliver events that have come in time: hence the turn.
pub struct Alarm(Rc<State>);

struct State {
    due_at: f64,
    action: Cell<Option<Action>>,
    timeout: Cell<Option<(JsValue, Callback)>>,
}

/// What is called, with the milliseconds by which that is too late.
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
        // Browsers keep the delay in 32 bits with a sign; what does not fit they take for 0.
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

/// The milliseconds since 1970, by a clock that may be set.
fn now() -> f64 {
    js_sys::Date::now()
}

// The state is changed in one step, and no foreign code runs meanwhile.
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

//! A call after a delay.

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::page::{Page, ScheduledId, current};
use super::turn::in_next_turn;

/// Calls a closure after a delay, in its own turn of the event loop. Dropping the alarm cancels the call.
///
/// Outside of a page it never calls the closure.
pub struct Alarm {
    _state: Rc<State>,
    timeout: Option<(Rc<Page>, ScheduledId)>,
}

#[derive(Default)]
struct State {
    due_at: Duration,
    action: Cell<Option<Action>>,
}

/// The closure, called with the number of milliseconds by which the call is late.
type Action = Box<dyn FnOnce(f64)>;

impl Alarm {
    pub fn new(delay: Duration, action: impl FnOnce(f64) + 'static) -> Self {
        let Some(page) = current() else { return Self { _state: Rc::default(), timeout: None } };
        let action: Action = Box::new(action);
        let due_at = page.clock().saturating_add(delay);
        let state = Rc::new(State { due_at, action: Cell::new(Some(action)) });
        let fired = Rc::downgrade(&state);
        let fire_in_next_turn = move || in_next_turn(move || fire(&fired));
        let timeout = if delay.is_zero() {
            fire_in_next_turn();
            None
        } else {
            // Browsers store the delay as a signed 32-bit number.
            let delay = delay.min(Duration::from_millis(i32::MAX as u64));
            let id = page.set_timeout(delay, fire_in_next_turn);
            Some((page, id))
        };
        Self { _state: state, timeout }
    }
}

fn fire(state: &Weak<State>) {
    let (Some(state), Some(page)) = (state.upgrade(), current()) else { return };
    if let Some(action) = state.action.take() {
        action(page.clock().saturating_sub(state.due_at).as_secs_f64() * 1000.0);
    }
}

// The state changes in one step, in which no other code runs.
impl UnwindSafe for Alarm {}
impl RefUnwindSafe for Alarm {}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some((page, id)) = &self.timeout {
            page.cancel(*id);
        }
    }
}

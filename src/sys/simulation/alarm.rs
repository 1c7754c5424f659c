//! A call after a delay.

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::page::{Page, ScheduledId, current};
use super::turn::in_next_turn;

/// Calls something in the next turn of the event loop, or in the turn that follows a delay. Dropping it cancels it.
///
/// Outside of a page it never does.
pub struct Alarm {
    _state: Rc<State>,
    timeout: Option<(Rc<Page>, ScheduledId)>,
}

#[derive(Default)]
struct State {
    due_at: Duration,
    action: Cell<Option<Action>>,
}

/// What is called, with the milliseconds by which that is too late.
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
            // Browsers keep the delay in 32 bits with a sign.
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

// The state is changed in one step, and no foreign code runs meanwhile.
impl UnwindSafe for Alarm {}
impl RefUnwindSafe for Alarm {}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some((page, id)) = &self.timeout {
            page.cancel(*id);
        }
    }
}

//! Listens to events until it is dropped.

use std::panic::{RefUnwindSafe, UnwindSafe};

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

use super::bindings::EventTarget;

/// A closure that the browser calls, with an event or without. Each further type of closure would add glue.
pub(super) type Callback = Closure<dyn FnMut(JsValue)>;

/// Wraps a closure for the browser to call, until the callback is dropped.
///
/// Unwind safety of what the closure holds is up to the caller.
pub(super) fn callback(closure: impl FnMut(JsValue) + 'static) -> Callback {
    Closure::own_assert_unwind_safe(closure)
}

/// Calls a closure for each event of some kinds, until it is dropped.
///
/// It may be dropped inside of the call: wasm-bindgen frees the closure when the call has returned.
#[must_use = "the listener is removed when this is dropped"]
pub struct Listener {
    target: EventTarget,
    names: &'static [&'static str],
    callback: Callback,
}

impl Listener {
    pub(super) fn new(target: &JsValue, names: &'static [&'static str], callback: Callback) -> Self {
        let target = target.clone().unchecked_into::<EventTarget>();
        for name in names {
            target.add_event_listener(name, callback.as_ref().unchecked_ref());
        }
        Self { target, names, callback }
    }
}

// Its closure decides, as `callback` says.
impl UnwindSafe for Listener {}
impl RefUnwindSafe for Listener {}

impl Drop for Listener {
    fn drop(&mut self) {
        // Before the closure is freed: calling a freed closure throws in the browser's event loop.
        for name in self.names {
            self.target.remove_event_listener(name, self.callback.as_ref().unchecked_ref());
        }
    }
}

//! Listens to events for as long as it lives.

use std::panic::{RefUnwindSafe, UnwindSafe};

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

use super::bindings::EventTarget;

/// What the browser calls: with an event, or with nothing. Each further type would bring glue of its own.
pub(super) type Callback = Closure<dyn FnMut(JsValue)>;

/// A closure for the browser to call, until the callback is dropped.
///
/// Whether what the closure holds is still right after a panic is for those to say who have made it.
pub(super) fn callback(closure: impl FnMut(JsValue) + 'static) -> Callback {
    Closure::own_assert_unwind_safe(closure)
}

/// Calls a closure for each event of some kinds, until it is dropped.
///
/// It may be dropped from inside its own call: wasm-bindgen frees the closure when the call has returned.
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

// As for the closure.
impl UnwindSafe for Listener {}
impl RefUnwindSafe for Listener {}

impl Drop for Listener {
    fn drop(&mut self) {
        // First of all: a closure that was freed and is called throws in the browser's event loop.
        for name in self.names {
            self.target.remove_event_listener(name, self.callback.as_ref().unchecked_ref());
        }
    }
}

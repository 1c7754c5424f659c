//! Listens to events until it is dropped.

use std::panic::{RefUnwindSafe, UnwindSafe};

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

use super::bindings::EventTarget;

/// A closure that the browser calls, with an event or without. There is only one type, since each type of closure adds glue.
pub(super) type Callback = Closure<dyn FnMut(JsValue)>;

/// Wraps a closure for the browser to call, until the callback is dropped.
///
/// The caller decides whether the values in the closure are unwind-safe.
pub(super) fn callback(closure: impl FnMut(JsValue) + 'static) -> Callback {
    Closure::own_assert_unwind_safe(closure)
}

/// Calls a closure for each event of some kinds, until it is dropped.
///
/// The closure may drop its own listener: wasm-bindgen frees the closure when the call has returned.
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

// The caller of `callback` has decided this for the closure.
impl UnwindSafe for Listener {}
impl RefUnwindSafe for Listener {}

impl Drop for Listener {
    fn drop(&mut self) {
        // Removed before the closure is freed: calling a freed closure throws in the browser's event loop.
        for name in self.names {
            self.target.remove_event_listener(name, self.callback.as_ref().unchecked_ref());
        }
    }
}

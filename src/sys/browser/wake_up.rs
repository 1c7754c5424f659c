//! Reasons to think that a connection could be made now, or that one is lost.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::EventTarget;

use super::Listener;
use super::bindings::{Global, Shown};
use super::listener::callback;

/// Calls a closure when the network has come back, and when the page is shown or comes back from the browser's cache, for
/// as long as it lives.
///
/// Workers have no page, and Node has no such events: there the closure is not called.
#[must_use = "nothing is called when this is dropped"]
pub struct WakeUps {
    _listeners: [Option<Listener>; 3],
}

impl WakeUps {
    pub fn new(wake: impl Fn() + Clone + 'static) -> Self {
        let global: Global = js_sys::global().unchecked_into();
        let document = global.document();
        let [online, restored, shown] = [(); 3].map(|()| wake.clone());
        let is_restored = |event: &JsValue| event.unchecked_ref::<Shown>().persisted() == Some(true);
        let page = document.clone();
        let is_shown = move || page.as_ref().is_some_and(|page| page.visibility_state() == "visible");
        Self {
            _listeners: [
                listen(Some(&global), "online", move |_| online()),
                listen(Some(&global), "pageshow", move |event| {
                    if is_restored(&event) {
                        restored()
                    }
                }),
                listen(document.as_deref(), "visibilitychange", move |_| {
                    if is_shown() {
                        shown()
                    }
                }),
            ],
        }
    }
}

fn listen<T: JsCast>(
    target: Option<&T>,
    name: &'static str,
    closure: impl FnMut(JsValue) + 'static,
) -> Option<Listener> {
    Some(Listener::new(target?.unchecked_ref::<EventTarget>(), name, callback(closure)))
}

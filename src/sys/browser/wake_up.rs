//! Reasons to think that a connection could be made now, or that one is lost.

use wasm_bindgen::JsValue;

use super::listener::callback;
use super::{Listener, reflect};

/// Calls a closure when the network has come back, and when the page is shown or comes back from the browser's cache, for
/// as long as it lives.
///
/// Workers have no page, and in Node.js the global object is no target of events: there the closure is not called.
#[must_use = "nothing is called when this is dropped"]
pub struct WakeUps {
    _listeners: [Option<Listener>; 3],
}

impl WakeUps {
    pub fn new(wake: impl Fn() + Clone + 'static) -> Self {
        let global = js_sys::global();
        let document = reflect::get(&global, "document");
        let [online, restored, shown] = [(); 3].map(|()| wake.clone());
        // What a page dispatches itself may say nothing.
        let is_restored = |event: &JsValue| reflect::number(event, "persisted") == 1.0;
        let page = document.clone();
        let is_shown = move || page.as_ref().is_some_and(|page| reflect::text(page, "visibilityState") == "visible");
        Self {
            _listeners: [
                listen(Some(&global), &["online"], move |_| online()),
                listen(Some(&global), &["pageshow"], move |event| {
                    if is_restored(&event) {
                        restored()
                    }
                }),
                listen(document.as_ref(), &["visibilitychange"], move |_| {
                    if is_shown() {
                        shown()
                    }
                }),
            ],
        }
    }
}

fn listen(
    target: Option<&JsValue>,
    names: &'static [&'static str],
    closure: impl FnMut(JsValue) + 'static,
) -> Option<Listener> {
    let target = target?;
    reflect::get(target, "addEventListener")?;
    Some(Listener::new(target, names, callback(closure)))
}

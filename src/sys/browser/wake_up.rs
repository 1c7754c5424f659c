//! Events that suggest that connecting may succeed now, or that a connection may be lost.

use wasm_bindgen::JsValue;

use super::listener::callback;
use super::{Listener, reflect};

/// Calls a closure until it is dropped:
///
/// - when the network comes back
/// - when the page is shown
/// - when the page comes back from the browser's cache
///
/// Workers have no page, so only the network calls the closure there. In Node.js nothing does: the global object is not an
/// event target.
#[must_use = "nothing is called when this is dropped"]
pub struct WakeUps {
    _listeners: [Option<Listener>; 3],
}

impl WakeUps {
    pub fn new(wake: impl Fn() + Clone + 'static) -> Self {
        let global = js_sys::global();
        let document = reflect::get(&global, "document");
        let [online, restored, shown] = [(); 3].map(|()| wake.clone());
        // An event that the page itself dispatches may lack the property.
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

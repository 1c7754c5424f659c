//! The elements of the page.

use wasm_bindgen::prelude::*;
use web_sys::{Document, Element, Event, EventTarget, HtmlButtonElement, HtmlInputElement};

/// The document, which a page always has.
pub fn document() -> Document {
    gloo_utils::document()
}

/// The element of this id. Those that `index.html` has are always there.
pub fn element<T: JsCast>(id: &str) -> T {
    let element = document().get_element_by_id(id).unwrap_or_else(|| panic!("index.html has no #{id}"));
    element.dyn_into().unwrap_or_else(|_| panic!("#{id} is another kind of element"))
}

/// What a field holds, without the space around it.
pub fn value(id: &str) -> String {
    element::<HtmlInputElement>(id).value().trim().to_owned()
}

/// Shows a text in an element.
pub fn show(id: &str, text: &str) {
    element::<Element>(id).set_text_content(Some(text));
}

/// Shows how a comparison ended; none for not yet.
pub fn show_verdict(id: &str, text: &str, is_good: Option<bool>) {
    let kind = is_good.map_or("", |is_good| if is_good { "good" } else { "bad" });
    show(id, text);
    set(&element(id), "data-is", kind);
}

/// Sets an attribute.
pub fn set(element: &Element, name: &str, value: &str) {
    element.set_attribute(name, value).expect("the name is one for an attribute");
}

/// Shows a problem that the user can mend, or none.
pub fn show_problem(text: &str) {
    show("problem", text);
    element::<Element>("problem").toggle_attribute_with_force("hidden", text.is_empty()).expect("the name is valid");
}

/// Shows the connection's state, and enables what can be done in it.
pub fn show_state(state: &str, is_connected: bool) {
    let output = element::<Element>("state");
    output.set_text_content(Some(state));
    set(&output, "data-state", state);
    element::<HtmlButtonElement>("disconnect").set_disabled(!is_connected);
    let senders = document().query_selector_all("button.send").expect("the selector is valid");
    for index in 0..senders.length() {
        if let Some(button) = senders.get(index) {
            button.unchecked_into::<HtmlButtonElement>().set_disabled(state != "open");
        }
    }
}

/// Adds a line to the log, the newest first, as far as they are of interest.
pub fn log(kind: &str, detail: &str) {
    const LONGEST: u32 = 200;
    let list = element::<Element>("log");
    let line = document().create_element("li").expect("the name is valid");
    set(&line, "data-kind", kind);
    let now = js_sys::Date::new_0();
    let (hours, minutes, seconds) = (now.get_hours(), now.get_minutes(), now.get_seconds());
    let time = format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", now.get_milliseconds());
    for (name, text) in [("time", &*time), ("b", kind), ("span", detail)] {
        let part = document().create_element(name).expect("the name is valid");
        part.set_text_content(Some(text));
        line.append_child(&part).expect("an element takes another");
    }
    list.prepend_with_node_1(&line).expect("an element takes another");
    if list.child_element_count() > LONGEST {
        list.last_element_child().inspect(Element::remove);
    }
}

/// Calls `callback` for an event, for as long as there is the page.
pub fn on<E: JsCast>(target: &EventTarget, name: &str, mut callback: impl FnMut(E) + 'static) {
    let callback = Closure::<dyn FnMut(Event)>::new(move |event: Event| callback(event.unchecked_into()));
    target.add_event_listener_with_callback(name, callback.as_ref().unchecked_ref()).expect("the arguments are valid");
    callback.forget();
}

/// Calls `callback` when a form is submitted, by its button or by the Enter key.
pub fn on_submit(id: &str, mut callback: impl FnMut() + 'static) {
    on(&element::<EventTarget>(id), "submit", move |event: Event| {
        event.prevent_default();
        callback();
    });
}

/// Calls `callback` when a button is clicked.
pub fn on_click(id: &str, mut callback: impl FnMut() + 'static) {
    on(&element::<EventTarget>(id), "click", move |_: Event| callback());
}

/// A size as people write it.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// Milliseconds since the page was opened.
pub fn now() -> f64 {
    gloo_utils::window().performance().map_or_else(js_sys::Date::now, |performance| performance.now())
}

/// Resolves when the browser is about to draw, and never while the page is hidden.
pub async fn next_frame() {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        gloo_utils::window().request_animation_frame(&resolve).expect("the argument is a function");
    });
    wasm_bindgen_futures::JsFuture::from(promise).await.expect("nobody rejects it");
}

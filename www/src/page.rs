//! The elements of the page.

use wasm_bindgen::prelude::*;
use web_sys::{Document, Element, Event, EventTarget, HtmlInputElement, HtmlSelectElement, HtmlTemplateElement};

/// Returns the document.
pub fn document() -> Document {
    gloo_utils::document()
}

/// Returns the element with this id, which `index.html` must have.
pub fn element<T: JsCast>(id: &str) -> T {
    let element = document().get_element_by_id(id).unwrap_or_else(|| panic!("index.html has no #{id}"));
    element.dyn_into().unwrap_or_else(|_| panic!("#{id} is another kind of element"))
}

/// Returns the first element in another that matches a CSS selector.
pub fn part<T: JsCast>(whole: &Element, selector: &str) -> T {
    let part = whole.query_selector(selector).ok().flatten();
    part.and_then(|part| part.dyn_into().ok()).unwrap_or_else(|| panic!("index.html has no {selector}"))
}

/// Returns a copy of the one element in a `<template>`.
pub fn from_template(id: &str) -> Element {
    let content = element::<HtmlTemplateElement>(id).content();
    let first = content.first_element_child().expect("a template holds an element");
    first.clone_node_with_deep(true).expect("an element can be cloned").unchecked_into()
}

/// Returns the value of a field, trimmed.
pub fn value(id: &str) -> String {
    element::<HtmlInputElement>(id).value().trim().to_owned()
}

/// Sets the value of a field.
pub fn set_value(id: &str, value: &str) {
    element::<HtmlInputElement>(id).set_value(value);
}

/// Returns the selected value of a list.
pub fn selected(id: &str) -> String {
    element::<HtmlSelectElement>(id).value()
}

/// Selects a value of a list.
pub fn select(id: &str, value: &str) {
    element::<HtmlSelectElement>(id).set_value(value);
}

/// Returns whether a box is ticked.
pub fn is_checked(id: &str) -> bool {
    element::<HtmlInputElement>(id).checked()
}

/// Ticks a box, or unticks it.
pub fn check(id: &str, is_checked: bool) {
    element::<HtmlInputElement>(id).set_checked(is_checked);
}

/// Shows a text in an element.
pub fn show(id: &str, text: &str) {
    show_in(&element(id), text);
}

/// Shows a text in an element, unless it is shown already: so screen readers read it once, and an idle page costs nothing.
pub fn show_in(element: &Element, text: &str) {
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
}

/// The kind of a verdict.
#[derive(Clone, Copy, PartialEq)]
pub enum Is {
    Good,
    Bad,
    /// Neither good nor bad, or not known yet.
    Neither,
}

/// Shows a verdict.
pub fn show_verdict(element: &Element, text: &str, is: Is) {
    let kind = match is {
        Is::Good => "good",
        Is::Bad => "bad",
        Is::Neither => "",
    };
    set(element, "data-is", kind);
    show_in(element, text);
}

/// Shows the state of a connection.
pub fn show_badge(id: &str, state: &str) {
    let badge = element(id);
    set(&badge, "data-state", state);
    show_in(&badge, state);
}

/// Sets an attribute, unless it has this value already.
pub fn set(element: &Element, name: &str, value: &str) {
    if element.get_attribute(name).as_deref() != Some(value) {
        element.set_attribute(name, value).expect("an attribute may have the name");
    }
}

/// Hides an element, or shows it again.
pub fn hide(element: &Element, is_hidden: bool) {
    element.toggle_attribute_with_force("hidden", is_hidden).expect("the name is valid");
}

/// Disables a control, or enables it again.
pub fn disable(element: &Element, is_disabled: bool) {
    element.toggle_attribute_with_force("disabled", is_disabled).expect("the name is valid");
}

/// Shows the error of a control below it, or removes the error.
pub fn show_problem(id: &str, problem: Option<&str>) {
    let element = element::<Element>(id);
    hide(&element, problem.is_none());
    show_in(&element, problem.unwrap_or_default());
}

/// Calls a closure for an event, until this is dropped.
#[must_use = "the listener is removed when this is dropped"]
pub struct Listener {
    target: EventTarget,
    name: &'static str,
    callback: Closure<dyn FnMut(Event)>,
}

impl Listener {
    pub fn new<E: JsCast>(target: &EventTarget, name: &'static str, mut callback: impl FnMut(E) + 'static) -> Self {
        let callback = Closure::<dyn FnMut(Event)>::new(move |event: Event| callback(event.unchecked_into()));
        target
            .add_event_listener_with_callback(name, callback.as_ref().unchecked_ref())
            .expect("the arguments are valid");
        Self { target: target.clone(), name, callback }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let callback = self.callback.as_ref().unchecked_ref();
        self.target.remove_event_listener_with_callback(self.name, callback).expect("the arguments are valid");
    }
}

/// Calls `callback` for an event, as long as the page exists.
pub fn on<E: JsCast>(target: &EventTarget, name: &'static str, callback: impl FnMut(E) + 'static) {
    std::mem::forget(Listener::new(target, name, callback));
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

/// Calls `callback` when the user has changed the value of a control.
pub fn on_change(id: &str, mut callback: impl FnMut() + 'static) {
    on(&element::<EventTarget>(id), "change", move |_: Event| callback());
}

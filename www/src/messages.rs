//! The section “Messages”: what is typed, and the log of all that goes by.

use std::rc::Rc;

use wasm_websocket::{Blob, Error};
use web_sys::HtmlInputElement;

use crate::demo::{Demo, explain};
use crate::log::Filter;
use crate::page::{element, on, on_change, on_click, on_submit, selected, show_problem, value};

/// Connects the section's controls.
pub fn start(demo: &Rc<Demo>) {
    let sending = demo.clone();
    on_submit("message-form", move || {
        let sent = sending.send_message();
        show_problem("message-problem", sent.err().as_ref().map(explain).as_deref());
    });
    let clearing = demo.clone();
    on_click("clear-log", move || clearing.log.clear());
    let filter = {
        let demo = demo.clone();
        move || demo.log.set_filter(Filter { kind: selected("log-kind"), words: value("log-words").to_lowercase() })
    };
    on_change("log-kind", filter.clone());
    on(&element::<HtmlInputElement>("log-words"), "input", move |_: web_sys::Event| filter());
}

impl Demo {
    // region: message
    /// Sends what was typed, as what was chosen: a server sees text, or the same bytes as a binary message.
    fn send_message(&self) -> Result<(), Error> {
        let text = element::<HtmlInputElement>("message").value();
        let bytes = text.len() as u64;
        match selected("message-kind").as_str() {
            "text" => self.send(&text, bytes, &format!("text: {text}"), None),
            "bytes" => self.send(text.as_bytes(), bytes, "binary, from memory", None),
            _ => self.send(Blob::new(text.as_bytes(), "text/plain"), bytes, "binary, as a Blob", None),
        }
    }
    // endregion
}

//! The card “Messages”: sends what the user types, and shows the log.

use wasm_websocket::{Blob, Error};
use web_sys::{Event, HtmlInputElement};

use crate::link::{Link, State, explain};
use crate::log::{Filter, Log};
use crate::page::{element, on, on_change, on_click, on_submit, selected, show_problem, value};

/// Connects the card's controls.
pub fn start(link: &Link, log: &Log) {
    let (sending, clearing, filtering) = (link.clone(), log.clone(), log.clone());
    on_submit("message-form", move || {
        show_problem("message-problem", send(&sending).err().as_ref().map(explain).as_deref());
    });
    link.on_state(|state| {
        if let State::Open { .. } = state {
            show_problem("message-problem", None);
        }
    });
    on_click("clear-log", move || clearing.clear());
    let filter = move || {
        filtering.set_filter(Filter { kind: selected("log-kind"), words: value("log-words").to_lowercase() });
    };
    on_change("log-kind", filter.clone());
    on(&element::<HtmlInputElement>("log-words"), "input", move |_: Event| filter());
}

// region: message
/// Sends the typed text with the chosen type: the server receives a text message, or a binary message with the same bytes.
fn send(link: &Link) -> Result<(), Error> {
    let text = element::<HtmlInputElement>("message").value();
    let bytes = text.len() as u64;
    match selected("message-kind").as_str() {
        "text" => link.send_text(&text),
        "bytes" => link.send_binary(text.as_bytes(), bytes, "binary, from memory"),
        _ => link.send_binary(Blob::new(text.as_bytes(), "text/plain"), bytes, "binary, as a Blob"),
    }
}
// endregion

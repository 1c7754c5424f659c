//! Events → plain Rust.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::{Blob, CloseEvent, Message};

/// The data of a message, as the browser delivered it: decoded when it is taken, so that what waits costs no wasm
/// memory, which never shrinks.
#[derive(Debug)]
pub(crate) struct Data(JsValue);

impl Data {
    /// The data of a `message` event.
    pub(super) fn of(event: web_sys::Event) -> Self {
        Self(event.unchecked_into::<web_sys::MessageEvent>().data())
    }

    /// Copies text and bytes into wasm memory.
    ///
    /// None for what no browser delivers: an event that the page made and dispatched itself can carry anything.
    pub fn decode(self) -> Option<Message> {
        let data = self.0;
        if let Some(text) = data.as_string() {
            Some(Message::Text(text))
        } else if data.is_instance_of::<ArrayBuffer>() {
            Some(Message::Binary(Uint8Array::new(&data).to_vec()))
        } else if data.is_instance_of::<web_sys::Blob>() {
            Some(Message::Blob(Blob::from_raw(data.unchecked_into())))
        } else {
            None
        }
    }
}

/// What a `close` event says.
pub(super) fn close(event: web_sys::Event) -> CloseEvent {
    let event: web_sys::CloseEvent = event.unchecked_into();
    CloseEvent { code: event.code(), reason: event.reason(), was_clean: event.was_clean() }
}

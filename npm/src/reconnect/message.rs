//! Messages, from JavaScript and for it.

use js_sys::{Array, ArrayBuffer, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_websocket::reconnect::InDoubt;
use wasm_websocket::{Blob, Message};

use crate::object::Plain;

/// Converts what `payload.ts` has made of a payload: text, a `Uint8Array` or a Blob.
pub(crate) fn from_js(message: JsValue) -> Message {
    if let Some(text) = message.as_string() {
        Message::Text(text)
    } else if ArrayBuffer::is_view(&message) {
        Message::Binary(message.unchecked_into::<Uint8Array>().to_vec())
    } else {
        Message::Blob(Blob::from_raw(message.unchecked_into()))
    }
}

pub(crate) fn to_js(message: &Message) -> JsValue {
    match message {
        Message::Text(text) => text.into(),
        Message::Binary(bytes) => Uint8Array::from(bytes.as_slice()).buffer().into(),
        Message::Blob(blob) => blob.as_raw().into(),
    }
}

pub(crate) fn in_doubt_to_js(in_doubt: &InDoubt) -> JsValue {
    let messages: Array = in_doubt
        .messages
        .iter()
        .map(|(number, message)| Array::of2(&(*number as f64).into(), &to_js(message)))
        .collect();
    let plain = Plain::new();
    plain.set("count", (in_doubt.count as f64).into());
    plain.set("messages", messages.into());
    plain.into()
}

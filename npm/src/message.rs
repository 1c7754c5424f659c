//! Messages from JavaScript and for JavaScript.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_websocket::{Blob, Message};

#[wasm_bindgen(typescript_custom_section)]
const TYPESCRIPT: &str = "export type Data = string | ArrayBuffer | Blob;";

/// Converts the result of `payload.ts`: text, a `Uint8Array` or a Blob.
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

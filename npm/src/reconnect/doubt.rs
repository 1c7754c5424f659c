//! Messages in doubt, for JavaScript.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_websocket::reconnect::InDoubt;

use crate::message;
use crate::object::Plain;

#[wasm_bindgen(typescript_custom_section)]
const TYPESCRIPT: &str = "export type Doubt = { count: number; messages: [number: number, data: Data][] };";

pub(crate) fn to_js(in_doubt: &InDoubt) -> JsValue {
    let messages: Array = in_doubt
        .messages
        .iter()
        .map(|(number, message)| Array::of2(&(*number as f64).into(), &message::to_js(message)))
        .collect();
    let plain = Plain::new();
    plain.set("count", (in_doubt.count as f64).into());
    plain.set("messages", messages.into());
    plain.into()
}

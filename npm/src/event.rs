//! Close events, for JavaScript.

use wasm_bindgen::prelude::*;
use wasm_websocket::{CloseEvent, Error};

use crate::error;

#[wasm_bindgen(typescript_custom_section)]
const TYPESCRIPT: &str = "export type CloseEvent = { code: number; reason: string; wasClean: boolean };";

#[wasm_bindgen]
extern "C" {
    /// A plain object.
    #[wasm_bindgen(js_name = Object)]
    type PlainEvent;

    #[wasm_bindgen(constructor, js_class = "Object")]
    fn new() -> PlainEvent;

    #[wasm_bindgen(method, setter)]
    fn set_code(this: &PlainEvent, code: u16);

    #[wasm_bindgen(method, setter)]
    fn set_reason(this: &PlainEvent, reason: &str);

    #[wasm_bindgen(method, setter, js_name = wasClean)]
    fn set_was_clean(this: &PlainEvent, was_clean: bool);
}

pub(crate) fn to_js(closed: Result<CloseEvent, Error>) -> Result<JsValue, JsValue> {
    let event = closed.map_err(error::to_js)?;
    let plain = PlainEvent::new();
    plain.set_code(event.code);
    plain.set_reason(&event.reason);
    plain.set_was_clean(event.was_clean);
    Ok(plain.into())
}

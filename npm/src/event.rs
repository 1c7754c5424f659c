//! Close events, for JavaScript.

use wasm_bindgen::prelude::*;
use wasm_websocket::CloseEvent;

use crate::object::Plain;

#[wasm_bindgen(typescript_custom_section)]
const TYPESCRIPT: &str = "export type CloseEvent = { code: number; reason: string; wasClean: boolean };";

pub(crate) fn to_js(event: CloseEvent) -> JsValue {
    let plain = Plain::new();
    plain.set("code", event.code.into());
    plain.set("reason", event.reason.into());
    plain.set("wasClean", event.was_clean.into());
    plain.into()
}

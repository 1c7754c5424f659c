//! Plain objects of JavaScript, read by the names of their fields.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// A plain object. `options.ts` has checked the objects of the caller. A missing field is `undefined`.
    #[wasm_bindgen(js_name = Object, typescript_type = "object")]
    #[derive(Clone)]
    pub type Plain;

    #[wasm_bindgen(constructor, js_class = "Object")]
    pub(crate) fn new() -> Plain;

    #[wasm_bindgen(method, structural, indexing_setter)]
    pub(crate) fn set(this: &Plain, name: &str, value: JsValue);

    #[wasm_bindgen(method, structural, indexing_getter)]
    pub(crate) fn get(this: &Plain, name: &str) -> JsValue;

    #[wasm_bindgen(method, structural, indexing_getter)]
    pub(crate) fn number(this: &Plain, name: &str) -> Option<f64>;

    #[wasm_bindgen(method, structural, indexing_getter)]
    pub(crate) fn object(this: &Plain, name: &str) -> Option<Plain>;
}

impl Plain {
    /// Returns a field, if it is text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).as_string()
    }
}

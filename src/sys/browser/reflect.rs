//! Objects by the names of their properties, for all that is done rarely: few imports are less to download.

use js_sys::Array;
use wasm_bindgen::JsValue;

use super::bindings;
pub use super::bindings::get;

/// A property that is a string. Empty if it is not one, which only the page can have done.
pub fn text(object: &JsValue, name: &str) -> String {
    get(object, name).and_then(|value| value.as_string()).unwrap_or_default()
}

/// A property that is a number, or true, which counts as 1. NaN if there is none.
pub fn number(object: &JsValue, name: &str) -> f64 {
    bindings::get_number(object, name).unwrap_or(f64::NAN)
}

/// A new object of a class of the browser, whose constructor takes these arguments or ignores them. `None` if there is no such class.
///
/// # Errors
///
/// What the constructor throws.
pub fn construct(class: &str, first: &str, second: Option<Array>) -> Result<Option<JsValue>, JsValue> {
    match get(&js_sys::global(), class) {
        Some(constructor) => bindings::construct(&constructor, &bindings::array_of(first, second)),
        None => Ok(None),
    }
}

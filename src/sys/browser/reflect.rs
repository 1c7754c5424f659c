//! Access to JavaScript objects by name, for rare accesses: each import is more to download.

use js_sys::Array;
use wasm_bindgen::JsValue;

use super::bindings;
pub use super::bindings::get;

/// Returns a string property; empty if it is no string, which only the page's own code can cause.
pub fn text(object: &JsValue, name: &str) -> String {
    get(object, name).and_then(|value| value.as_string()).unwrap_or_default()
}

/// Returns a number property, where true is 1; NaN if there is none.
pub use super::bindings::get_number as number;

/// Constructs an object of a browser class; `None` if there is no such class. A constructor may ignore the arguments.
///
/// # Errors
///
/// The exception that the constructor throws.
pub fn construct(class: &str, first: &str, second: Option<Array>) -> Result<Option<JsValue>, JsValue> {
    match get(&js_sys::global(), class) {
        Some(constructor) => bindings::construct(&constructor, &bindings::array_of(first, second)),
        None => Ok(None),
    }
}

//! Access to properties of JavaScript objects by name. For rare accesses, since each import of its own adds to the download.

use js_sys::Array;
use wasm_bindgen::JsValue;

use super::bindings;
pub use super::bindings::get;

/// Returns a string property; empty if the value is not a string, which only the page's own code can cause.
pub fn text(object: &JsValue, name: &str) -> String {
    get(object, name).and_then(|value| value.as_string()).unwrap_or_default()
}

/// Returns a property as a number: `true` is 1, and a missing property is NaN.
pub use super::bindings::get_number as number;

/// Constructs an object of a browser's class; `None` if the class does not exist. A constructor may ignore the arguments.
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

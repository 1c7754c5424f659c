//! Converts exceptions of JavaScript into [`Error`]s.

use wasm_bindgen::JsValue;

use super::reflect;
use crate::{Error, SendError};

/// Returns the name and the message of a thrown value.
pub(super) fn describe(thrown: &JsValue) -> (String, String) {
    if thrown.is_object() {
        // Not every exception is an `Error`: Firefox throws objects of its own, for instance if the page's policy blocks a URL.
        (reflect::text(thrown, "name"), reflect::text(thrown, "message"))
    } else {
        // Browsers throw only objects. Code with which the page has replaced the browser's may throw any value.
        ("a value".into(), thrown.as_string().unwrap_or_default())
    }
}

/// Returns the error for an unexpected exception.
pub(super) fn thrown(thrown: JsValue) -> Error {
    let (name, message) = describe(&thrown);
    Error::Thrown { name, message }
}

/// Makes `?` work in functions that `#[wasm_bindgen]` exports.
impl From<Error> for JsValue {
    fn from(error: Error) -> Self {
        js_sys::Error::new(&error.to_string()).into()
    }
}

impl<T> From<SendError<T>> for JsValue {
    fn from(unsent: SendError<T>) -> Self {
        unsent.error.into()
    }
}

//! What JavaScript throws → [`Error`].

use wasm_bindgen::JsValue;

use super::reflect;
use crate::{Error, SendError};

/// Returns the name and the message of a thrown value.
pub(super) fn describe(thrown: &JsValue) -> (String, String) {
    if thrown.is_object() {
        // Not every exception is an `Error`: Firefox throws its own kind, for instance when a page's policy blocks something.
        (reflect::text(thrown, "name"), reflect::text(thrown, "message"))
    } else {
        // The browser throws only objects; code that the page has put in its place may throw anything.
        ("a value".into(), thrown.as_string().unwrap_or_default())
    }
}

/// Returns the error for an unexpected exception.
pub(super) fn thrown(thrown: JsValue) -> Error {
    let (name, message) = describe(&thrown);
    Error::Thrown { name, message }
}

/// So that `?` works in functions that `#[wasm_bindgen]` exports.
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

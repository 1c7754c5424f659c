//! What JavaScript throws → [`Error`].

use wasm_bindgen::JsValue;

use super::reflect;
use crate::{Error, SendError};

/// The name and the message of what was thrown.
pub(super) fn describe(thrown: &JsValue) -> (String, String) {
    if thrown.is_object() {
        // Not every one is an instance of `Error`: Firefox has exceptions of its own, as for what a page's policy blocks.
        (reflect::text(thrown, "name"), reflect::text(thrown, "message"))
    } else {
        // Only code of the page, put in the place of the browser's, throws what is no object.
        ("a value".into(), thrown.as_string().unwrap_or_default())
    }
}

/// The error for something that ought not to be thrown at all.
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

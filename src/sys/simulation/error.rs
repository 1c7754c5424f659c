//! Converts [`Error`]s into JavaScript values, on a host without JavaScript.

use wasm_bindgen::JsValue;

use crate::{Error, SendError};

/// Returns `undefined`, the only value that exists without a browser. Thus functions that `#[wasm_bindgen]` exports can be
/// compiled and called on the host.
impl From<Error> for JsValue {
    fn from(_: Error) -> Self {
        Self::UNDEFINED
    }
}

impl<T> From<SendError<T>> for JsValue {
    fn from(unsent: SendError<T>) -> Self {
        unsent.error.into()
    }
}

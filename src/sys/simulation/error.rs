//! [`Error`] → JavaScript, where there is none.

use wasm_bindgen::JsValue;

use crate::{Error, SendError};

/// `undefined`, as no other object can be made without a browser. It lets functions that `#[wasm_bindgen]` exports be
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

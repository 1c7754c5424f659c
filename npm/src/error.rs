//! Errors with a code, for JavaScript.

use wasm_bindgen::prelude::*;
use wasm_websocket::Error;

#[wasm_bindgen]
extern "C" {
    /// JavaScript's `Error`, with a `code`.
    #[wasm_bindgen(js_name = Error)]
    type CodedError;

    #[wasm_bindgen(constructor, js_class = "Error")]
    fn new(message: &str) -> CodedError;

    #[wasm_bindgen(method, setter)]
    fn set_code(this: &CodedError, code: &str);
}

pub(crate) fn to_js(error: Error) -> JsValue {
    coded(code(&error), &error.to_string())
}

pub(crate) fn coded(code: &str, message: &str) -> JsValue {
    let coded = CodedError::new(message);
    coded.set_code(code);
    coded.into()
}

/// Returns the variant's name, as in `errors.ts`. The other variants are never returned by the functions that the package uses.
fn code(error: &Error) -> &'static str {
    match error {
        Error::InvalidUrl(_) => "invalidUrl",
        Error::InvalidProtocol(_) => "invalidProtocol",
        Error::DuplicateProtocol(_) => "duplicateProtocol",
        Error::Security { .. } => "security",
        Error::Unsupported => "unsupported",
        Error::ConnectFailed { .. } => "connectFailed",
        Error::ConnectTimeout { .. } => "connectTimeout",
        Error::ConnectionLost { .. } => "connectionLost",
        Error::NotOpen(_) => "notOpen",
        Error::Full => "full",
        Error::Overflow => "overflow",
        Error::InvalidCloseCode(_) => "invalidCloseCode",
        Error::ReasonTooLong(_) => "reasonTooLong",
        Error::CloseTimeout(_) => "closeTimeout",
        Error::Unclean(_) => "unclean",
        Error::Attempt(_) => "attemptFailed",
        Error::HeartbeatTimeout(_) => "heartbeatTimeout",
        Error::OutOfMemory(_) => "outOfMemory",
        #[cfg(feature = "session")]
        Error::TooLarge(_) => "tooLarge",
        #[cfg(feature = "session")]
        Error::SessionLost => "sessionLost",
        #[cfg(feature = "session")]
        Error::UnreadableBlob(_) => "unreadableBlob",
        _ => "thrown",
    }
}

//! The receipt of a sent message, for JavaScript.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_websocket::session;

use crate::error;
use crate::promise::promise;

/// The receipt of a sent message. It does not keep the session alive.
#[wasm_bindgen]
pub struct Receipt(session::Receipt);

impl Receipt {
    pub(crate) fn new(receipt: session::Receipt) -> Self {
        Self(receipt)
    }
}

#[wasm_bindgen]
impl Receipt {
    /// Resolves when the peer has processed the message. The call frees this object.
    ///
    /// # Errors
    ///
    /// `sessionLost`.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn processed(self) -> Promise {
        promise(async move { self.0.await.map(|()| JsValue::UNDEFINED).map_err(error::to_js) })
    }
}

//! What becomes of a message that was sent, for JavaScript.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_websocket::session;

use crate::error;
use crate::promise::promise;

/// What becomes of a message that was sent. It keeps no session.
#[wasm_bindgen]
pub struct Receipt(session::Receipt);

impl Receipt {
    pub(crate) fn new(receipt: session::Receipt) -> Self {
        Self(receipt)
    }
}

#[wasm_bindgen]
impl Receipt {
    /// Resolves when the peer has processed the message. It frees this.
    ///
    /// # Errors
    ///
    /// `sessionLost`.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn processed(self) -> Promise {
        promise(async move { self.0.await.map(|()| JsValue::UNDEFINED).map_err(error::to_js) })
    }
}

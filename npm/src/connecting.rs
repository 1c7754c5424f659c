//! A connection that is being opened.

use js_sys::Promise;
use wasm_bindgen::prelude::*;

use crate::object::Plain;
use crate::pending::Pending;
use crate::{Connection, error, options};

/// A connection that is being opened. Freeing it cancels the attempt, and its promise resolves with `undefined`.
#[wasm_bindgen]
pub struct Connecting(Pending);

#[wasm_bindgen]
impl Connecting {
    /// Begins to connect.
    #[wasm_bindgen(constructor)]
    pub fn new(url: &str, options: &Plain) -> Self {
        let opening = options::read(options).connect(url);
        Self(Pending::new(
            async move { opening.await.map(|stream| Connection::new(stream).into()).map_err(error::to_js) },
        ))
    }

    /// Resolves when the connection is open. Call it once.
    #[wasm_bindgen(unchecked_return_type = "Promise<Connection>")]
    pub fn opened(&self) -> Promise {
        self.0.settled()
    }
}

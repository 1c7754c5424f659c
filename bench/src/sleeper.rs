//! A reader that sleeps through a flood.

use wasm_bindgen::prelude::{JsError, wasm_bindgen};
use wasm_websocket::{Options, Overflow, WebSocketStream};

/// A connection whose messages nobody reads. Only `limit` messages are queued; beyond that, the oldest are dropped.
#[wasm_bindgen]
pub struct Sleeper(WebSocketStream);

#[wasm_bindgen]
impl Sleeper {
    pub async fn connect(url: String, limit: usize) -> Result<Sleeper, JsError> {
        let options =
            Options::new().receive_limit(u64::MAX).receive_limit_messages(limit).overflow(Overflow::DropOldest);
        Ok(Self(options.connect(&url).await?))
    }

    /// Asks the server for `count` messages.
    pub fn ask(&self, count: u32) -> Result<(), JsError> {
        Ok(self.0.try_send(count.to_string())?)
    }

    pub fn dropped(&self) -> u32 {
        self.0.dropped() as u32
    }
}

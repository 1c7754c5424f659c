//! The server that the page comes from, and how the page connects to it.

use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_websocket::Options;
use web_sys::Response;

/// The unsent bytes above which senders wait, and at which they continue: the defaults of the crate.
pub const HIGH_WATER_MARK: u64 = 1 << 20;
pub const LOW_WATER_MARK: u64 = 256 << 10;

/// The options of every connection of the page.
pub fn options() -> Options {
    Options::new().high_water_mark(HIGH_WATER_MARK).low_water_mark(LOW_WATER_MARK)
}

/// Returns the URL of a path of the server.
pub fn url(path: &str) -> String {
    let location = gloo_utils::window().location();
    let is_secure = location.protocol().is_ok_and(|protocol| protocol == "https:");
    let scheme = if is_secure { "wss" } else { "ws" };
    format!("{scheme}://{}{path}", location.host().unwrap_or_default())
}

/// A path of the server.
#[derive(Deserialize)]
pub struct Peer {
    pub path: String,
    /// What the server does on a connection to it.
    pub does: String,
    /// The subprotocols to offer.
    pub protocols: String,
}

/// Asks the server which paths it has.
pub async fn peers() -> Result<Vec<Peer>, JsValue> {
    let response = JsFuture::from(gloo_utils::window().fetch_with_str("peers")).await?;
    let json = JsFuture::from(response.unchecked_into::<Response>().json()?).await?;
    Ok(serde_wasm_bindgen::from_value(json)?)
}

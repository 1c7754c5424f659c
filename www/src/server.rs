//! The server of the page, and the options of connections to it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use wasm_websocket::Options;
use web_sys::Response;

use crate::page::show_problem;

/// The unsent bytes above which senders wait, and at which they continue: the defaults of the crate.
pub const HIGH_WATER_MARK: u64 = 1 << 20;
pub const LOW_WATER_MARK: u64 = 256 << 10;

/// The options of every connection of the page.
pub fn options() -> Options {
    Options::new().high_water_mark(HIGH_WATER_MARK).low_water_mark(LOW_WATER_MARK)
}

/// Returns the URL of a path of the server. The paths are beside the page.
pub fn url(path: &str) -> String {
    beside(&gloo_utils::window().location().href().unwrap_or_default(), path)
}

/// Returns whether a URL leads to a room, in which everyone receives what anyone sends.
pub fn is_room(url: &str) -> bool {
    url.contains("/share/")
}

fn beside(page: &str, path: &str) -> String {
    let page = page.split(['?', '#']).next().unwrap_or_default();
    let folder = page.rsplit_once('/').map_or(page, |(folder, _)| folder);
    format!("{}{path}", folder.replacen("http", "ws", 1))
}

/// A path of the server.
#[derive(Deserialize)]
pub struct Peer {
    pub path: String,
    /// What the server does on a connection to this path.
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

/// Connects to a path at which the server acts, for instance cuts other connections. Shows an error in `problem`.
pub fn request(path: &str, problem: &'static str) {
    let connecting = options().connect(&url(path));
    spawn_local(async move { show_problem(problem, connecting.await.err().map(|error| error.to_string()).as_deref()) });
}

/// Parses a JSON text of the server. Returns `None` for any other text.
pub fn parse<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_wasm_bindgen::from_value(js_sys::JSON::parse(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_has_its_paths_beside_the_page() {
        for (page, expected) in [
            ("http://127.0.0.1:8765/", "ws://127.0.0.1:8765/echo"),
            ("http://127.0.0.1:8765/?url=ws://a/b#files", "ws://127.0.0.1:8765/echo"),
            ("https://example.com/demo/index.html", "wss://example.com/demo/echo"),
        ] {
            assert_eq!(beside(page, "/echo"), expected);
        }
    }
}

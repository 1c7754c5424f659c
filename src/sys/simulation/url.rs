//! Parses URLs like the constructor of the browser's socket.

use super::page::Engine;

/// The page's own address, against which relative URLs are resolved.
#[cfg(feature = "testing")]
const PAGE: &str = "http://127.0.0.1/";

/// Returns the URL of a socket, normalised; `None` if it is not a URL for a WebSocket.
#[cfg(feature = "testing")]
pub fn resolve(input: &str, engine: Engine) -> Option<String> {
    /// Stands for a space in a host.
    const SPACE: &str = "0space0";
    match (parse(input), engine) {
        (None, Engine::Chromium) => parse(&input.replace(' ', SPACE)).map(|url| url.replace(SPACE, "%20")),
        (Some(_), Engine::Firefox) if input.is_empty() => None,
        (url, _) => url,
    }
}

#[cfg(feature = "testing")]
fn parse(input: &str) -> Option<String> {
    let mut url = url::Url::parse(PAGE).ok()?.join(input).ok()?;
    match url.scheme() {
        "http" => url.set_scheme("ws").ok()?,
        "https" => url.set_scheme("wss").ok()?,
        "ws" | "wss" => {}
        _ => return None,
    }
    url.fragment().is_none().then(|| url.into())
}

/// Never called without the feature `testing`, since there are no pages.
#[cfg(not(feature = "testing"))]
pub fn resolve(_input: &str, _engine: Engine) -> Option<String> {
    None
}

//! URLs, as the constructor of the browser's socket takes them.

/// The page's own address, against which relative URLs are resolved.
#[cfg(feature = "testing")]
const PAGE: &str = "http://127.0.0.1/";

/// The URL of a socket, normalised. None for what is no URL for a WebSocket.
#[cfg(feature = "testing")]
pub fn resolve(input: &str) -> Option<String> {
    let mut url = url::Url::parse(PAGE).ok()?.join(input).ok()?;
    match url.scheme() {
        "http" => url.set_scheme("ws").ok()?,
        "https" => url.set_scheme("wss").ok()?,
        "ws" | "wss" => {}
        _ => return None,
    }
    url.fragment().is_none().then(|| url.into())
}

/// Without the feature there are no pages, and nobody asks.
#[cfg(not(feature = "testing"))]
pub fn resolve(_input: &str) -> Option<String> {
    None
}

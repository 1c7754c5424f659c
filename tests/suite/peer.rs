//! The server that the tests talk to.

use futures_util::StreamExt;
use wasm_websocket::{Connecting, Error, Message, Options, Transport, WebSocketStream};

use super::guard::{random, watch_reads};

/// The address of the server. `cargo xtask test` sets it; without that, it is the server's default.
const SERVER: &str = match option_env!("TEST_SERVER") {
    Some(server) => server,
    None => "127.0.0.1:8765",
};

/// Whether the tests use large numbers, as in `cargo xtask ci`.
pub const IS_LARGE: bool = option_env!("TEST_LARGE").is_some();

/// Returns the URL of a path of the server.
pub fn url(path: &str) -> String {
    format!("ws://{SERVER}{path}")
}

/// Connects to a path of the server.
pub async fn connect(path: &str) -> WebSocketStream {
    connect_with(path, &Options::new()).await
}

/// Connects to a path of the server, with options.
pub async fn connect_with(path: &str, options: &Options) -> WebSocketStream {
    start_with(&url(path), options).await.unwrap()
}

/// Returns whether the suite connects over streams.
pub fn is_by_streams() -> bool {
    crate::TRANSPORT == Transport::Streams
}

/// Returns whether the browser crashes if a connection is lost while a message waits to be sent, as Chromium does over streams.
/// No test may cause this there.
pub fn crashes_with_unsent() -> bool {
    cfg!(target_arch = "wasm32") && is_by_streams()
}

/// Starts to connect to a URL.
pub fn start(url: &str) -> Connecting {
    start_with(url, &Options::new())
}

/// Starts to connect to a URL, with options.
pub fn start_with(url: &str, options: &Options) -> Connecting {
    if is_by_streams() {
        watch_reads();
    }
    options.clone().transport(crate::TRANSPORT).connect(url)
}

/// Waits until the browser starts other connections. In a worker, Firefox 153 sometimes continues to connect after `close`, up to
/// its own timeout of 20 s. Until then, it starts no other connection to the same server.
pub async fn settled() {
    let patient = Options::new().connect_timeout(std::time::Duration::from_secs(60));
    drop(patient.connect(&url("/echo")).await);
}

/// Panics if there is no server, and says how to start it.
#[cfg(target_arch = "wasm32")]
pub async fn assert_up() {
    use std::cell::Cell;
    // Checks this only once: browsers delay each further connection to a port at which nobody listens.
    thread_local!(static IS_UP: Cell<Option<bool>> = const { Cell::new(None) });
    if IS_UP.get().is_none() {
        IS_UP.set(Some(WebSocketStream::connect(&url("/echo")).await.is_ok()));
    }
    assert_eq!(IS_UP.get(), Some(true), "no test server at {SERVER}: start it with `cargo xtask server`");
}

/// Returns the next message. Panics if there is none.
pub async fn next(stream: &mut WebSocketStream) -> Message {
    stream.next().await.expect("the stream has ended").unwrap()
}

/// The server's count of the connections that one test has made, and of the messages that arrived on them.
pub struct Count {
    query: String,
    counts: WebSocketStream,
}

impl Count {
    pub async fn new() -> Self {
        let query = random().to_string();
        let counts = WebSocketStream::connect(&url(&format!("/count/{query}"))).await.unwrap();
        let mut count = Self { query, counts };
        count.becomes(0).await;
        count
    }

    /// Returns a path whose connections are counted.
    pub fn path(&self, path: &str) -> String {
        format!("{path}?{}", self.query)
    }

    /// Waits until this many connections are open.
    pub async fn becomes(&mut self, open: usize) {
        while !self.next().await.starts_with(&format!("{open} open, ")) {}
    }

    /// Waits until no connection is open. Returns what the server has received, such as `2 received, closed with 1005`.
    pub async fn ended(&mut self) -> String {
        loop {
            if let Some(received) = self.next().await.strip_prefix("0 open, ") {
                return received.into();
            }
        }
    }

    async fn next(&mut self) -> String {
        let Message::Text(count) = next(&mut self.counts).await else { panic!("no count") };
        count
    }
}

/// Returns the error of a connection that must fail.
pub async fn fail(url: &str, options: &Options) -> Error {
    start_with(url, options).await.expect_err("it connected")
}

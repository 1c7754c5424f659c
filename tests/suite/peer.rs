//! The server that the tests talk to.

use futures_util::StreamExt;
use wasm_websocket::{Connecting, Error, Message, Options, Transport, WebSocketStream};

use super::guard::{random, watch_reads};

/// The address of the server: `cargo xtask test` sets it; otherwise it is the server's default.
const SERVER: &str = match option_env!("TEST_SERVER") {
    Some(server) => server,
    None => "127.0.0.1:8765",
};

/// The URL of a path of the server.
pub fn url(path: &str) -> String {
    format!("ws://{SERVER}{path}")
}

/// A connection to a path of the server.
pub async fn connect(path: &str) -> WebSocketStream {
    connect_with(path, &Options::new()).await
}

/// The same, with options.
pub async fn connect_with(path: &str, options: &Options) -> WebSocketStream {
    start_with(&url(path), options).await.unwrap()
}

/// Whether the suite connects by streams.
pub fn is_by_streams() -> bool {
    crate::TRANSPORT == Transport::Streams
}

/// Whether the browser crashes if a connection is lost while a message waits to be sent, so that no test may do that: Chromium
/// does by streams.
pub fn crashes_with_unsent() -> bool {
    cfg!(target_arch = "wasm32") && is_by_streams()
}

/// Starts to connect to a URL.
pub fn start(url: &str) -> Connecting {
    start_with(url, &Options::new())
}

/// The same, with options.
pub fn start_with(url: &str, options: &Options) -> Connecting {
    if is_by_streams() {
        watch_reads();
    }
    options.clone().transport(crate::TRANSPORT).connect(url)
}

/// Waits until the browser lets others connect. In a worker, Firefox 153 now and then goes on with a connection that was
/// closed while it connected, up to its own limit of 20 s, and until then lets no other one to the same server begin.
pub async fn settled() {
    let patient = Options::new().connect_timeout(std::time::Duration::from_secs(60));
    drop(patient.connect(&url("/echo")).await);
}

/// Panics with advice if there is no server.
#[cfg(target_arch = "wasm32")]
pub async fn assert_up() {
    use std::cell::Cell;
    // Checked once: browsers delay each further connection to a port at which nobody listens.
    thread_local!(static IS_UP: Cell<Option<bool>> = const { Cell::new(None) });
    if IS_UP.get().is_none() {
        IS_UP.set(Some(WebSocketStream::connect(&url("/echo")).await.is_ok()));
    }
    assert_eq!(IS_UP.get(), Some(true), "no test server at {SERVER}: start it with `cargo xtask server`");
}

/// The next message, which there must be.
pub async fn next(stream: &mut WebSocketStream) -> Message {
    stream.next().await.expect("the stream has ended").unwrap()
}

/// The server's count of the connections that one test has made, and of what came on them.
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

    /// A path for a connection that is counted.
    pub fn path(&self, path: &str) -> String {
        format!("{path}?{}", self.query)
    }

    /// Waits until this many connections are open.
    pub async fn becomes(&mut self, open: usize) {
        while !self.next().await.starts_with(&format!("{open} open, ")) {}
    }

    /// Waits until no connection is open, and gives what was received on them, such as `2 received, closed with 1005`.
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

/// The error of a connection that must fail.
pub async fn fail(url: &str, options: &Options) -> Error {
    start_with(url, options).await.expect_err("it connected")
}

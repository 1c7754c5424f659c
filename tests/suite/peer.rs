//! The server that the tests talk to.

use std::cell::Cell;

use futures_util::StreamExt;
use wasm_websocket::{Error, Message, Options, WebSocketStream};

/// Where the server is: `cargo xtask test` says so, and without it the server's own default holds.
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
    options.connect(&url(path)).await.unwrap()
}

/// Panics with advice if there is no server.
pub async fn assert_up() {
    // Asked once: browsers take longer and longer for a port at which nobody listens.
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

/// The server's count of the connections that one test has open.
pub struct Count {
    query: String,
    counts: WebSocketStream,
}

impl Count {
    pub async fn new() -> Self {
        let query = js_sys::Math::random().to_string();
        let mut counts = connect(&format!("/count/{query}")).await;
        assert_eq!(next(&mut counts).await, "0".into());
        Self { query, counts }
    }

    /// A path for a connection that is counted.
    pub fn path(&self, path: &str) -> String {
        format!("{path}?{}", self.query)
    }

    /// Waits until the server counts so many.
    pub async fn becomes(&mut self, count: usize) {
        while next(&mut self.counts).await != Message::Text(count.to_string()) {}
    }
}

/// The error of a connection that must fail.
pub async fn fail(url: &str, options: &Options) -> Error {
    options.connect(url).await.expect_err("it connected")
}

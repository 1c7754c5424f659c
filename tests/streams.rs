//! The suite in a window, over streams: the browser's own `WebSocketStream`.
#![cfg(target_arch = "wasm32")]

#[macro_use]
mod suite;

#[path = "suite/by_streams.rs"]
mod by_streams;

/// The transport of the suite.
const TRANSPORT: wasm_websocket::Transport = wasm_websocket::Transport::Streams;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

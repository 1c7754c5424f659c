//! The tests of what only connections over streams do, in a dedicated worker. `cargo xtask test` skips the rest of the suite.
#![cfg(target_arch = "wasm32")]

#[macro_use]
mod suite;

#[path = "suite/by_streams.rs"]
mod by_streams;

/// The transport of the suite.
const TRANSPORT: wasm_websocket::Transport = wasm_websocket::Transport::Streams;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

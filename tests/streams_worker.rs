//! What holds by streams alone, in a dedicated worker.
#![cfg(target_arch = "wasm32")]

#[macro_use]
mod suite;

#[path = "suite/by_streams.rs"]
mod by_streams;

/// What the suite connects by.
const TRANSPORT: wasm_websocket::Transport = wasm_websocket::Transport::Streams;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

//! The suite in a window: what `wasm-pack test --headless --chrome` runs.
#![cfg(target_arch = "wasm32")]

#[macro_use]
mod suite;

// Only a window has frames.
#[path = "suite/realm.rs"]
mod realm;

/// The transport of the suite.
const TRANSPORT: wasm_websocket::Transport = wasm_websocket::Transport::Events;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

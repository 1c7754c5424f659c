//! The suite in a window, for `cargo xtask ci`, which compiles it with large numbers. It does not replace the module with small numbers
//! (`web`), so both can run at the same time.
#![cfg(target_arch = "wasm32")]

#[macro_use]
mod suite;

/// The transport of the suite.
const TRANSPORT: wasm_websocket::Transport = wasm_websocket::Transport::Events;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

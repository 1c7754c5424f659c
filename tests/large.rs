//! The suite in a window, once more: a module for `cargo xtask ci`, which runs its tests with large numbers. Since it is a module of its
//! own, the suite with small numbers is not compiled again, and can run at the same time.
#![cfg(target_arch = "wasm32")]

#[macro_use]
mod suite;

/// The transport of the suite.
const TRANSPORT: wasm_websocket::Transport = wasm_websocket::Transport::Events;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

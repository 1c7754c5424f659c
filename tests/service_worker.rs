//! The suite in a service worker.
#![cfg(target_arch = "wasm32")]

#[macro_use]
mod suite;

/// The transport of the suite.
const TRANSPORT: wasm_websocket::Transport = wasm_websocket::Transport::Events;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_service_worker);

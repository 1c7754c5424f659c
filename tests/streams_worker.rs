//! The tests of what only connections over streams do, in a dedicated worker.
#![cfg(target_arch = "wasm32")]

#[macro_use]
mod suite {
    #[macro_use]
    #[allow(dead_code, reason = "only the suite uses the other items")]
    pub mod guard;
    #[allow(dead_code, reason = "only the suite uses the other items")]
    pub mod peer;
}

#[path = "suite/by_streams.rs"]
mod by_streams;

/// The transport of the suite.
const TRANSPORT: wasm_websocket::Transport = wasm_websocket::Transport::Streams;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

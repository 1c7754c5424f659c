//! Runs the suite in simulated pages like Chromium's, over its `WebSocketStream`.
#![cfg(not(target_arch = "wasm32"))]

#[macro_use]
mod suite;

#[path = "suite/by_streams.rs"]
mod by_streams;

#[path = "simulation/peers/mod.rs"]
mod peers;

/// The transport of the suite.
const TRANSPORT: wasm_websocket::Transport = wasm_websocket::Transport::Streams;

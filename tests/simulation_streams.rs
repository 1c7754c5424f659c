//! The suite in a simulated page, as in Chromium, by the transport over its `WebSocketStream`.
#![cfg(not(target_arch = "wasm32"))]

#[macro_use]
mod suite;

#[path = "suite/by_streams.rs"]
mod by_streams;

#[path = "simulation/peers/mod.rs"]
mod peers;

/// What the suite connects by.
const TRANSPORT: wasm_websocket::Transport = wasm_websocket::Transport::Streams;

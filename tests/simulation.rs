//! Runs the suite in simulated pages, like Chromium's and like Firefox's.
#![cfg(not(target_arch = "wasm32"))]

#[macro_use]
mod suite;

#[path = "simulation/peers/mod.rs"]
mod peers;

/// The transport of the suite.
const TRANSPORT: wasm_websocket::Transport = wasm_websocket::Transport::Events;

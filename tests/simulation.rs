//! The suite in a simulated page, as in Chromium and as in Firefox.
#![cfg(not(target_arch = "wasm32"))]

#[macro_use]
mod suite;

#[path = "simulation/peers/mod.rs"]
mod peers;

/// What the suite connects by.
const TRANSPORT: wasm_websocket::Transport = wasm_websocket::Transport::Events;

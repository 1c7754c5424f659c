//! What `cargo xtask bench` measures: wasm-websocket and other crates, which all do the same jobs.
//!
//! ```text
//! page/bench.js ─▶ run ─▶ job ─▶ contender ─▶ contenders/*
//!        │      └─▶ run_codec ─▶ codec
//!        └─▶ page/javascript.js, the base
//! ```
#![cfg(target_family = "wasm")]

mod codec;
mod contender;
mod contenders;
mod job;
mod memory;
mod sleeper;

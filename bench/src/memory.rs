//! Counts what Rust has allocated.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use wasm_bindgen::prelude::wasm_bindgen;

// It also counts while times are measured: it adds a few nanoseconds to messages that take microseconds.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Returns the allocations and reallocations since the start, and the blocks, bytes and slots for JavaScript values in use.
#[wasm_bindgen]
pub fn allocated() -> Vec<f64> {
    let stats = ALLOCATOR.stats();
    vec![
        stats.allocations as f64,
        stats.reallocations as f64,
        stats.allocations as f64 - stats.deallocations as f64,
        stats.bytes_allocated as f64 - stats.bytes_deallocated as f64,
        wasm_bindgen::externref_heap_live_count().into(),
    ]
}

//! The suite in the kind of worker that the environment names, as in `WASM_BINDGEN_USE_DEDICATED_WORKER=1`.
#![cfg(target_arch = "wasm32")]

#[macro_use]
mod suite;

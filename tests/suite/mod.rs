//! What is tested in browsers, against the server in `tests/server`, and in the simulation, against the same paths.
//!
//! Each test names its peer by the path of a URL: `connect("/close/4001/bye")`.

#[macro_use]
#[cfg_attr(not(target_arch = "wasm32"), path = "../simulation/guard.rs")]
pub mod guard;
pub mod peer;

#[cfg(target_arch = "wasm32")]
mod account;
mod blob;
mod close;
#[cfg(target_arch = "wasm32")]
mod codec;
mod connect;
mod events;
#[cfg(target_arch = "wasm32")]
mod halves;
#[cfg(target_arch = "wasm32")]
mod javascript;
#[cfg(target_arch = "wasm32")]
mod large;
#[cfg(target_arch = "wasm32")]
mod lifetime;
#[cfg(target_arch = "wasm32")]
mod overflow;
#[cfg(target_arch = "wasm32")]
mod raw;
mod receive;
#[cfg(target_arch = "wasm32")]
mod reconnect;
#[cfg(target_arch = "wasm32")]
mod send;
#[cfg(target_arch = "wasm32")]
mod slices;

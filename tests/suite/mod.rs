//! The suite. It runs in browsers, against the server in `tests/server`, and in the simulation, against peers with the same paths.
//!
//! Each test names its peer by the path of a URL: `connect("/close/4001/bye")`.

#[macro_use]
#[cfg_attr(not(target_arch = "wasm32"), path = "../simulation/guard.rs")]
pub mod guard;
pub mod peer;

mod account;
mod blob;
mod close;
mod codec;
mod connect;
mod events;
mod halves;
#[cfg(target_arch = "wasm32")]
mod javascript;
#[cfg(target_arch = "wasm32")]
mod js_json;
mod large;
mod lifetime;
#[cfg(target_arch = "wasm32")]
mod objects;
mod overflow;
#[cfg(target_arch = "wasm32")]
mod raw;
mod receive;
mod reconnect;
mod send;
#[cfg(target_arch = "wasm32")]
mod session;
mod slices;

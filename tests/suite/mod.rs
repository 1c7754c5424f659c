//! What is tested in browsers, against the server in `tests/server`.
//!
//! Each test names its peer by the path of a URL: `connect("/close/4001/bye")`.

#[macro_use]
pub mod guard;
pub mod peer;

mod account;
mod blob;
mod close;
mod codec;
mod connect;
mod events;
mod halves;
mod large;
mod lifetime;
mod overflow;
mod raw;
mod receive;
mod reconnect;
mod send;
mod slices;

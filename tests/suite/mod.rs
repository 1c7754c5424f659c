//! What is tested in browsers, against the server in `tests/server`.
//!
//! Each test names its peer by the path of a URL: `connect("/close/4001/bye")`.

#[macro_use]
mod guard;
mod peer;

mod blob;
mod close;
mod connect;
mod events;
mod lifetime;
mod raw;
mod receive;
mod send;

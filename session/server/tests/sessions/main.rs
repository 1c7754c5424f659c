//! Sessions with real clients, over loopback TCP.

mod attacks;
mod client;
mod lifecycle;
mod proxy;
mod raw;
#[cfg(feature = "redis")]
mod redis;
mod sending;
mod server;
mod store;
mod traffic;

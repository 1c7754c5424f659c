//! The browser's `WebSocket` for Rust: typed events, an async [`Stream`](futures_core::Stream) and
//! [`Sink`](futures_sink::Sink), Blobs as well as ArrayBuffers.
//!
//! - [`WebSocket`] is the browser's own object, typed: its events call your closures.
//! - [`WebSocketStream`] is the same connection for async code: a stream and a sink of [`Message`]s.
//!
//! ```text
//! browser ─▶ sys::listener ─▶ sys::event ─▶ queue ─▶ stream ─▶ you
//! browser ◀─ sys::socket ◀─ sys::payload ◀─ backpressure ◀─ stream ◀─ you
//! ```
//!
//! `sys` is the only module that names `web_sys`, `js_sys` or `wasm_bindgen`. All others are plain Rust, tested on the
//! host as well as in browsers.
//!
//! # What it promises
//!
//! - A `send` that did not reach an open socket is an error, and the error hands the message back. What the browser
//!   took is *handed over*; no page can know what was *delivered*.
//! - Listeners are attached in the same task as the constructor runs, so no event can be missed.
//! - Bad input and whatever the browser throws become an [`Error`] of plain data; nothing of it panics.
//! - Dropping a handle removes its listeners and closes its socket.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod sys;

mod lifecycle;
mod message;
mod queue;

mod backpressure;

mod options;
mod socket;
mod stream;

mod close;
mod error;
mod protocol;
mod state;

pub use close::{CloseCode, CloseEvent, CloseReason};
pub use error::{Error, SendError};
pub use message::Message;
pub use options::Options;
pub use socket::{ListenerGuard, WebSocket};
pub use state::{BinaryType, ReadyState};
pub use stream::WebSocketStream;
pub use sys::{Blob, Payload};

#[cfg(test)]
mod tests;

/// The examples of the README, compiled with the other examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

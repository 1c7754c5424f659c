//! The browser's `WebSocket` for Rust: typed events, an async [`Stream`](futures_core::Stream) and
//! [`Sink`](futures_sink::Sink), Blobs as well as ArrayBuffers.
//!
//! - [`WebSocket`] wraps the browser's own object, typed: its events call your closures.
//! - [`WebSocketStream`] is a connection for async code: a stream and a sink of [`Message`]s. It can be split into halves, or
//!   converted into a [`ByteStream`].
//! - [`Typed`] wraps a connection as a stream and a sink of your own types, by a [`codec`] such as JSON.
//! - [`Reconnecting`] is a stream and a sink that outlives its connections: it reconnects.
//! - `session::Session`, with the feature `session`, delivers each message exactly once, over any number of connections.
//!
//! # What it promises
//!
//! - A `send` that fails returns the message in its error. After `Ok` the message was handed to the browser, or is queued by a
//!   [`Reconnecting`] or a `Session`, unless you choose that a full queue drops messages. Only the peer can tell whether it has
//!   received the message.
//! - A [`WebSocketStream`] misses no event: it listens from the task in which it is created. A [`WebSocket`] misses none if its
//!   listeners are added before the next `await`.
//! - Both directions are bounded: senders wait while the browser buffers too much, and the receive queue has a limit.
//! - Bad input and everything the browser throws become an [`Error`] of plain data; nothing panics. Where there is no
//!   `WebSocket`, as on a server that renders pages, the error is [`Error::Unsupported`].
//! - Dropping the last handle removes the listeners and closes the socket.
//!
//! Handles stay in the thread that made them. In Leptos that means `StoredValue::new_local`, or with server rendering
//! `RwSignal::new(None::<SendWrapper<Sender>>)`, set in an effect.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `json`, on by default | [`codec`]s for JSON by serde_json: `Json` and `JsonBytes` |
//! | `postcard` | the codec `Postcard`: small, fast, binary |
//! | `serde-wasm-bindgen` | the codec `JsJson`: JSON by the browser, for values that stay in JavaScript |
//! | `bytes` | `bytes::Bytes` as a [`Payload`] |
//! | `session` | sessions, with a server that speaks their protocol: messages arrive in order and exactly once, over any number of connections |
//! | `streams` | `Transport`: connections by the browser's own `WebSocketStream`, where the peer waits for a slow receiver |
//! | `tracing` | events under the target `wasm_websocket`: connecting, open, ended, and the states of a [`Reconnecting`], without messages and secrets |
//! | `testing` | on the host alone, the module [`testing`]: a simulated page, in which code that uses this crate is tested |
//!
//! [`testing`]: https://docs.rs/wasm-websocket/latest/x86_64-unknown-linux-gnu/wasm_websocket/testing/

// browser ─▶ sys::listener ─▶ sys::event ─▶ receive::queue ─▶ receive::receiver ─▶ codec ─▶ you
// browser ◀─ sys::socket ◀─ sys::payload ◀─ send::backpressure ◀─ send::sender ◀─ codec ◀─ you
//
// `sys` is the only module that names `web_sys`, `js_sys` or `wasm_bindgen`, and the one seam to the platform: on the host it is
// a simulated page, in which everything is tested.
mod sys;

mod receive;
mod send;
mod stream;

mod raw;
mod socket;

pub mod codec;
pub mod reconnect;
#[cfg(feature = "session")]
pub mod session;

#[cfg(all(feature = "testing", not(all(target_family = "wasm", target_os = "unknown"))))]
pub mod testing;

mod trace;
mod types;
mod wake;

pub use codec::typed::Typed;
pub use raw::RawMessage;
pub use receive::{Chunks, Receiver};
pub(crate) use reconnect::{
    AfterClose, Attempt, AttemptError, Backoff, Cause, Counts, Heartbeat, InDoubt, State, States, Target, WhenFull,
    WhenLost,
};
pub use reconnect::{ReconnectOptions, Reconnecting};
pub use send::{Progress, Sender, Slices};
pub use socket::{ListenerGuard, WeakWebSocket, WebSocket};
pub use stream::{ByteStream, Closed, Connecting, WebSocketStream};
pub use sys::{Blob, Payload};
#[cfg(feature = "streams")]
pub use types::Transport;
pub use types::{
    BinaryType, CloseCode, CloseEvent, CloseReason, Error, Message, Options, Overflow, ReadyState, ReceiveError,
    SendError,
};

#[cfg(test)]
mod tests;

/// The examples of the README and of the other texts, compiled with those of the code.
#[cfg(doctest)]
mod texts {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/recipes.md")]
    struct Recipes;
    #[doc = include_str!("../docs/first-page.md")]
    struct FirstPage;
    #[doc = include_str!("../docs/protocols.md")]
    struct Protocols;
    #[doc = include_str!("../docs/errors.md")]
    struct Errors;
    #[doc = include_str!("../docs/frameworks.md")]
    struct Frameworks;
    #[doc = include_str!("../docs/troubleshooting.md")]
    struct Troubleshooting;
    #[doc = include_str!("../docs/deploying.md")]
    struct Deploying;
    #[doc = include_str!("../docs/migration.md")]
    struct Migration;
}

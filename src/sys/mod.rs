//! The browser: the only module that names `web_sys`, `js_sys` or `wasm_bindgen`.
//!
//! It gives the others plain Rust: what JavaScript throws becomes an [`Error`](crate::Error), what it delivers a
//! [`Message`](crate::Message) or a [`CloseEvent`](crate::CloseEvent).

mod bindings;
mod blob;
mod copy;
mod error;
mod event;
#[cfg(feature = "serde-wasm-bindgen")]
mod js_json;
mod listener;
mod payload;
mod raw;
mod socket;
mod task;
mod timer;
mod turn;
mod wake_up;

pub use blob::Blob;
pub(crate) use event::Data;
#[cfg(feature = "serde-wasm-bindgen")]
pub use js_json::JsJson;
pub(crate) use listener::Listener;
pub use payload::Payload;
pub use raw::RawMessage;
pub(crate) use socket::RawSocket;
pub(crate) use task::{HAS_EVENT_LOOP, now, random, spawn};
pub(crate) use timer::Timer;
pub(crate) use turn::in_next_turn;
pub(crate) use wake_up::WakeUps;

//! The browser. Exceptions of JavaScript become an [`Error`](crate::Error), its events a [`Message`](crate::Message) or a
//! [`CloseEvent`](crate::CloseEvent).

mod alarm;
mod bindings;
mod blob;
mod copy;
mod error;
mod event;
#[cfg(feature = "serde-wasm-bindgen")]
pub mod json;
mod listener;
mod reflect;
mod socket;
#[cfg(feature = "streams")]
mod streams;
mod task;
mod turn;
mod wake_up;

pub use alarm::Alarm;
pub use blob::Blob;
pub use event::Data;
pub use listener::Listener;
pub use socket::Socket;
#[cfg(feature = "streams")]
pub use streams::{StreamListener, StreamSocket};
#[cfg(feature = "session")]
pub use task::random_bits;
pub use task::{has_event_loop, now, random, spawn};
pub use turn::in_next_turn;
pub use wake_up::WakeUps;

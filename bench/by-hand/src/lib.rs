//! A socket written by hand, with as much of the crate's API as the chats of `examples/` use.
//!
//! It has a queue and a waker, and JSON by serde_json. It has no limits, no backpressure, no timeouts and no typed errors, and what
//! it calls a session ends with its connection.

mod socket;
mod typed;

#[cfg(feature = "session")]
pub mod session;

pub use socket::{CloseEvent, Error, Receiver, Sender, WebSocketStream};
pub use typed::{ReceiveError, SendError, Typed};

/// The only codec.
pub mod codec {
    pub struct Json;
}

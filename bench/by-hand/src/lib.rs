//! A hand-written socket, with the part of the crate's API that the chats of `examples/` use.
//!
//! It has a queue, wakers, and JSON by serde_json. It has no limits, no backpressure, no timeouts and no typed errors. Its session
//! ends with the connection.

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

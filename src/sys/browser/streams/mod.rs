//! The transport over the browser's own `WebSocketStream`: a readable and a writable stream with backpressure, which makes the
//! peer wait.
//!
//! ```text
//! promises ─▶ dispatch ─▶ inner ─▶ the listeners of the connection
//!                          │ ▲
//!     reader, writer ◀─────┘ └── outbox ◀── socket
//! ```
//!
//! The module has the same interface as the other transport, and two more features: reading can be paused, and an event tells
//! when messages were sent, so that senders need not ask.

mod bindings;
mod dispatch;
mod inner;
mod outbox;
mod socket;

pub use socket::{StreamListener, StreamSocket};

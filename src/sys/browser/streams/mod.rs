//! The transport over the browser's own `WebSocketStream`: a readable and a writable stream, by which the peer has to wait.
//!
//! ```text
//! promises ─▶ dispatch ─▶ inner ─▶ the listeners of the connection
//!                          │ ▲
//!     reader, writer ◀─────┘ └── outbox ◀── socket
//! ```
//!
//! To those above it is one more socket with the events of the other one. What it has of its own: it can be told to stop
//! reading, and it tells when something was sent, so that nobody need ask.

mod bindings;
mod dispatch;
mod inner;
mod outbox;
mod socket;

pub use socket::{StreamListener, StreamSocket};

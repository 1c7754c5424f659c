//! Sessions: a connection may be lost, a message is not. [`Session`], its options, receipts and reports.
//!
//! The protocol is written down in `docs/session.md`, for servers in any language. The crate `websocket-session` has both ends of
//! it as a machine without I/O.

// `websocket_session::Client` decides about messages, and a `Reconnecting` about connections. `core` brings both together:
//
// Reconnecting ─▶ inlet ─▶ core: Client ─▶ stream ─▶ you
// Reconnecting ◀─ link ◀── core: Client ◀─ sender ◀─ you

mod core;
mod counts;
mod frame;
mod handshake;
mod lost;
mod options;
mod receipt;
mod sender;
mod stream;
mod task;

pub use counts::SessionCounts;
pub use lost::{Lost, LostCause, Unacknowledged};
pub use options::SessionOptions;
pub use receipt::Receipt;
pub use sender::SessionSender;
pub use stream::Session;

//! Plain data, the same on every platform.

pub(crate) mod close;
pub(crate) mod error;
mod message;
mod options;
pub(crate) mod protocol;
pub(crate) mod redact;
mod state;
#[cfg(feature = "streams")]
mod transport;

pub use close::{CloseCode, CloseEvent, CloseReason};
pub use error::{Error, ReceiveError, SendError};
pub use message::Message;
pub use options::{Options, Overflow};
pub use state::{BinaryType, ReadyState};
#[cfg(feature = "streams")]
pub use transport::Transport;

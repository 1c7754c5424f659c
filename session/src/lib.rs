#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod change;
mod client;
mod endpoint;
mod frame;
mod inbound;
mod item;
mod json;
mod outbound;
mod queue;
mod rule;
mod server;
#[cfg(test)]
mod tests;
mod violation;

pub use change::{Change, Snapshot};
pub use client::{AfterLoss, Client, ClientState};
pub use endpoint::Endpoint;
pub use frame::{Ack, Control, End, Hello, MAX_CONTROL, TEXT, TextFrame, Welcome};
pub use item::{
    Connection, Event, Incoming, Item, Limits, Lost, LostCause, Mark, Output, Payload, SendError, Unacknowledged,
};
pub use outbound::Content;
pub use server::{Digest, LastToken, NewToken, Refusal, Server, ServerState};
pub use violation::{Violation, code};

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "session.v1";

/// The highest number, attempt and offset: 2⁵³ − 1, the largest integer that JavaScript holds exactly.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// The weight of each message beside its bytes, so that empty messages need credit, too.
pub const OVERHEAD: u64 = 16;

/// Returns the credit that a message needs: its bytes and [`OVERHEAD`].
pub fn weight<P: Payload>(payload: &P) -> u64 {
    payload.payload_len().saturating_add(OVERHEAD)
}

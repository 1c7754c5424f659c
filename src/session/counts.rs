//! How many messages are where.

/// How many messages a [`Session`](crate::session::Session) has sent and taken, over all of its connections.
///
/// Each message that was sent is in exactly one place: acknowledged, unacknowledged or lost.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Processed by the peer.
    pub acknowledged: u64,
    /// Kept, and transmitted again on the next connection, until the peer has processed them.
    pub unacknowledged: u64,
    /// The bytes of the unacknowledged messages, with 16 more for each.
    pub unacknowledged_bytes: u64,
    /// Not acknowledged when a session was lost, as [`Lost`](crate::session::Lost) tells.
    pub lost: u64,
    /// How often a message was handed over to the browser. The messages that were transmitted again count again.
    pub transmitted: u64,
    /// Received, and taken from the stream.
    pub taken: u64,
}

//! Counts of the messages of a session.

/// Counts of the messages of a [`Session`](crate::session::Session), over all of its connections.
///
/// Each message that was sent is in exactly one state: acknowledged, unacknowledged or lost.
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::session::Session;
///
/// /// Whether the page may be left without losing a change.
/// fn is_saved(editor: &Session) -> bool {
///     let counts = editor.counts();
///     counts.unacknowledged == 0 && counts.lost == 0
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Processed by the peer.
    pub acknowledged: u64,
    /// Kept, and transmitted again on the next connection, until the peer has processed them.
    pub unacknowledged: u64,
    /// The bytes of the unacknowledged messages, with 16 more for each.
    pub unacknowledged_bytes: u64,
    /// Not acknowledged when a session was lost. See [`Lost`](crate::session::Lost).
    pub lost: u64,
    /// Handed over to the browser. A message that is transmitted again counts again.
    pub transmitted: u64,
    /// Received, and taken from the stream.
    pub taken: u64,
}

//! Changes and snapshots of a session, for a store.

use crate::Content;

/// A change of a stored session. `R` is the state of the role: [`ServerState`](crate::ServerState) or
/// [`ClientState`](crate::ClientState).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Change<P, R> {
    /// A message or END of this end was given the next number.
    Sent {
        /// The number.
        number: u64,
        /// The message or END.
        content: Content<P>,
    },
    /// The peer has processed everything up to this number. May be stored later, or not at all.
    Acknowledged {
        /// The number.
        number: u64,
        /// The offset of this number.
        offset: u64,
    },
    /// The application has processed the peer's messages up to this number.
    Processed {
        /// The number.
        number: u64,
        /// The offset of this number.
        offset: u64,
        /// Whether END is among them.
        ended: bool,
    },
    /// The state of the role.
    Role(R),
    /// The peer has forgotten the session: all counts are 0, and this is the state of the role.
    Renewed(R),
}

/// The stored state of a session: enough to continue after a crash.
///
/// It is the sum of all [`Change`]s: a store may keep the snapshot, the changes, or both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot<P, R> {
    /// The state of the role.
    pub role: R,
    /// The number up to which the peer has processed.
    pub acknowledged: u64,
    /// The offset of that number.
    pub acknowledged_offset: u64,
    /// Messages that were sent and not acknowledged.
    pub sent: Vec<Content<P>>,
    /// Whether END is sent.
    pub ended: bool,
    /// The number up to which the application has processed.
    pub processed: u64,
    /// The offset of that number.
    pub processed_offset: u64,
    /// Whether the END of the peer is processed.
    pub peer_ended: bool,
}

impl<P, R> Snapshot<P, R> {
    /// Returns a session in which nothing was sent or processed yet.
    pub fn new(role: R) -> Self {
        Self {
            role,
            acknowledged: 0,
            acknowledged_offset: 0,
            sent: Vec::new(),
            ended: false,
            processed: 0,
            processed_offset: 0,
            peer_ended: false,
        }
    }

    /// Returns the number of the last message, or of END, that was sent; 0 if nothing was.
    pub fn last_sent(&self) -> u64 {
        self.acknowledged + self.sent.len() as u64
    }

    /// Applies a change. Changes must be applied in the order in which the machine returned them.
    pub fn apply(&mut self, change: Change<P, R>) {
        match change {
            Change::Sent { content, .. } => {
                self.ended |= matches!(content, Content::End(_));
                self.sent.push(content);
            }
            Change::Acknowledged { number, offset } => {
                let count = usize::try_from(number.saturating_sub(self.acknowledged)).unwrap_or(usize::MAX);
                self.sent.drain(..count.min(self.sent.len()));
                self.acknowledged = number;
                self.acknowledged_offset = offset;
            }
            Change::Processed { number, offset, ended } => {
                self.processed = number;
                self.processed_offset = offset;
                self.peer_ended = ended;
            }
            Change::Role(role) => self.role = role,
            Change::Renewed(role) => *self = Self::new(role),
        }
    }
}

//! What happened to the messages of a session that were in flight when a connection was lost.

use wasm_websocket::session::{Lost, SessionCounts};

/// The counts of a session. A message in doubt is transmitted again, unless the server had received it.
#[derive(Default)]
pub struct Ledger {
    /// Messages that were in doubt when a connection was lost.
    in_doubt: u64,
    /// Transmissions until the last loss.
    transmitted: u64,
    /// Messages that were lost with a session before they were transmitted.
    never: u64,
    again: u64,
    suppressed: u64,
}

impl Ledger {
    /// Records that the connection is lost. Messages that it has transmitted and that are not acknowledged are in doubt.
    pub fn disconnected(&mut self, counts: &SessionCounts) {
        let here = counts.transmitted - self.transmitted;
        self.in_doubt += here.min(counts.unacknowledged);
        self.transmitted = counts.transmitted;
    }

    /// Records that the session is lost, and a new one has begun. Messages of the lost session that are in doubt stay in doubt, and
    /// are no longer counted here.
    pub fn lost(&mut self, lost: &Lost) {
        let transmitted = lost.unacknowledged.iter().filter(|message| message.transmitted).count() as u64;
        self.never += lost.unacknowledged.len() as u64 - transmitted;
        self.in_doubt = self.in_doubt.saturating_sub(transmitted);
    }

    /// Updates the counts while the connection is open. Every message has then been transmitted at least once, so all further
    /// transmissions are repetitions.
    pub fn open(&mut self, counts: &SessionCounts) {
        let once = (counts.acknowledged + counts.unacknowledged + counts.lost).saturating_sub(self.never);
        self.again = counts.transmitted.saturating_sub(once);
        self.suppressed = self.in_doubt.saturating_sub(self.again);
    }

    /// Returns how many messages were transmitted again.
    pub fn again(&self) -> u64 {
        self.again
    }

    /// Returns how many messages were in doubt although the server had received them.
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts([transmitted, acknowledged, unacknowledged]: [u64; 3]) -> SessionCounts {
        let mut counts = SessionCounts::default();
        (counts.transmitted, counts.acknowledged, counts.unacknowledged) = (transmitted, acknowledged, unacknowledged);
        counts
    }

    #[test]
    fn what_was_in_doubt_is_transmitted_again_or_suppressed() {
        let mut ledger = Ledger::default();
        ledger.open(&counts([10, 6, 4]));
        ledger.disconnected(&counts([10, 6, 4]));
        // Two messages were sent meanwhile. The server had received one of the four, and the other three are transmitted again.
        ledger.open(&counts([15, 8, 4]));
        assert_eq!((ledger.again(), ledger.suppressed()), (3, 1));
        // A connection that is lost before it has transmitted anything leaves nothing more in doubt.
        ledger.disconnected(&counts([15, 12, 0]));
        ledger.disconnected(&counts([15, 12, 3]));
        ledger.open(&counts([18, 15, 0]));
        assert_eq!((ledger.again(), ledger.suppressed()), (3, 1));
    }
}

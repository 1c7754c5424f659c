//! The messages of the peer: counted, bounded, processed.

use std::collections::VecDeque;

use crate::queue::release;
use crate::rule::{Rule, Rules};
use crate::{Ack, MAX_NUMBER, OVERHEAD, Violation};

/// Whether an ACK is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Due {
    Nothing,
    /// Within 100 ms.
    Soon,
    Now,
}

/// The counts of the peer's messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Inbound {
    window: u64,
    max: u64,
    received: u64,
    received_offset: u64,
    processed: u64,
    processed_offset: u64,
    /// The offsets of received messages that are not processed.
    offsets: VecDeque<u64>,
    /// The number of END.
    end: Option<u64>,
    /// The last ACK on this connection: the offset of the last processed message, and the credit.
    acked_offset: u64,
    granted: u64,
    due: Due,
}

impl Inbound {
    pub(crate) fn new(window: u64, max: u64) -> Self {
        Self::restore(window, max, 0, 0, false)
    }

    /// Restores the counts of a snapshot. Messages that were not processed arrive again.
    pub(crate) fn restore(window: u64, max: u64, processed: u64, processed_offset: u64, ended: bool) -> Self {
        Self {
            window,
            max: max.min(MAX_NUMBER),
            received: processed,
            received_offset: processed_offset,
            processed,
            processed_offset,
            offsets: VecDeque::new(),
            end: ended.then_some(processed),
            acked_offset: processed_offset,
            granted: 0,
            due: Due::Nothing,
        }
    }

    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    pub(crate) fn processed(&self) -> u64 {
        self.processed
    }

    pub(crate) fn processed_offset(&self) -> u64 {
        self.processed_offset
    }

    pub(crate) fn unprocessed(&self) -> u64 {
        self.received_offset - self.processed_offset
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.offsets.capacity()
    }

    /// Returns whether END was received.
    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Returns whether END is processed.
    pub(crate) fn is_complete(&self) -> bool {
        self.end.is_some_and(|end| end <= self.processed)
    }

    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    pub(crate) fn due(&self) -> Due {
        self.due
    }

    /// Counts a message of `len` bytes, and returns its number, or refuses the message.
    pub(crate) fn message(&mut self, len: u64, rules: &Rules) -> Result<u64, Violation> {
        if self.end.is_some() {
            return Err(Violation::AfterEnd);
        }
        if len > self.max {
            return Err(Violation::TooLarge { len, max: self.max });
        }
        let offset = self.received_offset.saturating_add(len).saturating_add(OVERHEAD);
        let is_exempt = self.processed == self.received;
        if (offset > self.granted && !is_exempt && rules.keeps(Rule::CheckCredit)) || offset > MAX_NUMBER {
            return Err(Violation::CreditExceeded { offset, credit: self.granted });
        }
        self.received_offset = offset;
        Ok(self.count())
    }

    /// Counts END, and returns its number.
    pub(crate) fn end(&mut self) -> Result<u64, Violation> {
        if self.end.is_some() {
            return Err(Violation::AfterEnd);
        }
        self.end = Some(self.received + 1);
        Ok(self.count())
    }

    fn count(&mut self) -> u64 {
        self.received += 1;
        self.offsets.push_back(self.received_offset);
        self.received
    }

    /// Records that the application has processed everything up to `number`. Returns whether this is more than before.
    pub(crate) fn process(&mut self, number: u64, rules: &Rules) -> bool {
        let before = self.processed;
        while self.processed < number {
            let Some(offset) = self.offsets.pop_front() else { break };
            self.processed += 1;
            self.processed_offset = offset;
        }
        release(&mut self.offsets);
        if self.processed == before {
            return false;
        }
        let is_much = self.processed_offset - self.acked_offset >= self.window.div_ceil(4);
        let due = if is_much || self.is_complete() { Due::Now } else { Due::Soon };
        if rules.keeps(Rule::AckInTime) {
            self.due = self.due.max(due);
        }
        true
    }

    /// Makes an ACK due as soon as there is a connection.
    pub(crate) fn ask(&mut self) {
        self.due = Due::Now;
    }

    /// Makes an ACK that is due within 100 ms due now.
    pub(crate) fn hurry(&mut self) {
        if self.due == Due::Soon {
            self.due = Due::Now;
        }
    }

    /// Begins a connection, on which no ACK was sent yet.
    pub(crate) fn begin(&mut self) {
        self.granted = 0;
        self.due = Due::Nothing;
    }

    /// Returns the ACK to send now, and records that it is sent.
    pub(crate) fn take_ack(&mut self) -> Ack {
        self.due = Due::Nothing;
        self.acked_offset = self.processed_offset;
        self.granted = self.granted.max(self.processed_offset.saturating_add(self.window).min(MAX_NUMBER));
        Ack { processed: self.processed, credit: self.granted }
    }

    /// Counts from 1 again, as on a first connection.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.window, self.max);
    }

    /// Without the rule `AckProcessed`, counts all messages that have arrived as processed.
    pub(crate) fn process_unprocessed(&mut self, rules: &Rules) {
        self.process(self.received, rules);
    }

    /// Without the rule `CountOn`, counts received messages anew on each connection.
    pub(crate) fn recount(&mut self) {
        self.received = self.processed;
        self.received_offset = self.processed_offset;
        self.offsets.clear();
    }
}

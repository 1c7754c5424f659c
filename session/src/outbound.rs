//! The messages of this end: numbered, kept, transmitted, acknowledged.

use std::collections::VecDeque;

use crate::queue::release;
use crate::rule::{Rule, Rules};
use crate::{Ack, End, MAX_NUMBER, Payload, SendError, Violation, weight};

/// A message or END: the contents that have a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Content<P> {
    /// A message.
    Message(P),
    /// The end of this direction.
    End(End),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kept<P> {
    /// The offset at the end of the content.
    offset: u64,
    content: Content<P>,
}

/// The replay buffer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Outbound<P> {
    /// The maximum weight of the buffer, in bytes.
    limit: u64,
    kept: VecDeque<Kept<P>>,
    acknowledged: u64,
    acknowledged_offset: u64,
    /// The highest number ever transmitted.
    sent: u64,
    ended: bool,
    /// The next number to transmit on this connection.
    next: u64,
    /// The peer's credit and its `max`, known from the first handshake on.
    credit: u64,
    max: Option<u64>,
}

impl<P: Payload> Outbound<P> {
    pub(crate) fn new(limit: u64) -> Self {
        Self::restore(limit, 0, 0, Vec::new(), false)
    }

    /// Restores the messages of a snapshot, all of which may have been transmitted.
    pub(crate) fn restore(
        limit: u64,
        acknowledged: u64,
        acknowledged_offset: u64,
        contents: Vec<Content<P>>,
        ended: bool,
    ) -> Self {
        let mut offset = acknowledged_offset;
        let kept: VecDeque<_> = contents
            .into_iter()
            .map(|content| {
                offset += content_weight(&content);
                Kept { offset, content }
            })
            .collect();
        let sent = acknowledged + kept.len() as u64;
        let next = acknowledged + 1;
        Self { limit, kept, acknowledged, acknowledged_offset, sent, ended, next, credit: 0, max: None }
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    pub(crate) fn acknowledged_offset(&self) -> u64 {
        self.acknowledged_offset
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    pub(crate) fn contents(&self) -> impl Iterator<Item = &Content<P>> {
        self.kept.iter().map(|kept| &kept.content)
    }

    /// Returns all unacknowledged contents with their numbers, and whether they were transmitted.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = (u64, bool, Content<P>)> + use<P> {
        let (first, sent) = (self.acknowledged + 1, self.sent);
        let kept = std::mem::take(&mut self.kept);
        (first..).zip(kept).map(move |(number, kept)| (number, number <= sent, kept.content))
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Returns whether END is acknowledged.
    pub(crate) fn is_complete(&self) -> bool {
        self.ended && self.kept.is_empty()
    }

    pub(crate) fn buffered(&self) -> u64 {
        self.last_offset() - self.acknowledged_offset
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.kept.capacity()
    }

    fn last_offset(&self) -> u64 {
        self.kept.back().map_or(self.acknowledged_offset, |kept| kept.offset)
    }

    fn last(&self) -> u64 {
        self.acknowledged + self.kept.len() as u64
    }

    /// Numbers a message, or refuses it. With `is_forced`, the limit of the buffer does not apply.
    pub(crate) fn push(&mut self, payload: P, is_forced: bool) -> Result<u64, SendError<P>> {
        let (len, weight) = (payload.payload_len(), weight(&payload));
        if self.ended {
            return Err(SendError::Ended(payload));
        }
        if self.max.is_some_and(|max| len > max) {
            return Err(SendError::TooLarge(payload));
        }
        let offset = self.last_offset().checked_add(weight).filter(|offset| *offset <= MAX_NUMBER);
        let Some(offset) = offset else { return Err(SendError::Exhausted(payload)) };
        if !is_forced && !self.kept.is_empty() && self.buffered() + weight > self.limit {
            return Err(SendError::Full(payload));
        }
        self.kept.push_back(Kept { offset, content: Content::Message(payload) });
        Ok(self.last())
    }

    /// Returns whether [`push`](Self::push) would take a message of `len` bytes now.
    pub(crate) fn has_room(&self, len: u64) -> bool {
        self.kept.is_empty() || self.buffered().saturating_add(len).saturating_add(crate::OVERHEAD) <= self.limit
    }

    /// Numbers END, unless this direction has ended already.
    pub(crate) fn end(&mut self, end: End) -> Option<u64> {
        if self.ended {
            return None;
        }
        self.ended = true;
        self.kept.push_back(Kept { offset: self.last_offset(), content: Content::End(end) });
        Some(self.last())
    }

    /// Returns whether these counts of the peer are consistent with this end.
    pub(crate) fn fits(&self, received: u64, processed: u64) -> bool {
        self.acknowledged <= processed && processed <= received && received <= self.sent
    }

    /// Begins to transmit the contents that the peer has not received.
    pub(crate) fn begin(&mut self, received: u64, max: u64) {
        self.next = received.max(self.acknowledged) + 1;
        self.credit = 0;
        self.max = Some(max);
    }

    /// Returns a kept message that the peer does not accept.
    pub(crate) fn too_large(&self) -> Option<Violation> {
        let max = self.max?;
        let lens = self.contents().filter_map(|content| match content {
            Content::Message(payload) => Some(payload.payload_len()),
            Content::End(_) => None,
        });
        lens.into_iter().find(|len| *len > max).map(|len| Violation::TooLarge { len, max })
    }

    /// Returns the contents that were transmitted before and are not transmitted on this connection yet, with their numbers.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = (u64, &Content<P>)> {
        let behind = self.next.saturating_sub(self.acknowledged + 1);
        (self.next..=self.sent).zip(self.contents().skip(usize::try_from(behind).unwrap_or(usize::MAX)))
    }

    /// Handles an acknowledgement on the current connection. Returns whether anything is newly acknowledged.
    pub(crate) fn acknowledge(&mut self, ack: Ack, rules: &Rules) -> Result<bool, Violation> {
        let (processed, before) = (ack.processed, self.acknowledged);
        if rules.keeps(Rule::CheckAck) {
            if processed > self.sent {
                return Err(Violation::AcknowledgedUnsent { processed, sent: self.sent });
            }
            if processed < before {
                return Err(Violation::WentBack { processed, before });
            }
            if ack.credit < self.credit {
                return Err(Violation::CreditWentBack { credit: ack.credit, before: self.credit });
            }
        }
        self.credit = ack.credit;
        while self.acknowledged < processed {
            let Some(kept) = self.kept.pop_front() else { break };
            self.acknowledged += 1;
            self.acknowledged_offset = kept.offset;
        }
        release(&mut self.kept);
        self.next = self.next.max(self.acknowledged + 1);
        Ok(self.acknowledged > before)
    }

    /// Returns the next content that may be transmitted on this connection.
    pub(crate) fn next(&self, rules: &Rules) -> Option<&Content<P>> {
        let index = usize::try_from(self.next.checked_sub(self.acknowledged + 1)?).ok()?;
        let kept = self.kept.get(index)?;
        let may = match &kept.content {
            Content::End(_) => true,
            Content::Message(_) => {
                kept.offset <= self.credit
                    || index == 0 && rules.keeps(Rule::Exempt)
                    || !rules.keeps(Rule::KeepToCredit)
            }
        };
        may.then_some(&kept.content)
    }

    /// Returns the next content that may be transmitted on this connection, and goes on to the one after it.
    pub(crate) fn transmit(&mut self, rules: &Rules) -> Option<Content<P>> {
        let content = self.next(rules)?.clone();
        let is_end = matches!(content, Content::End(_));
        self.sent = self.sent.max(self.next);
        self.next += 1;
        if !rules.keeps(Rule::Keep) || is_end && !rules.keeps(Rule::KeepEnd) {
            self.forget_transmitted();
        }
        Some(content)
    }

    /// Without the rule `Keep` or `KeepEnd`, drops a content when it is transmitted.
    fn forget_transmitted(&mut self) {
        if let Some(kept) = self.kept.pop_front() {
            self.acknowledged += 1;
            self.acknowledged_offset = kept.offset;
        }
    }
}

fn content_weight<P: Payload>(content: &Content<P>) -> u64 {
    match content {
        Content::Message(payload) => weight(payload),
        Content::End(_) => 0,
    }
}

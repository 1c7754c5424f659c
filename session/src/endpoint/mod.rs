//! The common part of both roles.

mod roles;

use std::collections::VecDeque;

use crate::inbound::{Due, Inbound};
use crate::outbound::Outbound;
use crate::queue::release;
use crate::rule::{Rule, Rules};
use crate::violation::code;
use crate::{
    Change, Connection, Content, Control, End, Event, Item, Limits, LostCause, Mark, Output, Payload, SendError,
    Snapshot,
};

/// The phase of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Running,
    Complete,
    Lost,
}

/// The common part of a [`Client`](crate::Client) and a [`Server`](crate::Server): the messages of both directions.
///
/// `P` is a message of the application. `R` is the state of the role, which only a store uses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint<P, R> {
    limits: Limits,
    pub(crate) rules: Rules,
    outbound: Outbound<P>,
    inbound: Inbound,
    /// The connection, once the handshake is done.
    live: Option<Connection>,
    outputs: VecDeque<Output<P, R>>,
    events: VecDeque<Event>,
    items: VecDeque<Item<P>>,
    epoch: u32,
    /// The highest number of this epoch that the application has taken.
    taken: u64,
    phase: Phase,
    /// Whether this end closes a connection when the session is complete.
    closes: bool,
}

impl<P: Payload, R: Clone> Endpoint<P, R> {
    pub(crate) fn new(limits: Limits, closes: bool) -> Self {
        let outbound = Outbound::new(limits.replay);
        Self::with(limits, closes, outbound, Inbound::new(limits.window, limits.max))
    }

    pub(crate) fn restore(limits: Limits, closes: bool, stored: Snapshot<P, R>) -> (Self, R) {
        let Snapshot { role, acknowledged, acknowledged_offset, sent, ended, .. } = stored;
        let outbound = Outbound::restore(limits.replay, acknowledged, acknowledged_offset, sent, ended);
        let (processed, offset) = (stored.processed, stored.processed_offset);
        let inbound = Inbound::restore(limits.window, limits.max, processed, offset, stored.peer_ended);
        let mut this = Self::with(limits, closes, outbound, inbound);
        this.taken = processed;
        if this.is_complete_now() {
            this.phase = Phase::Complete;
        }
        (this, role)
    }

    fn with(limits: Limits, closes: bool, outbound: Outbound<P>, inbound: Inbound) -> Self {
        Self {
            limits,
            rules: Rules::default(),
            outbound,
            inbound,
            live: None,
            outputs: VecDeque::new(),
            events: VecDeque::new(),
            items: VecDeque::new(),
            epoch: 0,
            taken: 0,
            phase: Phase::Running,
            closes,
        }
    }

    pub(crate) fn snapshot_with(&self, role: R) -> Snapshot<P, R> {
        Snapshot {
            role,
            acknowledged: self.outbound.acknowledged(),
            acknowledged_offset: self.outbound.acknowledged_offset(),
            sent: self.outbound.contents().cloned().collect(),
            ended: self.outbound.has_ended(),
            processed: self.inbound.processed(),
            processed_offset: self.inbound.processed_offset(),
            peer_ended: self.inbound.is_complete(),
        }
    }

    // Methods for the application.

    /// Numbers and keeps a message. It is transmitted when there is a connection and the peer's credit allows, and again on
    /// later connections until the peer acknowledges it.
    ///
    /// # Errors
    ///
    /// The [`SendError`] has the message.
    pub fn send(&mut self, payload: P) -> Result<Mark, SendError<P>> {
        self.push(payload, false)
    }

    /// Works as [`send`](Self::send), but also above the limit of the replay buffer. For a host that waits for room before it knows the
    /// size of the message.
    ///
    /// # Errors
    ///
    /// As for `send`, except [`SendError::Full`].
    pub fn send_above_limit(&mut self, payload: P) -> Result<Mark, SendError<P>> {
        self.push(payload, true)
    }

    fn push(&mut self, payload: P, is_forced: bool) -> Result<Mark, SendError<P>> {
        if self.phase != Phase::Running {
            return Err(SendError::Ended(payload));
        }
        let stored = self.limits.journal.then(|| Content::Message(payload.clone()));
        let number = self.outbound.push(payload, is_forced)?;
        self.store(stored.map(|content| Change::Sent { number, content }), Rule::StoreMessage);
        Ok(Mark { epoch: self.epoch, number })
    }

    /// Returns whether [`send`](Self::send) has room for a message of `len` bytes now.
    pub fn has_room(&self, len: u64) -> bool {
        self.outbound.has_room(len)
    }

    /// Ends this direction: no message follows. Returns the mark of END; `None` if this direction has ended already.
    pub fn end(&mut self, end: End) -> Option<Mark> {
        if self.phase != Phase::Running {
            return None;
        }
        let number = self.outbound.end(end.clone())?;
        let content = self.limits.journal.then(|| Content::End(end));
        self.store(content.map(|content| Change::Sent { number, content }), Rule::StoreMessage);
        Some(Mark { epoch: self.epoch, number })
    }

    /// Takes the next item for the application, in order.
    ///
    /// A taken item is not processed yet: call [`processed`](Self::processed) when the application has finished with it, or takes the
    /// next one.
    pub fn take(&mut self) -> Option<Item<P>> {
        let item = self.items.pop_front()?;
        release(&mut self.items);
        match &item {
            Item::Message { mark, .. } | Item::End { mark, .. } if mark.epoch == self.epoch => self.taken = mark.number,
            _ => (),
        }
        Some(item)
    }

    /// Returns whether there is an item to [`take`](Self::take).
    pub fn has_items(&self) -> bool {
        !self.items.is_empty()
    }

    /// Marks all taken items up to `mark` as processed by the application. They are acknowledged soon, and do not come again after a
    /// crash.
    ///
    /// Marks of a session that was lost are ignored.
    pub fn processed(&mut self, mark: Mark) {
        if mark.epoch != self.epoch || self.phase == Phase::Lost {
            return;
        }
        if self.inbound.process(mark.number.min(self.taken), &self.rules) {
            self.store_processed();
            self.look_for_completion();
        }
    }

    /// Sends a PING, which asks the peer for an acknowledgement, for instance to check that the connection is alive. Does nothing
    /// without a connection.
    pub fn ping(&mut self) {
        if let Some(connection) = self.live {
            self.control(connection, &Control::Ping);
        }
    }

    /// Gives the session up: closes the connection with 4410. The application gets [`Item::Lost`], unless the session is
    /// complete.
    pub fn give_up(&mut self) {
        self.lose(LostCause::GivenUp, self.live.map(|connection| (connection, code::GIVEN_UP, "given up".into())));
    }

    // Methods for the host.

    /// Returns the next output. Handle outputs in order: a stored change must be durable before any later output is transmitted.
    pub fn poll(&mut self) -> Option<Output<P, R>> {
        if let Some(output) = self.outputs.pop_front() {
            release(&mut self.outputs);
            return Some(output);
        }
        let connection = self.live?;
        if self.inbound.due() == Due::Now {
            let ack = self.inbound.take_ack();
            return Some(Output::Control(connection, Control::Ack(ack).encode()));
        }
        if let Some(content) = self.outbound.transmit(&self.rules) {
            return Some(match content {
                Content::Message(payload) => Output::Message(connection, payload),
                Content::End(end) => Output::Control(connection, Control::End(end).encode()),
            });
        }
        if self.closes && self.is_complete_now() {
            self.live = None;
            return Some(Output::Close(connection, code::COMPLETE, "complete".into()));
        }
        None
    }

    /// Returns the next change to store, ahead of all other outputs. For a host that polls no frames while its connection is full.
    pub fn poll_change(&mut self) -> Option<Change<P, R>> {
        let index = self.outputs.iter().position(|output| matches!(output, Output::Store(_)))?;
        let output = self.outputs.remove(index)?;
        release(&mut self.outputs);
        match output {
            Output::Store(change) => Some(change),
            _ => None,
        }
    }

    /// Returns whether [`poll`](Self::poll) would return an output, so that a host waits for room on its connection only for an output.
    pub fn has_output(&self) -> bool {
        let is_live = self.live.is_some();
        let has_next = || self.inbound.due() == Due::Now || self.outbound.next(&self.rules).is_some();
        !self.outputs.is_empty() || is_live && (has_next() || self.closes && self.is_complete_now())
    }

    /// Returns the next event, such as an acknowledgement.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        release(&mut self.events);
        event
    }

    /// Returns the messages that this connection transmits again: an earlier one has transmitted them, and the peer has not received
    /// them. For a host whose messages may become unreadable.
    pub fn repeated(&self) -> impl Iterator<Item = (Mark, &P)> {
        self.outbound.repeated().filter_map(|(number, content)| match content {
            Content::Message(payload) => Some((Mark { epoch: self.epoch, number }, payload)),
            Content::End(_) => None,
        })
    }

    /// Returns whether an ACK is due within 100 ms: call [`acknowledge`](Self::acknowledge) by then.
    pub fn is_ack_pending(&self) -> bool {
        self.live.is_some() && self.inbound.due() == Due::Soon
    }

    /// Acknowledges everything processed now. For the host's timer of 100 ms or less.
    pub fn acknowledge(&mut self) {
        self.inbound.hurry();
    }

    // Values that both may read.

    /// Returns the connection whose handshake is done.
    pub fn connection(&self) -> Option<Connection> {
        self.live
    }

    /// Returns whether both directions have ended and were processed.
    pub fn is_complete(&self) -> bool {
        self.phase == Phase::Complete
    }

    /// Returns whether the session is lost for good: the last item is [`Item::Lost`].
    pub fn is_lost(&self) -> bool {
        self.phase == Phase::Lost
    }

    /// Returns the weight of the messages that the peer has not acknowledged, in bytes.
    pub fn unacknowledged_bytes(&self) -> u64 {
        self.outbound.buffered()
    }

    /// Returns the weight of the received messages that the application has not processed, in bytes.
    pub fn unprocessed_bytes(&self) -> u64 {
        self.inbound.unprocessed()
    }

    /// Returns the number up to which the peer has processed.
    pub fn acknowledged_number(&self) -> u64 {
        self.outbound.acknowledged()
    }

    /// Returns the number up to which the application has processed.
    pub fn processed_number(&self) -> u64 {
        self.inbound.processed()
    }

    /// Returns the limits of this end.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns for how many entries the queues have memory.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        let queues = self.outbound.capacity() + self.inbound.capacity();
        queues + self.outputs.capacity() + self.events.capacity() + self.items.capacity()
    }

    // Helpers of both files.

    fn is_complete_now(&self) -> bool {
        self.outbound.is_complete() && self.inbound.is_complete()
    }

    fn look_for_completion(&mut self) {
        if self.phase == Phase::Running && self.is_complete_now() {
            self.phase = Phase::Complete;
            self.events.push_back(Event::Complete);
        }
    }

    fn store_processed(&mut self) {
        let (number, offset) = (self.inbound.processed(), self.inbound.processed_offset());
        let change = Change::Processed { number, offset, ended: self.inbound.is_complete() };
        self.store(self.limits.journal.then_some(change), Rule::StoreProcessed);
    }

    fn store(&mut self, change: Option<Change<P, R>>, rule: Rule) {
        if self.keeps(rule) {
            self.outputs.extend(change.map(Output::Store));
        }
    }
}

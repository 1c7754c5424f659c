//! What both roles have in common.

use std::collections::VecDeque;

use crate::inbound::{Due, Inbound};
use crate::outbound::Outbound;
use crate::rule::{Rule, Rules};
use crate::violation::code;
use crate::{
    Ack, Change, Connection, Content, Control, End, Event, Incoming, Item, Limits, Lost, LostCause, Mark, Output,
    Payload, SendError, Snapshot, Unacknowledged, Violation,
};

/// Whether the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Running,
    Complete,
    Lost,
}

/// What a [`Client`](crate::Client) and a [`Server`](crate::Server) have in common: the messages of both directions.
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

    // What the application does.

    /// Numbers and keeps a message. It is transmitted when there is a connection and the peer's credit allows, and again on
    /// later connections until the peer acknowledges it.
    ///
    /// # Errors
    ///
    /// The [`SendError`] has the message.
    pub fn send(&mut self, payload: P) -> Result<Mark, SendError<P>> {
        if self.phase != Phase::Running {
            return Err(SendError::Ended(payload));
        }
        let stored = self.limits.journal.then(|| Content::Message(payload.clone()));
        let number = self.outbound.push(payload)?;
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

    /// Marks everything that was taken up to `mark` as processed by the application. It is acknowledged soon, and
    /// does not come again after a crash.
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

    /// Asks the peer for an acknowledgement, for instance to check that the connection is alive. Does nothing without a
    /// connection.
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

    // What the host does.

    /// Returns what to do next, in this order: what is stored must be durable before what follows it is transmitted.
    pub fn poll(&mut self) -> Option<Output<P, R>> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        let connection = self.live?;
        if self.inbound.due() == Due::Now {
            let ack = self.inbound.tell();
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

    /// Returns whether [`poll`](Self::poll) would return something: a host that asks its connection for room before can spare that.
    pub fn has_output(&self) -> bool {
        let is_live = self.live.is_some();
        let has_next = || self.inbound.due() == Due::Now || self.outbound.next(&self.rules).is_some();
        !self.outputs.is_empty() || is_live && (has_next() || self.closes && self.is_complete_now())
    }

    /// Returns the next event, such as an acknowledgement.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Returns whether an ACK is due within 100 ms: call [`acknowledge`](Self::acknowledge) by then.
    pub fn is_ack_pending(&self) -> bool {
        self.live.is_some() && self.inbound.due() == Due::Soon
    }

    /// Acknowledges everything processed now. For the host's timer of 100 ms or less.
    pub fn acknowledge(&mut self) {
        self.inbound.hurry();
    }

    // What they may look at.

    /// The connection whose handshake is done.
    pub fn connection(&self) -> Option<Connection> {
        self.live
    }

    /// Whether both directions have ended and were processed.
    pub fn is_complete(&self) -> bool {
        self.phase == Phase::Complete
    }

    /// Whether the session is lost for good: the last item is [`Item::Lost`].
    pub fn is_lost(&self) -> bool {
        self.phase == Phase::Lost
    }

    /// The bytes of weight of messages that the peer has not acknowledged.
    pub fn unacknowledged_bytes(&self) -> u64 {
        self.outbound.buffered()
    }

    /// The bytes of weight of messages that the application has not processed.
    pub fn unprocessed_bytes(&self) -> u64 {
        self.inbound.unprocessed()
    }

    /// The number up to which the peer has processed.
    pub fn acknowledged_number(&self) -> u64 {
        self.outbound.acknowledged()
    }

    /// The number up to which the application has processed.
    pub fn processed_number(&self) -> u64 {
        self.inbound.processed()
    }

    /// The limits of this end.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    // What the roles do.

    pub(crate) fn keeps(&self, rule: Rule) -> bool {
        self.rules.keeps(rule)
    }

    pub(crate) fn outbound(&self) -> &Outbound<P> {
        &self.outbound
    }

    pub(crate) fn inbound(&self) -> &Inbound {
        &self.inbound
    }

    pub(crate) fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(crate) fn store_role(&mut self, role: R, rule: Rule) {
        let change = self.limits.journal.then_some(Change::Role(role));
        self.store(change, rule);
    }

    pub(crate) fn control(&mut self, connection: Connection, control: &Control) {
        self.outputs.push_back(Output::Control(connection, control.encode()));
    }

    pub(crate) fn close(&mut self, connection: Connection, code: u16, reason: &str) {
        self.outputs.push_back(Output::Close(connection, code, reason.into()));
    }

    /// What is told in a handshake. Nothing else was told on this connection.
    pub(crate) fn introduce(&mut self) -> Ack {
        self.disconnect();
        if !self.keeps(Rule::CountOn) {
            self.inbound.recount();
        }
        self.inbound.begin();
        self.inbound.tell()
    }

    /// The handshake is done. `ack` acknowledges like an ACK.
    pub(crate) fn begin(&mut self, connection: Connection, received: u64, ack: Ack, max: u64) -> Result<(), Violation> {
        let from = if self.keeps(Rule::FromReceived) { received } else { ack.processed };
        self.outbound.begin(from, max);
        self.live = Some(connection);
        self.acknowledged(ack)?;
        match self.outbound.too_large().filter(|_| self.keeps(Rule::KeepToMax)) {
            Some(Violation::TooLarge { len, max }) => {
                let close = (connection, code::GIVEN_UP, "a message is too large for the peer".into());
                self.lose(LostCause::TooLarge { len, max }, Some(close));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// An ACK is due at once.
    pub(crate) fn ask(&mut self) {
        self.inbound.ask();
    }

    /// There is no connection any more.
    pub(crate) fn disconnect(&mut self) {
        self.live = None;
        self.outputs.retain(|output| matches!(output, Output::Store(_) | Output::Close(..)));
    }

    /// Takes what may come on a connection whose handshake is done.
    pub(crate) fn receive(&mut self, incoming: Incoming<P>) -> Result<(), Violation> {
        let epoch = self.epoch;
        match incoming {
            Incoming::Message(payload) => {
                let number = self.inbound.message(payload.payload_len(), &self.rules)?;
                self.items.push_back(Item::Message { mark: Mark { epoch, number }, payload });
                self.count_early();
            }
            Incoming::Control(Control::End(end)) => {
                let number = self.inbound.end()?;
                self.items.push_back(Item::End { mark: Mark { epoch, number }, end });
                self.count_early();
            }
            Incoming::Control(Control::Ack(ack)) => self.acknowledged(ack)?,
            Incoming::Control(Control::Ping) => self.inbound.ask(),
            Incoming::Control(control) => return Err(Violation::Unexpected(control.name())),
        }
        Ok(())
    }

    /// Gives the session up because of what the peer did.
    pub(crate) fn violated(&mut self, connection: Connection, violation: Violation) {
        let close = (connection, violation.close_code(), violation.to_string());
        self.lose(LostCause::Violation(violation), Some(close));
    }

    /// The session is over. Whatever is not acknowledged is lost, unless the session is complete.
    pub(crate) fn lose(&mut self, cause: LostCause, close: Option<(Connection, u16, String)>) {
        self.disconnect();
        self.outputs.extend(close.map(|(connection, code, reason)| Output::Close(connection, code, reason)));
        if self.phase == Phase::Running {
            self.phase = Phase::Lost;
            self.report(cause);
        }
    }

    /// The peer has forgotten the session. All counts begin at 0.
    pub(crate) fn forgotten(&mut self, role: R) {
        self.report(LostCause::Forgotten);
        if self.keeps(Rule::DropLost) {
            self.outbound = Outbound::new(self.limits.replay);
        }
        self.inbound.reset();
        self.taken = 0;
        self.epoch += 1;
        self.store(self.limits.journal.then_some(Change::Renewed(role)), Rule::StoreClient);
    }

    fn report(&mut self, cause: LostCause) {
        if !self.keeps(Rule::ReportLost) {
            return;
        }
        let epoch = self.epoch;
        let mut lost = Lost { cause, unacknowledged: Vec::new(), end: false };
        for (number, transmitted, content) in self.outbound.take() {
            match content {
                Content::Message(payload) => {
                    lost.unacknowledged.push(Unacknowledged { mark: Mark { epoch, number }, payload, transmitted });
                }
                Content::End(_) => lost.end = true,
            }
        }
        self.items.push_back(Item::Lost(lost));
    }

    fn acknowledged(&mut self, ack: Ack) -> Result<(), Violation> {
        if !self.outbound.acknowledge(ack, &self.rules)? {
            return Ok(());
        }
        let (number, offset) = (self.outbound.acknowledged(), self.outbound.acknowledged_offset());
        self.store(self.limits.journal.then_some(Change::Acknowledged { number, offset }), Rule::StoreMessage);
        self.events.push_back(Event::Acknowledged(Mark { epoch: self.epoch, number }));
        self.look_for_completion();
        Ok(())
    }

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

    /// What an end does that acknowledges whatever arrives.
    fn count_early(&mut self) {
        if !self.keeps(Rule::AckProcessed) {
            self.inbound.process_unprocessed(&self.rules);
            self.store_processed();
        }
    }
}

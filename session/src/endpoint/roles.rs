//! The methods for both roles: handshakes, frames and the loss of the session.

use super::{Endpoint, Phase};
use crate::inbound::Inbound;
use crate::outbound::Outbound;
use crate::rule::Rule;
use crate::violation::code;
use crate::{
    Ack, Change, Connection, Content, Control, Event, Incoming, Item, Lost, LostCause, Mark, Output, Payload,
    Unacknowledged, Violation,
};

impl<P: Payload, R: Clone> Endpoint<P, R> {
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

    /// Returns the counts for a handshake: the first ones on this connection.
    pub(crate) fn introduce(&mut self) -> Ack {
        self.disconnect();
        if !self.keeps(Rule::CountOn) {
            self.inbound.recount();
        }
        self.inbound.begin();
        self.inbound.take_ack()
    }

    /// Begins to transmit after the handshake. `ack` has the effect of an ACK.
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

    /// Makes an ACK due at once.
    pub(crate) fn ask(&mut self) {
        self.inbound.ask();
    }

    /// Forgets the connection.
    pub(crate) fn disconnect(&mut self) {
        self.live = None;
        self.outputs.retain(|output| matches!(output, Output::Store(_) | Output::Close(..)));
    }

    /// Handles a frame on a connection whose handshake is done.
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

    /// Gives the session up because of a violation of the peer.
    pub(crate) fn violated(&mut self, connection: Connection, violation: Violation) {
        let close = (connection, violation.close_code(), violation.to_string());
        self.lose(LostCause::Violation(violation), Some(close));
    }

    /// Ends the session. All unacknowledged messages are lost, unless the session is complete.
    pub(crate) fn lose(&mut self, cause: LostCause, close: Option<(Connection, u16, String)>) {
        self.disconnect();
        self.outputs.extend(close.map(|(connection, code, reason)| Output::Close(connection, code, reason)));
        if self.phase == Phase::Running {
            self.phase = Phase::Lost;
            self.report(cause);
        }
    }

    /// Begins a new session after the peer has forgotten the old one: all counts begin at 0.
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

    /// Without the rule `AckProcessed`, acknowledges messages when they arrive.
    fn count_early(&mut self) {
        if !self.keeps(Rule::AckProcessed) {
            self.inbound.process_unprocessed(&self.rules);
            self.store_processed();
        }
    }
}

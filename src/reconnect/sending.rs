//! Sending: from the app to the current connection.

use super::link::Link;
use super::shared::Shared;
use crate::{Error, InDoubt, Message, SendError};

impl Shared {
    /// Hands a message over or queues it, and returns its number. The error returns the message.
    ///
    /// `is_its_turn` is for a sender that has waited. Other senders must not overtake the waiting senders.
    pub fn try_send(&self, message: Message, is_its_turn: bool) -> Result<u64, SendError<Message>> {
        // The driver may not yet have noticed that nothing waits any more.
        self.leave_unneeded_place();
        let (len, link) = (message.len(), self.open_link());
        let has_room = is_its_turn || link.as_ref().is_some_and(|link| link.has_room());
        let mut machine = self.machine.borrow_mut();
        let refused = match (machine.refusal(), link) {
            (Some(refusal), _) => refusal,
            (None, _) if !is_its_turn && self.line.has_sender() => Error::Full,
            (None, Some(link)) if machine.is_open() && !machine.outbox.is_pending() => {
                if has_room {
                    let number = machine.outbox.take_in_hand(len);
                    drop(machine);
                    return self.hand_over(&link, message, number);
                }
                Error::Full
            }
            _ if machine.outbox.has_room() => {
                let number = machine.outbox.push(message, len);
                let is_open = machine.is_open();
                drop(machine);
                if is_open {
                    self.wake();
                }
                return Ok(number);
            }
            _ => Error::Full,
        };
        machine.outbox.reject();
        Err(SendError { message, error: refused })
    }

    /// Hands over the message in hand. If the browser throws, the error returns the message.
    fn hand_over(&self, link: &Link, message: Message, number: u64) -> Result<u64, SendError<Message>> {
        let taken = link.send(&message);
        let mut machine = self.machine.borrow_mut();
        if let Err(error) = taken {
            machine.outbox.refused();
            return Err(SendError { message, error });
        }
        machine.handed(message, Ok(()));
        Ok(number)
    }

    /// Hands over the oldest pending message. Returns whether there was one that is no longer pending.
    pub fn hand_over_next(&self) -> bool {
        let Some(link) = self.link() else { return false };
        let message = self.machine.borrow_mut().outbox.take_next();
        let Some(message) = message else { return false };
        let taken = link.send(&message);
        self.machine.borrow_mut().handed(message, taken)
    }

    /// Hands over all pending messages, even if there is no room.
    pub fn hand_over_all(&self) {
        while self.hand_over_next() {}
    }

    /// Confirms that the peer has received the messages up to a number.
    pub fn confirm(&self, number: u64) -> u64 {
        let mut machine = self.machine.borrow_mut();
        let was_pending = machine.outbox.is_pending();
        let confirmed = machine.outbox.confirm_up_to(number);
        drop(machine);
        // Messages in doubt that would have been sent again may be confirmed.
        if was_pending {
            self.has_less_pending();
        }
        confirmed
    }

    /// Takes back the queued messages.
    pub fn take_queued(&self) -> Vec<Message> {
        let queued = self.machine.borrow_mut().outbox.take_queued();
        self.has_less_pending();
        queued
    }

    /// Returns a copy of the messages in doubt.
    pub fn in_doubt(&self) -> InDoubt {
        let (count, messages) = self.machine.borrow().outbox.in_doubt();
        InDoubt { count, messages }
    }

    pub fn take_in_doubt(&self) -> InDoubt {
        let (count, messages) = self.machine.borrow_mut().outbox.take_in_doubt();
        self.has_less_pending();
        InDoubt { count, messages }
    }

    /// Wakes all waiting tasks, since the queue may have room, or nothing may be pending any more.
    fn has_less_pending(&self) {
        self.notify.wake_all();
        self.wake();
    }
}

//! The account of a connection that comes back: the fate of every message.

use std::collections::VecDeque;

use wasm_websocket::reconnect::Counts;

/// The fate of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    Queued,
    Unconfirmed,
    Confirmed,
    /// In doubt, and the user has not decided yet.
    InDoubt,
    /// In doubt, and the user has sent it again or forgotten it.
    Decided,
    Dropped,
}

/// The number of messages above which the oldest are only counted, unless their fate may still change.
const MOST_KEPT: usize = 200;

/// The messages that were accepted, by the numbers that the crate gave them, in order.
#[derive(Default)]
pub struct Account {
    messages: VecDeque<(u64, Fate)>,
    /// How many of the messages that are no longer kept were confirmed, and how many were dropped.
    confirmed: u64,
    dropped: u64,
}

impl Account {
    /// Adds a message that was just accepted.
    pub fn add(&mut self, number: u64) {
        self.messages.push_back((number, Fate::Queued));
    }

    /// Records that a message is in doubt.
    pub fn doubt(&mut self, number: u64) {
        self.set(number, Fate::InDoubt);
    }

    /// Records that the user has sent a message in doubt again, or forgotten it.
    pub fn decide(&mut self, number: u64) {
        self.set(number, Fate::Decided);
    }

    fn set(&mut self, number: u64, fate: Fate) {
        self.messages.iter_mut().filter(|(other, _)| *other == number).for_each(|message| message.1 = fate);
    }

    /// Computes the fates of the other messages from the counts: messages leave the queue, and are confirmed, in order.
    pub fn settle(&mut self, counts: &Counts) {
        let dropped = counts.dropped.saturating_sub(self.dropped + self.count(Fate::Dropped));
        self.turn(dropped, &[Fate::Queued], Fate::Dropped);
        let confirmed = counts.confirmed.saturating_sub(self.confirmed + self.count(Fate::Confirmed));
        self.turn(confirmed, &[Fate::Unconfirmed, Fate::Queued], Fate::Confirmed);
        let unconfirmed = counts.unconfirmed.saturating_sub(self.count(Fate::Unconfirmed));
        self.turn(unconfirmed, &[Fate::Queued], Fate::Unconfirmed);
        self.forget_old();
    }

    fn forget_old(&mut self) {
        let mut excess = self.messages.len().saturating_sub(MOST_KEPT);
        self.messages.retain(|(_, fate)| {
            match fate {
                _ if excess == 0 => return true,
                Fate::Queued | Fate::Unconfirmed | Fate::InDoubt => return true, // its fate may still change
                Fate::Confirmed => self.confirmed += 1,
                Fate::Dropped => self.dropped += 1,
                Fate::Decided => {}
            }
            excess -= 1;
            false
        });
    }

    /// Changes the fate of the oldest messages that have one of the fates in `from`.
    fn turn(&mut self, messages: u64, from: &[Fate], to: Fate) {
        let turned = self.messages.iter_mut().filter(|(_, fate)| from.contains(fate));
        turned.take(messages as usize).for_each(|(_, fate)| *fate = to);
    }

    fn count(&self, fate: Fate) -> u64 {
        self.messages.iter().filter(|(_, other)| *other == fate).count() as u64
    }

    /// Returns the messages and their fates.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Fate)> {
        self.messages.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts([dropped, confirmed, unconfirmed]: [u64; 3]) -> Counts {
        let mut counts = Counts::default();
        (counts.dropped, counts.confirmed, counts.unconfirmed) = (dropped, confirmed, unconfirmed);
        counts
    }

    fn fates(account: &Account) -> Vec<Fate> {
        account.iter().map(|(_, fate)| fate).collect()
    }

    #[test]
    fn every_message_has_the_fate_that_the_counts_say() {
        use Fate::{Confirmed, Decided, Dropped, InDoubt, Queued, Unconfirmed};
        let mut account = Account::default();
        (1..=4).for_each(|number| account.add(number));
        account.settle(&counts([0, 0, 2]));
        assert_eq!(fates(&account), [Unconfirmed, Unconfirmed, Queued, Queued]);
        account.settle(&counts([0, 1, 1]));
        assert_eq!(fates(&account), [Confirmed, Unconfirmed, Queued, Queued]);
        account.doubt(2);
        account.settle(&counts([1, 1, 0]));
        assert_eq!(fates(&account), [Confirmed, InDoubt, Dropped, Queued]);
        account.decide(2);
        account.settle(&counts([1, 2, 0]));
        assert_eq!(fates(&account), [Confirmed, Decided, Dropped, Confirmed]);
    }

    #[test]
    fn old_messages_are_forgotten_behind_one_in_doubt() {
        let mut account = Account::default();
        (1..=1_000).for_each(|number| account.add(number));
        account.settle(&counts([0, 0, 1]));
        account.doubt(1);
        account.settle(&counts([0, 900, 0]));
        assert_eq!(fates(&account).len(), 200);
        assert_eq!(account.iter().next(), Some((1, Fate::InDoubt)));
        account.settle(&counts([0, 901, 0]));
        assert_eq!(account.iter().find(|(_, fate)| *fate == Fate::Queued), Some((903, Fate::Queued)));
    }

    #[test]
    fn old_messages_are_forgotten_but_counted() {
        let mut account = Account::default();
        (1..=1_000).for_each(|number| account.add(number));
        account.settle(&counts([0, 900, 0]));
        assert_eq!(account.iter().next(), Some((801, Fate::Confirmed)));
        account.settle(&counts([0, 901, 0]));
        assert_eq!(account.iter().find(|(_, fate)| *fate == Fate::Queued), Some((902, Fate::Queued)));
    }
}

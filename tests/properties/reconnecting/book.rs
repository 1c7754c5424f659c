//! The state of each sent message, checked against the messages that the peers have received.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use wasm_websocket::Message;
use wasm_websocket::reconnect::{Counts, InDoubt, WhenFull, WhenLost};

use super::plan::ReconnectPlan;
use crate::dialect::Dialect;
use crate::peer::Conversation;

/// The account of all messages.
pub struct Book {
    options: ReconnectPlan,
    polls_inline: bool,
    /// The messages that the crate has accepted, in order, with their numbers if it has returned them.
    taken: RefCell<Vec<(u32, Option<u64>)>>,
    /// The lengths of these messages, in the same order.
    lens: RefCell<Vec<u64>>,
    last_id: Cell<u32>,
    rejected: Cell<u64>,
    confirmed: Cell<u64>,
    /// The messages on which the browser throws.
    pub thrown: RefCell<BTreeSet<u32>>,
    taken_back: RefCell<BTreeSet<u32>>,
    in_doubt: RefCell<BTreeSet<u32>>,
    /// Whether more messages were in doubt than `take_in_doubt` has returned.
    is_more_in_doubt: Cell<bool>,
    /// The conversations, by the number of the attempt that opened the connection.
    pub conversations: RefCell<BTreeMap<u32, Rc<Conversation>>>,
}

/// The messages of preambles have numbers above this.
pub const PREAMBLE: u32 = 50_000_000;
/// The slices that preambles have begun have numbers above this.
pub const SLICES: u32 = 60_000_000;
/// The numbers of the messages of each connection's peer begin with a multiple of this.
pub const EACH: u32 = 100_000;

impl Book {
    pub fn new(options: &ReconnectPlan, polls_inline: bool) -> Self {
        Self {
            options: *options,
            polls_inline,
            taken: RefCell::default(),
            lens: RefCell::default(),
            last_id: Cell::default(),
            rejected: Cell::default(),
            confirmed: Cell::default(),
            thrown: RefCell::default(),
            taken_back: RefCell::default(),
            in_doubt: RefCell::default(),
            is_more_in_doubt: Cell::default(),
            conversations: RefCell::default(),
        }
    }

    pub fn next_id(&self) -> u32 {
        self.last_id.set(self.last_id.get() + 1);
        self.last_id.get()
    }

    pub fn conversation(&self, attempt: u32) -> Rc<Conversation> {
        Rc::clone(&self.conversations.borrow()[&attempt])
    }

    /// Notes that a message was handed over or queued. Must be called in the same step, so that the order is right. If tasks are
    /// polled inline, another may have noted a later message in between.
    pub fn took(&self, id: u32, number: Option<u64>, len: u32) {
        let mut taken = self.taken.borrow_mut();
        let is_new = number.is_none() || taken.iter().all(|(_, other)| *other != number);
        assert!(is_new, "two messages have the number {number:?}");
        let is_later = |(_, other): &(u32, Option<u64>)| number.is_some() && *other > number;
        let place = taken.iter().position(is_later).unwrap_or(taken.len());
        assert!(place == taken.len() || self.polls_inline, "number {number:?} comes after {:?}", taken.last());
        taken.insert(place, (id, number));
        self.lens.borrow_mut().insert(place, len.into());
    }

    pub fn rejected(&self) {
        self.rejected.set(self.rejected.get() + 1);
    }

    /// Notes messages that were taken back from the queue.
    pub fn took_back(&self, messages: &[Message]) {
        self.taken_back.borrow_mut().extend(messages.iter().map(id_of));
    }

    /// Notes messages in doubt that were taken.
    pub fn took_in_doubt(&self, in_doubt: &InDoubt) {
        let kept = in_doubt.messages.len() as u64;
        assert!(kept <= in_doubt.count, "{kept} messages are given back, of {} in doubt", in_doubt.count);
        if self.are_all_kept() {
            assert_eq!(kept, in_doubt.count, "all messages are kept, but not all are given back");
        }
        self.is_more_in_doubt.set(self.is_more_in_doubt.get() || kept < in_doubt.count);
        let taken: BTreeMap<_, _> = self.taken.borrow().iter().copied().collect();
        let mut last = 0;
        for (number, message) in &in_doubt.messages {
            let id = id_of(message);
            let own = taken.get(&id).unwrap_or_else(|| panic!("{id} is in doubt, but was never taken"));
            assert!(own.is_none_or(|own| own == *number), "message {id} had number {own:?}, and now {number}");
            assert!(*number > last, "the messages in doubt are not in order");
            last = *number;
            self.in_doubt.borrow_mut().insert(id);
        }
    }

    /// Returns whether all messages that may be in doubt fit into the limit of kept messages.
    fn are_all_kept(&self) -> bool {
        let (taken, lens, gone) = (self.taken.borrow(), self.lens.borrow(), self.in_doubt.borrow());
        let rest = taken.iter().zip(&*lens).filter(|((id, _), _)| !gone.contains(id));
        let (messages, bytes) = rest.fold((0, 0_u64), |(messages, bytes), (_, len)| (messages + 1, bytes + len));
        bytes <= self.options.unconfirmed.0 && messages <= self.options.unconfirmed.1
    }

    /// Returns the number of the last message that the peer of a connection has received, if the crate has returned the number.
    pub fn last_received(&self, conversation: &Conversation) -> Option<u64> {
        let ids: Vec<_> = conversation.received.borrow().iter().map(id_of).collect();
        let last = ids.into_iter().rfind(|id| *id < PREAMBLE)?;
        self.taken.borrow().iter().find(|(id, _)| *id == last)?.1
    }

    /// Checks the counts, which must be right at all times.
    pub fn check_counts(&self, counts: &Counts) {
        let Counts { rejected, queued, dropped, taken_back, unconfirmed, confirmed, in_doubt, .. } = *counts;
        let sum = rejected + queued + dropped + taken_back + unconfirmed + confirmed + in_doubt;
        let given = self.taken.borrow().len() as u64 + self.rejected.get();
        assert_eq!(sum, given, "the sum of {counts:?} is not the number of messages");
        assert_eq!(taken_back, self.taken_back.borrow().len() as u64, "in {counts:?}");
        assert!(confirmed >= self.confirmed.replace(confirmed), "fewer messages are confirmed than before: {counts:?}");
        let received = self.received().len() as u64;
        assert!(confirmed <= received, "{confirmed} messages are confirmed, and {received} were received");
    }

    /// Returns the messages that any of the peers has received.
    fn received(&self) -> BTreeSet<u32> {
        let conversations = self.conversations.borrow();
        let all = conversations.values().flat_map(|conversation| ids(conversation));
        all.filter(|id| *id < PREAMBLE).collect()
    }

    /// Checks that the peers have received only accepted messages, in order, and by default once.
    pub fn check_received(&self) {
        let order: BTreeMap<_, _> = self.taken.borrow().iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
        let mut before = BTreeSet::new();
        for conversation in self.conversations.borrow().values() {
            if self.options.when_lost == WhenLost::Resend {
                before.clear();
            }
            let mut is_preamble_over = false;
            for id in ids(conversation) {
                is_preamble_over |= id < PREAMBLE;
                assert_eq!(id < PREAMBLE, is_preamble_over, "the preamble comes after what was queued");
                if id >= PREAMBLE {
                    continue;
                }
                let at = order.get(&id).unwrap_or_else(|| panic!("{id} was received, though it was not taken"));
                assert!(before.insert(*at), "{id} was received twice");
                assert!(before.last() == Some(at) || self.polls_inline, "{id} was received out of order");
            }
        }
        let received = self.received();
        let is_received = |ids: &BTreeSet<u32>| ids.intersection(&received).next().copied();
        assert_eq!(is_received(&self.taken_back.borrow()), None, "a message was taken back, and received");
        assert_eq!(is_received(&self.thrown.borrow()), None, "the browser threw on a message that was received");
    }

    /// Checks the state of each message, when the connection is closed for good and all queued and doubtful messages were taken.
    pub fn check_fates(&self, counts: &Counts) {
        self.check_counts(counts);
        assert_eq!((counts.queued, counts.unconfirmed), (0, 0), "it is over, and {counts:?}");
        self.check_kept();
        if self.is_more_in_doubt.get() {
            return;
        }
        let (taken_back, in_doubt) = (self.taken_back.borrow(), self.in_doubt.borrow());
        let is_elsewhere = |id: &u32| taken_back.contains(id) || in_doubt.contains(id);
        let received = self.received();
        let rest: Vec<_> = self.taken.borrow().iter().map(|(id, _)| *id).filter(|id| !is_elsewhere(id)).collect();
        let confirmed = rest.iter().filter(|id| received.contains(id)).count() as u64;
        assert_eq!(confirmed, counts.confirmed, "of those that are not in doubt, so many were received: {rest:?}");
        if self.options.when_full != WhenFull::DropOldest {
            assert_eq!(counts.dropped, 0);
        }
    }

    /// Checks that each message was received or returned, or was too large or too old to be kept.
    fn check_kept(&self) {
        if self.options.when_full == WhenFull::DropOldest {
            return;
        }
        let (most_bytes, most_messages) = self.options.unconfirmed;
        let (mut bytes, mut messages) = (0, 0);
        let (received, taken_back) = (self.received(), self.taken_back.borrow());
        for ((id, _), len) in self.taken.borrow().iter().zip(&*self.lens.borrow()).rev() {
            let is_kept = *len <= most_bytes;
            (bytes, messages) = (bytes + if is_kept { *len } else { 0 }, messages + 1);
            let is_known = [&received, &taken_back, &*self.in_doubt.borrow(), &*self.thrown.borrow()];
            let has_room = is_kept && bytes <= most_bytes && messages <= most_messages;
            let is_known = is_known.iter().any(|known| known.contains(id));
            assert!(is_known || !has_room, "{id} was neither received nor given back, though it could be kept");
        }
    }

    /// Checks that the peers have received all accepted messages, except messages in `before`, thrown or taken back.
    pub fn check_sent_again(&self, before: &BTreeSet<u32>) {
        if self.options.when_lost == WhenLost::Report || self.is_more_in_doubt.get() {
            return;
        }
        if self.options.when_full == WhenFull::DropOldest {
            return;
        }
        let (received, thrown, taken_back) = (self.received(), self.thrown.borrow(), self.taken_back.borrow());
        for (id, _) in &*self.taken.borrow() {
            let is_elsewhere = before.contains(id) || thrown.contains(id) || taken_back.contains(id);
            assert!(is_elsewhere || received.contains(id), "{id} was never received, nor reported");
        }
    }

    /// Returns the messages in doubt that were taken so far.
    pub fn in_doubt(&self) -> BTreeSet<u32> {
        self.in_doubt.borrow().clone()
    }
}

fn id_of(message: &Message) -> u32 {
    Dialect::Plain.number_of(message)
}

/// Returns the messages that a peer has received, without slices, which come between all others.
pub fn ids(conversation: &Conversation) -> Vec<u32> {
    conversation.numbers().into_iter().filter(|id| *id < SLICES).collect()
}

//! The account of all messages that the app has sent: each message is in exactly one state.

use std::collections::VecDeque;

use super::kept::{Keep, Numbered, Pending, Ring};
use crate::{Error, Message, WhenFull, WhenLost};

/// The number of messages in each state, of all messages whose call has returned: a call that waits or was dropped is not counted.
/// A message that a `Sink` did not take, because `poll_ready` failed, is not counted, either. This includes
/// [`Typed::send`](crate::Typed::send).
///
/// Each message is in exactly one of these states, so the sum of all counts is the number of messages. Pings of the heartbeat and
/// messages of the preamble are not counted.
///
/// # Examples
///
/// ```ignore-wasm32
/// # use wasm_websocket::testing::Page;
/// use wasm_websocket::reconnect::Counts;
/// use wasm_websocket::{ReconnectOptions, Reconnecting};
/// # Page::new().run(async {
///
/// let chat = Reconnecting::new(ReconnectOptions::new(), async || Ok("wss://example.com/chat"));
/// chat.send("hello").await?;
///
/// // When the user leaves the page, some messages may not have arrived.
/// let Counts { queued, unconfirmed, in_doubt, .. } = chat.counts();
/// let asks_before_leaving = queued + unconfirmed + in_doubt > 0;
/// # assert!(asks_before_leaving);
/// # Ok::<(), wasm_websocket::Error>(())
/// # })?;
/// # Ok::<(), wasm_websocket::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not sent: an error has returned the message, or the browser threw when a queued message was handed over, which
    /// [`State::Rejected`](crate::State::Rejected) reports.
    pub rejected: u64,
    /// Queued: waiting for a connection, or for room in it.
    pub queued: u64,
    /// Dropped from the queue by [`WhenFull::DropOldest`].
    pub dropped: u64,
    /// Taken back from the queue by the caller.
    pub taken_back: u64,
    /// Handed over to the browser on the current connection. It is not yet known whether the peer has received them.
    pub unconfirmed: u64,
    /// Received by the peer: confirmed by the answer to a heartbeat, or by `confirm`.
    pub confirmed: u64,
    /// In doubt: handed over on a connection that ended before the message was confirmed. With
    /// [`WhenLost::Resend`](crate::WhenLost::Resend) a message counts here until it is handed over again, soon after the connection
    /// is open.
    ///
    /// Even with `Resend`, these are never handed over again, and count here for ever:
    ///
    /// - messages that were not [kept](crate::ReconnectOptions::unconfirmed_limit), which may be lost,
    /// - messages that the caller has taken with [`take_in_doubt`](crate::Reconnecting::take_in_doubt),
    /// - messages for which the browser threw when they were handed over again.
    pub in_doubt: u64,
}

/// Messages in doubt: it is unknown whether the peer has received them.
///
/// # Examples
///
/// ```ignore-wasm32
/// # use wasm_websocket::testing::Page;
/// use futures_util::StreamExt;
/// use wasm_websocket::reconnect::{InDoubt, State};
/// use wasm_websocket::{ReconnectOptions, Reconnecting};
/// # let page = Page::new();
/// # page.serve("wss://example.com/orders", async |handshake| {
/// #     if let Some(mut peer) = handshake.accept() { peer.receive().await; } // dropping it loses the connection
/// # });
/// # page.run(async {
/// # let mut asked = Vec::new();
/// # let mut ask_server = |order: &str| asked.push(order.to_owned());
///
/// let shop = Reconnecting::new(ReconnectOptions::new(), async || Ok("wss://example.com/orders"));
/// let mut states = shop.states();
/// shop.send("order 1").await?;
/// while let Some(state) = states.next().await {
///     if let State::InDoubt { .. } = state {
///         // The connection was lost. Sending the order again could order twice, so ask the server first.
///         let InDoubt { messages, .. } = shop.take_in_doubt();
///         messages.iter().filter_map(|(_, order)| order.as_text()).for_each(&mut ask_server);
/// #       break;
///     }
/// }
/// # assert_eq!(asked, ["order 1"]);
/// # Ok::<(), wasm_websocket::Error>(())
/// # })?;
/// # Ok::<(), wasm_websocket::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InDoubt {
    /// The number of messages in doubt, kept or not.
    pub count: u64,
    /// The messages that were [kept](crate::ReconnectOptions::unconfirmed_limit), in the order of the numbers that
    /// [`send`](crate::reconnect::ReconnectingSender::send) gave them. They can be fewer than `count`.
    pub messages: Vec<(u64, Message)>,
}

/// The pending messages, and the messages that were handed over.
#[derive(Debug)]
pub(crate) struct Outbox<M> {
    queue: Pending<M>,
    when_full: WhenFull,
    when_lost: WhenLost,
    /// Messages that were handed over on this connection and are not confirmed.
    unconfirmed: Ring<M>,
    /// Messages in doubt that the caller has not taken and that were not sent again.
    doubtful: Ring<M>,
    in_hand: Option<InHand>,
    last_number: u64,
    /// The number of messages that were handed over on this connection.
    handed: u64,
    /// For the unanswered pings, oldest first: the number of messages that were handed over before a ping, and the number of pings
    /// that count as sent then.
    pings: VecDeque<(u64, u64)>,
    counts: Counts,
}

/// The message that is being handed to the browser. Meanwhile code of the page may run, which may call this crate again.
#[derive(Clone, Copy, Debug)]
struct InHand {
    number: u64,
    bytes: u64,
    is_in_doubt: bool,
    /// Whether the connection has ended meanwhile.
    is_lost: bool,
}

/// The result of handing the message to the browser.
#[derive(Debug, PartialEq)]
pub(crate) enum Handed {
    Over,
    /// The connection is not open: the message is pending again.
    Back,
    /// The connection has ended meanwhile: the message is in doubt.
    InDoubt,
    /// The browser threw: the message is not sent.
    Rejected {
        number: u64,
        error: Error,
    },
}

/// The length of the list of unanswered pings. Further pings count as sent at the same time as the last ping in the list, so their
/// answers confirm fewer messages, never more.
const MOST_PINGS: usize = 64;

impl<M> Outbox<M> {
    pub fn new(queue: Keep, when_full: WhenFull, unconfirmed: Keep, when_lost: WhenLost) -> Self {
        Self {
            queue: Pending::new(queue),
            when_full,
            when_lost,
            unconfirmed: Ring::new(unconfirmed),
            doubtful: Ring::new(unconfirmed),
            in_hand: None,
            last_number: 0,
            handed: 0,
            pings: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    pub fn counts(&self) -> Counts {
        let in_hand = self.in_hand.is_some_and(|in_hand| !in_hand.is_in_doubt);
        let queued = self.queue.len() + u64::from(in_hand);
        Counts { queued, unconfirmed: self.unconfirmed.count(), ..self.counts }
    }

    pub fn when_full(&self) -> WhenFull {
        self.when_full
    }

    /// Returns whether a message may be queued, possibly by dropping another message.
    pub fn has_room(&self) -> bool {
        self.when_full == WhenFull::DropOldest || self.queue.has_room()
    }

    /// Returns whether a message waits to be handed over, or is being handed over.
    pub fn is_pending(&self) -> bool {
        self.in_hand.is_some() || !self.queue.is_empty() || self.resends()
    }

    fn resends(&self) -> bool {
        self.when_lost == WhenLost::Resend && !self.doubtful.is_empty()
    }

    pub fn reject(&mut self) {
        self.counts.rejected += 1;
    }

    /// Queues a message, and returns its number. Without room, drops the oldest messages, and this message if there is still none.
    pub fn push(&mut self, message: M, bytes: u64) -> u64 {
        while !self.queue.has_room() && self.queue.pop().is_some() {
            self.counts.dropped += 1;
        }
        let number = self.next_number();
        if self.queue.has_room() {
            self.queue.push(Numbered { number, message, bytes });
        } else {
            self.counts.dropped += 1;
        }
        number
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Takes a new message in hand without queueing it, and returns its number. The caller has checked that nothing is pending.
    pub fn take_in_hand(&mut self, bytes: u64) -> u64 {
        let number = self.next_number();
        self.in_hand = Some(InHand { number, bytes, is_in_doubt: false, is_lost: false });
        number
    }

    /// Takes the oldest pending message in hand: the first message in doubt if these are sent again, otherwise the front of the
    /// queue.
    pub fn take_next(&mut self) -> Option<M> {
        if self.in_hand.is_some() {
            return None;
        }
        let is_in_doubt = self.resends();
        let next = if is_in_doubt { self.doubtful.pop() } else { self.queue.pop() };
        let Numbered { number, message, bytes } = next?;
        self.in_hand = Some(InHand { number, bytes, is_in_doubt, is_lost: false });
        Some(message)
    }

    /// Notes whether the browser has accepted the message in hand.
    pub fn handed(&mut self, message: M, taken: Result<(), Error>) -> Handed {
        let Some(InHand { number, bytes, is_in_doubt, is_lost }) = self.in_hand.take() else { return Handed::Over };
        let numbered = |message| Numbered { number, message, bytes };
        match taken {
            Ok(()) if is_lost => {
                self.counts.in_doubt += u64::from(!is_in_doubt);
                self.doubtful.insert(numbered(message));
                Handed::InDoubt
            }
            Ok(()) => {
                self.counts.in_doubt -= u64::from(is_in_doubt);
                self.handed += 1;
                self.unconfirmed.push(numbered(message));
                Handed::Over
            }
            Err(Error::NotOpen(_)) => {
                if is_in_doubt {
                    self.doubtful.insert(numbered(message));
                } else {
                    self.queue.push_front(numbered(message));
                }
                Handed::Back
            }
            Err(error) => {
                if is_in_doubt {
                    self.doubtful.push_forgotten();
                } else {
                    self.reject();
                }
                Handed::Rejected { number, error }
            }
        }
    }

    /// Notes that the browser has refused the message in hand, which an error returns to the caller.
    pub fn refused(&mut self) {
        self.in_hand = None;
        self.reject();
    }

    /// Returns the number of messages that were handed over on this connection.
    pub fn handed_over(&self) -> u64 {
        self.handed
    }

    /// Notes that a ping was handed over after this number of messages.
    pub fn pinged(&mut self, after: u64) {
        let is_full = self.pings.len() == MOST_PINGS;
        match self.pings.back_mut().filter(|_| is_full) {
            Some((_, pings)) => *pings += 1,
            None => self.pings.push_back((after, 1)),
        }
    }

    /// Returns whether a ping is unanswered.
    pub fn awaits_pong(&self) -> bool {
        !self.pings.is_empty()
    }

    /// Handles the answer to the oldest ping, which confirms the messages that were handed over before it.
    pub fn ponged(&mut self) {
        let Some((before, pings)) = self.pings.front_mut() else { return };
        let before = *before;
        *pings -= 1;
        if *pings == 0 {
            self.pings.pop_front();
        }
        let confirmed_before = self.handed - self.unconfirmed.count();
        self.confirm(before.saturating_sub(confirmed_before));
    }

    /// Confirms the message with this number, and all messages that were handed over before it on the same connection. Returns the
    /// number of messages that this confirms.
    ///
    /// Messages in doubt are confirmed only if they are sent again, because only then messages go out in the order of their
    /// numbers.
    pub fn confirm_up_to(&mut self, number: u64) -> u64 {
        let confirmed = self.confirm(self.unconfirmed.count_up_to(number));
        if !self.resends() {
            return confirmed;
        }
        let in_doubt = self.doubtful.remove_kept_up_to(number);
        self.counts.in_doubt -= in_doubt;
        self.counts.confirmed += in_doubt;
        confirmed + in_doubt
    }

    fn confirm(&mut self, messages: u64) -> u64 {
        let confirmed = messages.min(self.unconfirmed.count());
        self.unconfirmed.remove(confirmed);
        self.counts.confirmed += confirmed;
        confirmed
    }

    /// Handles the end of the connection. Returns the number of messages that are in doubt because of it.
    pub fn lose(&mut self) -> u64 {
        let lost = self.unconfirmed.count();
        self.doubtful.append(&mut self.unconfirmed);
        self.counts.in_doubt += lost;
        self.handed = 0;
        self.pings.clear();
        if let Some(in_hand) = &mut self.in_hand {
            in_hand.is_lost = true;
        }
        lost
    }

    /// Takes the kept messages in doubt, which are then not sent again, and returns the count of all.
    pub fn take_in_doubt(&mut self) -> (u64, Vec<(u64, M)>) {
        (self.doubtful.count(), self.doubtful.take())
    }

    /// Takes back the queued messages.
    pub fn take_queued(&mut self) -> Vec<M> {
        let queued = self.queue.take();
        self.counts.taken_back += queued.len() as u64;
        queued.into_iter().map(|queued| queued.message).collect()
    }
}

impl<M: Clone> Outbox<M> {
    /// Returns the kept messages in doubt, and the count of all.
    pub fn in_doubt(&self) -> (u64, Vec<(u64, M)>) {
        let messages = self.doubtful.iter().map(|(number, message)| (number, message.clone()));
        (self.doubtful.count(), messages.collect())
    }
}

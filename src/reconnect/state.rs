//! The states of a connection that comes back, and their listeners.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::{FusedStream, Stream};

use crate::types::error::milliseconds;
use crate::{CloseEvent, Error};

/// The state of a [`Reconnecting`](crate::Reconnecting), or a report about its messages.
///
/// [`InDoubt`](Self::InDoubt) and [`Rejected`](Self::Rejected) are reports: only [`states`](crate::Reconnecting::states)
/// yields them, and they do not change the state.
///
/// `Display` shows a state as text for developers, such as `open`, `connecting, attempt 3` or
/// `waiting 850 ms: the connection ended: 1006 (abnormal closure)`. The text of a failed attempt has the URL, without its query.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wasm_websocket::reconnect::{Cause, State};
///
/// /// The status line of an app; `None` leaves it as it is.
/// fn status(state: &State) -> Option<String> {
///     Some(match state {
///         State::Open => "Connected".into(),
///         State::Waiting { delay, .. } => format!("Offline, next attempt in {} s", delay.as_secs()),
///         State::Paused | State::Closing | State::Closed { .. } => "Disconnected".into(),
///         State::InDoubt { .. } | State::Rejected { .. } => return None, // reports
///         _ => "Connecting …".into(),
///     })
/// }
///
/// let waiting = State::Waiting { delay: Duration::from_secs(4), cause: Cause::Requested };
/// assert_eq!(status(&waiting).as_deref(), Some("Offline, next attempt in 4 s"));
/// assert_eq!(status(&State::InDoubt { messages: 2 }), None);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Connecting: calls the provider, opens the connection and runs the preamble.
    Connecting {
        /// The number of the attempt, from 1. [`Backoff`](crate::Backoff) says when counting starts over.
        attempt: u32,
        /// Why there is an attempt.
        cause: Cause,
    },
    /// The connection is open, and the preamble has finished.
    Open,
    /// A connection has ended, also by a close or a pause, and it is unknown whether the peer has received these messages. Reported
    /// before the state that follows the connection.
    ///
    /// [`take_in_doubt`](crate::Reconnecting::take_in_doubt) returns those that were
    /// [kept](crate::ReconnectOptions::unconfirmed_limit). With [`WhenLost::Resend`](crate::WhenLost::Resend) these are sent again.
    InDoubt {
        /// The number of messages that are in doubt because of this connection.
        messages: u64,
    },
    /// The browser threw when a queued message was handed over. The message is dropped, and counted as
    /// [rejected](crate::Counts::rejected). A message in doubt that was to be sent again stays in doubt.
    Rejected {
        /// The number that [`send`](crate::Reconnecting::send) has returned for the message.
        number: u64,
        /// The exception of the browser.
        error: Error,
    },
    /// Waiting before the next attempt.
    Waiting {
        /// The time to the next attempt when this state begins; it does not count down. If the network comes back or the page is
        /// shown, the state begins once more, with a shorter delay.
        delay: Duration,
        /// Why there is no connection.
        cause: Cause,
    },
    /// The caller has asked to close, to pause or to reconnect, and the closing handshake is under way.
    Closing,
    /// Paused by the caller.
    Paused,
    /// Closed for good. Unconfirmed messages have become messages in doubt.
    ///
    /// [`take_in_doubt`](crate::Reconnecting::take_in_doubt) and [`take_queued`](crate::Reconnecting::take_queued) still return
    /// messages, whatever the cause. To send them, make a new `Reconnecting`.
    Closed {
        /// Why it is closed.
        cause: Cause,
    },
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { attempt: 1, .. } => write!(f, "connecting"),
            Self::Connecting { attempt, .. } => write!(f, "connecting, attempt {attempt}"),
            Self::Open => write!(f, "open"),
            Self::InDoubt { messages } => write!(f, "{messages} messages are in doubt"),
            Self::Rejected { number, error } => write!(f, "message {number} could not be sent: {error}"),
            Self::Waiting { delay, cause } => write!(f, "waiting {} ms: {cause}", milliseconds(delay)),
            Self::Closing => write!(f, "closing"),
            Self::Paused => write!(f, "paused"),
            Self::Closed { cause } => write!(f, "closed: {cause}"),
        }
    }
}

/// Why an attempt is made, or why there is no connection.
///
/// # Examples
///
/// ```
/// use wasm_websocket::reconnect::Cause;
/// use wasm_websocket::{CloseEvent, Error};
///
/// /// Returns what the user can do.
/// fn advice(cause: &Cause) -> Option<&'static str> {
///     match cause {
///         Cause::Closed(event) if event.code == 3000 => Some("Log in again."),
///         Cause::Failed(Error::HeartbeatTimeout(_) | Error::ConnectTimeout { .. }) => Some("Check the network."),
///         Cause::Failed(Error::Overflow) => Some("Close other tabs."),
///         _ => None,
///     }
/// }
///
/// let unauthorized = CloseEvent { code: 3000, reason: String::new(), was_clean: true };
/// assert_eq!(advice(&Cause::Closed(unauthorized)), Some("Log in again."));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The page asked for it, or it is the first attempt. A close that the page asked for has this cause even if it timed out.
    Requested,
    /// The peer closed the connection, or the connection was lost, in which case `was_clean` is false. Also during the preamble,
    /// unless the preamble has returned an [`AttemptError::last`](super::AttemptError::last) or
    /// [`AttemptError::retry_after`](super::AttemptError::retry_after).
    Closed(CloseEvent),
    /// The attempt or the connection failed otherwise.
    Failed(Error),
}

impl Cause {
    /// Returns the last item of the stream; `None` if the caller closed, or the peer closed cleanly.
    pub(crate) fn into_error(self) -> Option<Error> {
        match self {
            Self::Requested => None,
            Self::Closed(event) if event.was_clean => None,
            Self::Closed(event) => Some(Error::Unclean(event)),
            Self::Failed(error) => Some(error),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => write!(f, "it was asked for"),
            Self::Closed(event) => write!(f, "the connection ended: {event}"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// A stream of the states of a [`Reconnecting`](crate::Reconnecting), returned by
/// [`states`](crate::Reconnecting::states).
///
/// Begins with the current state, and ends after [`State::Closed`], or without it when all handles are dropped. It does not keep
/// the connection open. States are queued until they are taken, up to the last 256.
///
/// # Examples
///
/// ```no_run
/// use futures_util::StreamExt;
/// use wasm_bindgen_futures::spawn_local;
/// use wasm_websocket::Reconnecting;
///
/// /// Shows the state in a task of its own, until `feed` is closed for good or dropped.
/// fn show_states(feed: &Reconnecting, show: impl Fn(String) + 'static) {
///     let mut states = feed.states();
///     spawn_local(async move {
///         while let Some(state) = states.next().await {
///             show(state.to_string());
///         }
///     });
/// }
/// ```
#[derive(Debug)]
#[must_use = "it does nothing unless it is polled"]
pub struct States(Rc<RefCell<Subscription>>);

#[derive(Debug, Default)]
struct Subscription {
    states: VecDeque<State>,
    is_over: bool,
    reader: Option<Waker>,
}

/// The current state, and its listeners.
#[derive(Debug)]
pub(crate) struct Announcer {
    state: State,
    subscriptions: Vec<Weak<RefCell<Subscription>>>,
}

const MOST_KEPT: usize = 256;

impl Announcer {
    pub fn new(state: State) -> Self {
        Self { state, subscriptions: Vec::new() }
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn listen(&mut self) -> States {
        let is_over = matches!(self.state, State::Closed { .. });
        let subscription = Subscription { states: [self.state.clone()].into(), is_over, reader: None };
        let subscription = Rc::new(RefCell::new(subscription));
        self.subscriptions.retain(|subscription| subscription.strong_count() > 0);
        self.subscriptions.push(Rc::downgrade(&subscription));
        States(subscription)
    }

    /// Sends a state to the listeners. Returns their wakers, to be woken when no borrow is held.
    #[must_use = "they wait until they are woken"]
    pub fn announce(&mut self, state: State) -> Vec<Waker> {
        let is_over = matches!(state, State::Closed { .. });
        // The first state is reported once, although the first attempt may begin again.
        let is_first = |state: &State| matches!(state, State::Connecting { attempt: 1, cause: Cause::Requested });
        if is_first(&state) && is_first(&self.state) {
            return Vec::new();
        }
        if !matches!(state, State::InDoubt { .. } | State::Rejected { .. }) {
            self.state = state.clone();
        }
        self.each(|subscription| {
            if subscription.states.len() == MOST_KEPT {
                subscription.states.pop_front();
            }
            subscription.states.push_back(state.clone());
            subscription.is_over |= is_over;
        })
    }

    /// Ends all streams of states.
    #[must_use = "they wait until they are woken"]
    pub fn end(&mut self) -> Vec<Waker> {
        self.each(|subscription| subscription.is_over = true)
    }

    /// Returns the number of places, for existing and for dropped listeners.
    #[cfg(test)]
    pub fn places(&self) -> usize {
        self.subscriptions.len()
    }

    fn each(&mut self, mut change: impl FnMut(&mut Subscription)) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for subscription in self.subscriptions.iter().filter_map(Weak::upgrade) {
            let mut subscription = subscription.borrow_mut();
            change(&mut subscription);
            wakers.extend(subscription.reader.take());
        }
        wakers
    }
}

impl Stream for States {
    type Item = State;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<State>> {
        let mut subscription = self.0.borrow_mut();
        if let Some(state) = subscription.states.pop_front() {
            return Poll::Ready(Some(state));
        }
        if subscription.is_over {
            return Poll::Ready(None);
        }
        let last = subscription.reader.replace(context.waker().clone());
        drop(subscription);
        drop(last);
        Poll::Pending
    }
}

impl FusedStream for States {
    fn is_terminated(&self) -> bool {
        let subscription = self.0.borrow();
        subscription.is_over && subscription.states.is_empty()
    }
}

// The state changes in one step, in which no other code runs.
impl UnwindSafe for States {}
impl RefUnwindSafe for States {}

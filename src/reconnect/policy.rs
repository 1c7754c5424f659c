//! Policies for a close, a lost connection and a full queue.

use std::time::Duration;

use crate::{CloseEvent, Error};

/// What follows when a connection has ended: the decision of
/// [`ReconnectOptions::after_close`](crate::ReconnectOptions::after_close).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wasm_websocket::ReconnectOptions;
/// use wasm_websocket::reconnect::AfterClose;
///
/// let options = ReconnectOptions::new().after_close(|event| match event.code {
///     4001 => AfterClose::Stop, // logged in elsewhere: two tabs would log each other out for ever
///     4002 => AfterClose::RetryAfter(Duration::from_secs(60)), // too many requests
///     _ => AfterClose::of(event),
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterClose {
    /// Connects again, after the delay of the [`Backoff`](crate::Backoff): at first at most its [`base`](crate::Backoff::base), and
    /// at least its [`floor`](crate::Backoff::floor).
    Retry,
    /// Connects again after this time plus the delay of the [`Backoff`](crate::Backoff), so that clients do not reconnect all at
    /// once. A wake-up, such as the page being shown, does not shorten the wait. `reconnect_now` ends it, and so do `pause` and
    /// `resume`.
    RetryAfter(Duration),
    /// Closes for good.
    Stop,
}

impl AfterClose {
    /// Returns the default decision.
    ///
    /// Stops after these codes, and retries after all others:
    ///
    /// - 1000: the server is done,
    /// - 1002, 1003 and 1007 to 1010: another connection would end in the same way,
    /// - 3000 (unauthorized) and 3003 (forbidden), which are registered for libraries.
    ///
    /// Codes from 4000 to 4999 are retried, since only the application knows what they mean, and a needless attempt does
    /// less harm than none.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use wasm_websocket::reconnect::AfterClose;
    /// use wasm_websocket::{CloseEvent, ReconnectOptions};
    ///
    /// let restart = CloseEvent { code: 1012, reason: String::new(), was_clean: true };
    /// assert_eq!(AfterClose::of(&restart), AfterClose::Retry);
    ///
    /// // A server that closes with 1000 when it is restarted.
    /// let options = ReconnectOptions::new().after_close(|event| match event.code {
    ///     1000 => AfterClose::RetryAfter(Duration::from_secs(30)),
    ///     _ => AfterClose::of(event),
    /// });
    /// ```
    pub fn of(event: &CloseEvent) -> Self {
        match event.code {
            1000 | 1002 | 1003 | 1007..=1010 | 3000 | 3003 => Self::Stop,
            _ => Self::Retry,
        }
    }

    /// Returns what follows an attempt or a connection that has failed.
    pub(crate) fn of_failure(error: &Error) -> Self {
        match error {
            Error::InvalidUrl(_)
            | Error::InvalidProtocol(_)
            | Error::DuplicateProtocol(_)
            | Error::Security { .. }
            | Error::Unsupported
            | Error::Overflow
            | Error::Thrown { .. } => Self::Stop,
            _ => Self::Retry,
        }
    }

    /// Returns the time to add to the delay of the backoff; `None` to stop.
    pub(crate) fn delay(self) -> Option<Duration> {
        match self {
            Self::Retry => Some(Duration::ZERO),
            Self::RetryAfter(delay) => Some(delay),
            Self::Stop => None,
        }
    }
}

/// What happens to messages in doubt.
///
/// They were handed over on a connection that was lost before they were confirmed, so it is unknown whether the peer has
/// received them.
///
/// # Examples
///
/// ```
/// use wasm_websocket::ReconnectOptions;
/// use wasm_websocket::reconnect::{Heartbeat, WhenLost};
///
/// // An editor: each change has an id, so the server ignores a change that comes twice.
/// let editor = ReconnectOptions::new()
///     .heartbeat(Heartbeat::new("ping", |message| message.as_text() == Some("pong"))) // confirms what has arrived
///     .when_lost(WhenLost::Resend);
///
/// // A light switch: switching twice is worse than not at all.
/// let switch = ReconnectOptions::new().when_lost(WhenLost::Report);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenLost {
    /// Reports them, and sends nothing again: at most once. [`State::InDoubt`](crate::State::InDoubt) has their number, and
    /// [`take_in_doubt`](crate::Reconnecting::take_in_doubt) returns them.
    #[default]
    Report,
    /// Reports them, and sends them again on the next connection: at least once, in order.
    ///
    /// They go out in the order of their numbers, after the preamble and before queued messages. The server must tolerate
    /// duplicates, for instance by ignoring a message whose id it has seen. Only messages that were
    /// [kept](crate::ReconnectOptions::unconfirmed_limit) can be sent again. Without a heartbeat or acknowledgements no message is
    /// ever confirmed, so every kept message is sent again after each loss.
    ///
    /// A message that ends each connection, such as a file that the browser cannot read, is sent again for ever. Read a byte of a
    /// file before you send it: `blob.slice(..1).bytes()`.
    Resend,
}

/// What happens to a message while the queue is full.
///
/// The queue fills while there is no connection. While its messages go out on the next connection, `send` waits; `try_send` still
/// queues, unless a sender waits. Until the [preamble](crate::ReconnectOptions::on_open) has finished, there is no connection yet.
/// Calls that wait for room when the connection is lost go on like new calls. All messages are treated alike: those that must not be
/// dropped need a `Reconnecting` of their own.
///
/// # Examples
///
/// ```
/// use wasm_websocket::ReconnectOptions;
/// use wasm_websocket::reconnect::WhenFull;
///
/// // A position: once there is a connection again, only the newest matters.
/// let position = ReconnectOptions::new().queue_limit_messages(1).when_full(WhenFull::DropOldest);
///
/// // A recording: read the microphone no faster than it can be sent.
/// let recording = ReconnectOptions::new().when_full(WhenFull::Wait);
///
/// // A chat: tell the user at once, and leave the text in the input.
/// let chat = ReconnectOptions::new().queue_limit_messages(20).when_full(WhenFull::Reject);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Rejects the message with [`Error::Full`], which returns it.
    #[default]
    Reject,
    /// Makes the caller wait until there is room.
    Wait,
    /// Drops the oldest queued messages, and counts them. With a limit of zero, drops the new message. For data where only recent
    /// values matter.
    DropOldest,
}

//! The report of a lost session.

use std::cell::RefCell;
use std::fmt;

use websocket_session::LostCause as Cause;

use super::frame::Frame;
use crate::reconnect;
use crate::{Error, Message};

/// A session was lost: it is unknown whether the peer has processed these messages.
///
/// A [`Session`](crate::session::Session) yields it in order: after all messages of the session that was lost, and before the first
/// message of the next one. After [`LostCause::Forgotten`] a new session begins, even before the stream yields this: messages that
/// wait in `send`, or are sent meanwhile, go out in the new session. If either side had ended its direction, or after any other
/// cause, the stream ends.
///
/// The messages are not sent again automatically, since the peer may have processed them.
///
/// # Examples
///
/// ```no_run
/// use futures_util::StreamExt;
/// use wasm_websocket::session::Session;
/// use wasm_websocket::Error;
///
/// # fn show(_: wasm_websocket::Message) {}
/// async fn run(mut session: Session) -> Result<(), Error> {
///     while let Some(item) = session.next().await {
///         match item {
///             Ok(message) => show(message),
///             // The server has restarted without a store. What was never transmitted cannot arrive twice.
///             Err(lost) => {
///                 for message in lost.unacknowledged.into_iter().filter(|message| !message.transmitted) {
///                     session.send(message.message).await?;
///                 }
///             }
///         }
///     }
///     Ok(())
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Lost {
    /// Why the session was lost.
    pub cause: LostCause,
    /// The messages that the peer has not acknowledged, in the order in which they were sent.
    pub unacknowledged: Vec<Unacknowledged>,
}

/// A message that the peer has not acknowledged.
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::session::{Lost, Unacknowledged};
///
/// /// Tells the user which orders to check.
/// fn report(lost: Lost, show: impl Fn(String)) {
///     for Unacknowledged { message, transmitted, .. } in lost.unacknowledged {
///         let order = message.as_text().unwrap_or_default();
///         show(match transmitted {
///             true => format!("{order}: may have arrived, check before you order again"),
///             false => format!("{order}: has not arrived"),
///         });
///     }
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Unacknowledged {
    /// The message.
    pub message: Message,
    /// Whether it was transmitted, so that the peer may have processed it.
    pub transmitted: bool,
}

/// Why a session was lost.
///
/// # Examples
///
/// ```
/// use wasm_websocket::session::LostCause;
///
/// fn explain(cause: &LostCause) -> String {
///     match cause {
///         LostCause::Refused(4401) => "Log in again.".into(),
///         LostCause::Forgotten => "The server has restarted. Check your last orders.".into(),
///         other => format!("Reload the page: {other}"),
///     }
/// }
///
/// assert_eq!(explain(&LostCause::Refused(4401)), "Log in again.");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LostCause {
    /// The server has forgotten the session, for instance after a restart or after the session's time to live.
    Forgotten,
    /// A copy of this page has taken the session over, for instance in a virtual machine that was restored from a snapshot. A
    /// duplicated tab begins a session of its own.
    Superseded,
    /// The server's application has given the session up.
    GivenUp,
    /// The server has closed with this code: 4401 for the credentials, 4406 for the application's protocol, 4400, 4413 and 1009 for
    /// a frame that this page has sent. After any other code but 4409 ([`Superseded`](Self::Superseded)) and 4410
    /// ([`GivenUp`](Self::GivenUp)), a session that is not complete connects again.
    Refused(u16),
    /// The server broke a rule of the protocol.
    Violation(String),
    /// A message of `len` bytes was sent before it was known that the server accepts `max` bytes.
    TooLarge {
        /// The bytes of the message.
        len: u64,
        /// The bytes that the server accepts.
        max: u64,
    },
    /// The server counts differently, for instance because its store has lost changes.
    Mismatch,
    /// The session has stopped connecting, for this cause. [`Error::UnreadableBlob`]: a file was changed or deleted before the server
    /// had received it.
    Stopped(reconnect::Cause),
}

impl Lost {
    /// `stopped` is why there will be no more connection, if that is why this end has given the session up.
    pub(crate) fn new(lost: websocket_session::Lost<Frame>, stopped: &RefCell<Option<LostCause>>) -> Self {
        let cause = match lost.cause {
            Cause::Forgotten => LostCause::Forgotten,
            Cause::Superseded => LostCause::Superseded,
            Cause::Violation(violation) => LostCause::Violation(violation.to_string()),
            Cause::Refused(code) => LostCause::Refused(code),
            Cause::TooLarge { len, max } => LostCause::TooLarge { len, max },
            Cause::Mismatch => LostCause::Mismatch,
            _ => stopped.take().unwrap_or(LostCause::GivenUp),
        };
        let unacknowledged = lost
            .unacknowledged
            .into_iter()
            .map(|lost| Unacknowledged { message: lost.payload.into_message(), transmitted: lost.transmitted });
        Self { cause, unacknowledged: unacknowledged.collect() }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the session is lost, with {} unacknowledged messages: {}", self.unacknowledged.len(), self.cause)
    }
}

impl fmt::Display for LostCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forgotten => f.write_str("the server has forgotten it"),
            Self::Superseded => f.write_str("a copy of this page has taken it over"),
            Self::GivenUp => f.write_str("it was given up"),
            Self::Refused(code) => write!(f, "the server has closed with {code}"),
            Self::Violation(violation) => write!(f, "the server broke the protocol: {violation}"),
            Self::TooLarge { len, max } => {
                write!(f, "a message has {len} bytes, and the server accepts {max}; send it in parts")
            }
            Self::Mismatch => f.write_str("the server counts differently"),
            Self::Stopped(cause) => cause.fmt(f),
        }
    }
}

impl std::error::Error for Lost {}

/// For `?`. The messages are dropped.
impl From<Lost> for Error {
    fn from(_: Lost) -> Self {
        Self::SessionLost
    }
}

//! What can go wrong, as plain data.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use crate::{CloseEvent, Message, ReadyState};

/// An error of this crate.
///
/// Each variant is plain data, so that errors can be compared, cloned and sent anywhere.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The URL cannot be parsed, or is not one for a WebSocket.
    ///
    /// Allowed are `ws:`, `wss:`, and in current browsers `http:`, `https:` and relative URLs; a fragment (`#…`) is not.
    InvalidUrl(String),
    /// A subprotocol is not a token of [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455#section-4.1), for instance
    /// because it is empty or contains a space or a comma.
    InvalidProtocol(String),
    /// A subprotocol is named twice.
    DuplicateProtocol(String),
    /// The browser does not let this page connect there, for instance to `ws:` from an `https:` page.
    Security {
        /// The URL.
        url: String,
        /// What the browser says about it.
        message: String,
    },
    /// There is no `WebSocket` where this code runs, for instance on a server that renders pages.
    Unsupported,
    /// The connection could not be opened.
    ///
    /// Browsers hide the cause from pages: a wrong host or port, no network, a failed TLS handshake, a server that
    /// answers with a status other than 101, that selects a subprotocol which was not offered or none of those that
    /// were, and a block by the page's content security policy all look like this. The browser's console shows more.
    ConnectFailed {
        /// The URL.
        url: String,
    },
    /// The connection was not open in this time, and was given up.
    ConnectTimeout {
        /// The URL.
        url: String,
        /// What [`Options::connect_timeout`](crate::Options::connect_timeout) allows.
        timeout: Duration,
    },
    /// An open connection has failed.
    ///
    /// Browsers hide the cause from pages: the network, a peer that is gone or that broke the protocol, or a message that
    /// was too large for the browser all look like this.
    ConnectionLost {
        /// The URL.
        url: String,
    },
    /// The connection is not open, so nothing can be sent.
    NotOpen(ReadyState),
    /// There is no room without waiting: more than the high water mark is unsent, or the queue of a
    /// [`Reconnecting`](crate::Reconnecting) is full.
    Full,
    /// More has arrived than may wait to be taken, and [`Overflow::Close`](crate::Overflow::Close) was asked for.
    Overflow,
    /// A text message has come where a [`ByteStream`](crate::ByteStream) reads bytes.
    UnexpectedText,
    /// Every handle of the connection was dropped, so that nobody will hear how it ends.
    Dropped,
    /// The provider of a [`Reconnecting`](crate::Reconnecting) had no URL for an attempt to connect, or the preamble of its
    /// connection has failed: what either said in an [`AttemptError`](crate::AttemptError).
    Attempt(String),
    /// The peer has not answered the [`Heartbeat`](crate::Heartbeat) in this time.
    HeartbeatTimeout(Duration),
    /// A page may close with code 1000 or 3000 to 4999, not with this one.
    InvalidCloseCode(u16),
    /// The reason for closing has this many bytes; 123 are allowed.
    ReasonTooLong(usize),
    /// The peer did not complete the closing handshake in this time.
    CloseTimeout(Duration),
    /// The connection ended without a closing handshake, so that what was sent last may be lost.
    Unclean(CloseEvent),
    /// There is no wasm memory for a message, or a Blob, that needs so many bytes of it.
    ///
    /// The browser has it all the same: [`next_raw`](crate::Receiver::next_raw) gives a message without a copy, and with
    /// [`BinaryType::Blob`](crate::BinaryType::Blob) bytes stay in its keeping. A stream goes on with the next message.
    OutOfMemory(u64),
    /// A value could not be encoded by its codec, for this reason.
    Encode(String),
    /// A message could not be decoded by a codec, for this reason.
    Decode(String),
    /// A Blob could not be read, for instance because its file has changed or is gone.
    UnreadableBlob(String),
    /// The browser threw something that has no variant of its own.
    Thrown {
        /// The name of the JavaScript error, as in `TypeError`.
        name: String,
        /// What it says.
        message: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidUrl(url) => write!(f, "`{url}` is not a URL for a WebSocket"),
            Self::InvalidProtocol(protocol) => write!(f, "`{protocol}` is not a valid subprotocol"),
            Self::DuplicateProtocol(protocol) => write!(f, "subprotocol `{protocol}` is named twice"),
            Self::Security { url, message } => {
                write!(f, "the browser does not allow a connection to `{url}`: {message}")
            }
            Self::Unsupported => write!(f, "there is no WebSocket in this environment"),
            Self::ConnectFailed { url } => write!(
                f,
                "could not connect to `{url}`: browsers do not say why; check the host, the port, the path, the \
                 certificate and the subprotocols, and see the browser's console"
            ),
            Self::ConnectTimeout { url, timeout } => {
                write!(f, "could not connect to `{url}` within {} ms", milliseconds(timeout))
            }
            Self::Full => write!(f, "there is no room: more is unsent than may be"),
            Self::Overflow => write!(f, "more messages have arrived than may wait to be taken"),
            Self::UnexpectedText => write!(f, "a text message in a stream of bytes"),
            Self::Dropped => write!(f, "every handle of the connection was dropped"),
            Self::ConnectionLost { url } => write!(f, "the connection to `{url}` has failed: browsers do not say why"),
            Self::Attempt(why) => write!(f, "could not prepare a connection: {why}"),
            Self::HeartbeatTimeout(timeout) => {
                write!(f, "the peer did not answer within {} ms", milliseconds(timeout))
            }
            Self::NotOpen(state) => write!(f, "the connection is {state}, not open"),
            Self::InvalidCloseCode(code) => write!(f, "close code {code} is neither 1000 nor in 3000–4999"),
            Self::ReasonTooLong(len) => write!(f, "the reason for closing has {len} bytes; 123 are allowed"),
            Self::CloseTimeout(timeout) => {
                write!(f, "the peer did not answer the close within {} ms", milliseconds(timeout))
            }
            Self::Unclean(event) => write!(f, "the connection ended without a closing handshake: {event}"),
            Self::OutOfMemory(bytes) => write!(f, "there is no memory for {bytes} bytes"),
            Self::Encode(reason) => write!(f, "the value cannot be encoded: {reason}"),
            Self::Decode(reason) => write!(f, "the message cannot be decoded: {reason}"),
            Self::UnreadableBlob(message) => write!(f, "the blob cannot be read: {message}"),
            Self::Thrown { name, message } => write!(f, "the browser threw {name}: {message}"),
        }
    }
}

/// By far less code than what writes a `Duration`, which pages would have to download.
pub(crate) fn milliseconds(duration: &Duration) -> u64 {
    duration.as_secs().saturating_mul(1000).saturating_add(duration.subsec_millis().into())
}

impl std::error::Error for Error {}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// A message that could not be sent, and why.
///
/// `?` turns it into an [`Error`] or a `JsValue`, and drops the message. Where an error must be `'static`, as for `anyhow`
/// and `Box<dyn Error>`, and the message was borrowed, write `.map_err(Error::from)?`.
///
/// # Examples
///
/// ```no_run
/// # use wasm_websocket::{Error, WebSocket};
/// # fn keep_for_later(_: String) {}
/// # fn example(socket: &WebSocket, draft: String) {
/// if let Err(unsent) = socket.send(draft) {
///     keep_for_later(unsent.message); // not lost, not cloned
/// }
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SendError<T> {
    /// What was to be sent.
    pub message: T,
    /// Why it was not.
    pub error: Error,
}

/// Without the message, which may be large, secret, or of a type that has no `Debug`.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> std::error::Error for SendError<T> {}

impl<T> From<SendError<T>> for Error {
    fn from(unsent: SendError<T>) -> Self {
        unsent.error
    }
}

/// Why a [`Typed`](crate::Typed) stream has no value: a message that could not be decoded, or an error of the connection.
///
/// `?` turns it into an [`Error`], and drops the message.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceiveError {
    /// What could not be decoded; `None` for an error of the connection.
    pub message: Option<Message>,
    /// Why.
    pub error: Error,
}

impl ReceiveError {
    /// A message that could not be decoded, for a codec to say so.
    pub fn undecodable(message: Message, reason: impl fmt::Display) -> Self {
        Self { message: Some(message), error: Error::Decode(reason.to_string()) }
    }
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for ReceiveError {}

impl From<ReceiveError> for Error {
    fn from(received: ReceiveError) -> Self {
        received.error
    }
}

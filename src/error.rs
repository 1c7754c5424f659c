//! What can go wrong, as plain data.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use crate::close::TLS;
use crate::redact::PublicUrl;
use crate::{CloseEvent, Message, ReadyState, protocol};

/// An error of this crate.
///
/// Each variant is plain data, so that errors can be compared, cloned and sent anywhere.
///
/// `Display` and `Debug` omit secrets: the user, password, query and fragment of a URL, and the text of a subprotocol. The
/// variants keep the whole URL or subprotocol, for code to compare.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq)]
pub enum Error {
    /// The URL cannot be parsed, or is not one for a WebSocket.
    ///
    /// Allowed are `ws:`, `wss:`, and in current browsers `http:`, `https:` and relative URLs; a fragment (`#…`) is not.
    InvalidUrl(String),
    /// A subprotocol is not a token of [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455#section-4.1), for instance
    /// because it is empty or contains a space, a comma, `/` or `=`.
    InvalidProtocol(String),
    /// A subprotocol is offered twice. Upper and lower case count as the same.
    DuplicateProtocol(String),
    /// The browser does not let this page connect there, for instance to `ws:` from an `https:` page.
    Security {
        /// The URL.
        url: String,
        /// What the browser says about it. Texts leave it out, since it may hold the whole URL.
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
        /// The code of the browser's close event: 1006, or, from Firefox, 1015 if the TLS handshake has failed.
        code: u16,
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
    /// The receive queue has overflowed, and the connection was closed, as [`Overflow::Close`](crate::Overflow::Close) says.
    Overflow,
    /// This page closed the connection before its peer did, and the browser discards what arrives after that.
    ClosedHere,
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
            Self::InvalidUrl(url) => {
                write!(f, "`{}` is not a WebSocket URL; use ws: or wss:, without a fragment", PublicUrl(url))
            }
            Self::InvalidProtocol(protocol) => match protocol::first_not_allowed(protocol) {
                Some(character) => write!(
                    f,
                    "`{}` is not allowed in a subprotocol; use letters, digits, `-`, `.` and `_`",
                    character.escape_default()
                ),
                None => write!(f, "an empty subprotocol is not allowed; leave it out"),
            },
            Self::DuplicateProtocol(_) => {
                write!(f, "a subprotocol is offered twice; offer each once, upper and lower case being the same")
            }
            Self::Security { url, .. } => write!(
                f,
                "`{}` is blocked by the browser; use wss: on an https: page, and check the content security policy",
                PublicUrl(url)
            ),
            Self::Unsupported => {
                write!(f, "there is no WebSocket in this environment; connect from a page or a worker")
            }
            Self::ConnectFailed { url, code: TLS } => {
                write!(
                    f,
                    "`{}` did not connect, because the TLS handshake has failed; check the certificate",
                    PublicUrl(url)
                )
            }
            Self::ConnectFailed { url, .. } => write!(
                f,
                "`{}` did not connect, and browsers hide why; check the host, the port, the path, the certificate and the \
                 subprotocols, and see the browser's console",
                PublicUrl(url)
            ),
            Self::ConnectTimeout { url, timeout } => {
                write!(f, "`{}` did not connect within {} ms", PublicUrl(url), milliseconds(timeout))
            }
            Self::ConnectionLost { url } => {
                write!(f, "`{}` disconnected, and browsers hide why; see the browser's console", PublicUrl(url))
            }
            Self::NotOpen(ReadyState::Connecting) => {
                write!(f, "the connection is connecting, not open; wait for it to open")
            }
            Self::NotOpen(state) => write!(f, "the connection is {state}, not open; connect again"),
            Self::Full => write!(f, "the send queue is full; send when there is room again"),
            Self::Overflow => {
                write!(f, "the receive queue has overflowed; take messages faster, or raise `receive_limit`")
            }
            Self::ClosedHere => {
                write!(f, "this page closed the connection first; what the peer was still sending is lost")
            }
            Self::UnexpectedText => write!(f, "a text message came in a byte stream; the peer must send bytes"),
            Self::Dropped => write!(f, "every handle of the connection was dropped; keep one to see how it ends"),
            Self::Attempt(why) => write!(f, "the attempt to connect failed: {why}"),
            Self::HeartbeatTimeout(timeout) => {
                write!(f, "the peer did not answer the heartbeat within {} ms", milliseconds(timeout))
            }
            Self::InvalidCloseCode(code) => write!(f, "close code {code} is not allowed; use 1000 or 3000–4999"),
            Self::ReasonTooLong(len) => write!(f, "a close reason of {len} bytes is too long; use 123 at most"),
            Self::CloseTimeout(timeout) => {
                write!(f, "the peer did not answer the close within {} ms", milliseconds(timeout))
            }
            Self::Unclean(event) => write!(f, "{event}: the connection ended without a closing handshake"),
            Self::OutOfMemory(bytes) => {
                write!(
                    f,
                    "{bytes} bytes do not fit into memory; take the message with `next_raw`, or the Blob in chunks"
                )
            }
            Self::Encode(reason) => write!(f, "the value cannot be encoded: {reason}"),
            Self::Decode(reason) => write!(f, "the message cannot be decoded: {reason}"),
            Self::UnreadableBlob(message) => write!(f, "the Blob cannot be read: {message}"),
            Self::Thrown { name, message } => write!(f, "the browser threw {name}: {message}"),
        }
    }
}

/// The variant and its text, as in `Overflow(the receive queue …)`.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({self})", self.variant())
    }
}

impl Error {
    fn variant(&self) -> &'static str {
        match self {
            Self::InvalidUrl(_) => "InvalidUrl",
            Self::InvalidProtocol(_) => "InvalidProtocol",
            Self::DuplicateProtocol(_) => "DuplicateProtocol",
            Self::Security { .. } => "Security",
            Self::Unsupported => "Unsupported",
            Self::ConnectFailed { .. } => "ConnectFailed",
            Self::ConnectTimeout { .. } => "ConnectTimeout",
            Self::ConnectionLost { .. } => "ConnectionLost",
            Self::NotOpen(_) => "NotOpen",
            Self::Full => "Full",
            Self::Overflow => "Overflow",
            Self::ClosedHere => "ClosedHere",
            Self::UnexpectedText => "UnexpectedText",
            Self::Dropped => "Dropped",
            Self::Attempt(_) => "Attempt",
            Self::HeartbeatTimeout(_) => "HeartbeatTimeout",
            Self::InvalidCloseCode(_) => "InvalidCloseCode",
            Self::ReasonTooLong(_) => "ReasonTooLong",
            Self::CloseTimeout(_) => "CloseTimeout",
            Self::Unclean(_) => "Unclean",
            Self::OutOfMemory(_) => "OutOfMemory",
            Self::Encode(_) => "Encode",
            Self::Decode(_) => "Decode",
            Self::UnreadableBlob(_) => "UnreadableBlob",
            Self::Thrown { .. } => "Thrown",
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

//! The errors of this crate, as plain data.

use std::convert::Infallible;
use std::fmt::{self, Write};
use std::time::Duration;

use super::close::TLS;
use super::protocol;
use super::redact::PublicUrl;
use crate::{CloseEvent, Message, ReadyState};

/// An error of this crate.
///
/// Each variant is plain data, so that errors can be compared, cloned and sent anywhere.
///
/// `Display` and `Debug` omit secrets: the user, password, query and fragment of a URL, and the text of a subprotocol. The
/// variants keep the whole URL or subprotocol, for code to compare.
///
/// # Examples
///
/// ```
/// use wasm_websocket::Error;
///
/// /// Returns what the user can do.
/// fn advice(error: &Error) -> &'static str {
///     match error {
///         Error::ConnectFailed { .. } | Error::ConnectTimeout { .. } | Error::Unclean(_) => "Check the network.",
///         Error::Security { .. } => "Open this page with https.",
///         Error::OutOfMemory(_) => "Close other tabs.",
///         _ => "Reload the page.",
///     }
/// }
///
/// let error = Error::ConnectFailed { url: "wss://example.com/chat?token=secret".into(), code: 1006 };
/// assert_eq!(advice(&error), "Check the network.");
/// assert!(!error.to_string().contains("secret")); // safe to log
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq)]
pub enum Error {
    /// The URL is not a WebSocket URL.
    ///
    /// Allowed are `ws:`, `wss:`, and in current browsers `http:`, `https:` and relative URLs, without a fragment (`#…`).
    InvalidUrl(String),
    /// A subprotocol is not a token of [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455#section-4.1), for instance
    /// because it is empty or contains a space, a comma, `/` or `=`.
    InvalidProtocol(String),
    /// A subprotocol is offered twice. Upper and lower case count as the same.
    DuplicateProtocol(String),
    /// The browser blocks the connection, for instance to `ws:` from an `https:` page.
    Security {
        /// The URL.
        url: String,
        /// The browser's message. `Display` and `Debug` omit it, since it may contain the whole URL.
        message: String,
    },
    /// There is no `WebSocket` in this environment, for instance on a server that renders pages, or no `WebSocketStream` for a
    /// connection over `Transport::Streams`.
    Unsupported,
    /// The connection could not be opened.
    ///
    /// Browsers hide the cause from pages. It can be
    ///
    /// - a wrong host or port, or no network,
    /// - a failed TLS handshake,
    /// - a server that answers with a status other than 101,
    /// - a server that selects no subprotocol, or one that was not offered,
    /// - the page's content security policy.
    ///
    /// The browser's console shows more.
    ConnectFailed {
        /// The URL.
        url: String,
        /// The code of the browser's close event: 1006, or, from Firefox, 1015 if the TLS handshake has failed. Always 1006 from
        /// [`WebSocket::on_error`](crate::WebSocket::on_error), which is called before the close event.
        code: u16,
    },
    /// The connection did not open in time, or its [preamble](crate::ReconnectOptions::on_open) did not finish in time. It was
    /// closed.
    ConnectTimeout {
        /// The URL.
        url: String,
        /// The [`Options::connect_timeout`](crate::Options::connect_timeout).
        timeout: Duration,
    },
    /// An open connection has failed.
    ///
    /// Browsers hide the cause from pages. It can be the network, a peer that is gone or violated the protocol, or a message that
    /// was too large for the browser.
    ConnectionLost {
        /// The URL.
        url: String,
    },
    /// The connection is not open.
    NotOpen(ReadyState),
    /// A message cannot be sent without waiting:
    ///
    /// - more than the high water mark is unsent, or other senders wait,
    /// - the queue of a [`Reconnecting`](crate::Reconnecting) is full,
    /// - the replay buffer of a `Session` is full.
    Full,
    /// The receive queue has overflowed, and [`Overflow::Close`](crate::Overflow::Close) has closed the connection. A
    /// [`ByteStream`](crate::ByteStream) reports dropped messages by it, too.
    Overflow,
    /// Bytes may be missing at the end of a [`ByteStream`](crate::ByteStream): this page closed the connection before its peer
    /// did, and browsers discard messages that arrive after that.
    ClosedHere,
    /// A text message has arrived in a [`ByteStream`](crate::ByteStream).
    UnexpectedText,
    /// All handles of the connection were dropped, and with them the listeners for its end.
    Dropped,
    /// An attempt of a [`Reconnecting`](crate::Reconnecting) failed: its provider returned an error, or no URL in time, or its
    /// preamble returned an error. Holds the text of the [`AttemptError`](crate::reconnect::AttemptError).
    Attempt(String),
    /// The peer did not answer the [`Heartbeat`](crate::reconnect::Heartbeat) within this time.
    HeartbeatTimeout(Duration),
    /// A message of this many bytes is larger than the peer of the [`Session`](crate::session::Session) accepts.
    #[cfg(feature = "session")]
    TooLarge(u64),
    /// The [`Session`](crate::session::Session) was lost: it is unknown whether the peer has processed its last messages. The
    /// session's stream yields a [`Lost`](crate::session::Lost) with the cause and the messages, unless the stream has ended before.
    #[cfg(feature = "session")]
    SessionLost,
    /// A page may not close with this code, only with 1000 or 3000 to 4999.
    InvalidCloseCode(u16),
    /// The close reason has this many bytes; 123 are allowed.
    ReasonTooLong(usize),
    /// The peer did not complete the closing handshake within this time.
    CloseTimeout(Duration),
    /// The connection ended without a closing handshake, so the last messages may be lost.
    Unclean(CloseEvent),
    /// A message or Blob of this many bytes does not fit into wasm memory.
    ///
    /// [`next_raw`](crate::Receiver::next_raw) returns messages without a copy into wasm memory, and with
    /// [`BinaryType::Blob`](crate::BinaryType::Blob) the browser keeps the bytes. A [`WebSocketStream`](crate::WebSocketStream)
    /// continues with the next message; a [`Reconnecting`](crate::Reconnecting) is closed for good.
    OutOfMemory(u64),
    /// A codec could not encode a value, for this reason.
    Encode(String),
    /// A codec could not decode a message, for this reason.
    Decode(String),
    /// The browser could not read a Blob, for instance because its file has changed or was deleted.
    ///
    /// Methods that read a Blob return it. If a Blob that is being sent cannot be read, the connection ends instead, as if the
    /// network had failed, see [`send_slices`](crate::Sender::send_slices).
    UnreadableBlob(String),
    /// The browser threw an error that has no variant of its own, or code of the app that a
    /// [`Reconnecting`](crate::Reconnecting) calls has panicked, where panics unwind.
    Thrown {
        /// The name of the JavaScript error, as in `TypeError`.
        name: String,
        /// The message of the JavaScript error.
        message: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Datum::{Character, Close, Nothing, Number, Text, Url};
        let within = |timeout| Number(milliseconds(timeout));
        let (before, datum, after) = match self {
            Self::InvalidUrl(url) => ("`", Url(url), "` is not a WebSocket URL; use ws: or wss:, without a fragment"),
            Self::InvalidProtocol(protocol) => match protocol::first_not_allowed(protocol) {
                Some(character) => (
                    "`",
                    Character(character),
                    "` is not allowed in a subprotocol; use letters, digits, `-`, `.` and `_`",
                ),
                None => ("an empty subprotocol is not allowed; leave it out", Nothing, ""),
            },
            Self::DuplicateProtocol(_) => {
                ("a subprotocol is offered twice; offer each once, upper and lower case being the same", Nothing, "")
            }
            Self::Security { url, .. } => (
                "`",
                Url(url),
                "` is blocked by the browser; use wss: on an https: page, and check the content security policy",
            ),
            Self::Unsupported => {
                ("there is no WebSocket in this environment; connect from a page or a worker", Nothing, "")
            }
            Self::ConnectFailed { url, code: TLS } => {
                ("`", Url(url), "` did not connect, because the TLS handshake has failed; check the certificate")
            }
            Self::ConnectFailed { url, .. } => (
                "`",
                Url(url),
                "` did not connect, and browsers hide why; check the host, the port, the path, the certificate and the \
                 subprotocols, and see the browser's console",
            ),
            Self::ConnectTimeout { url, timeout } => {
                write_text(f, "`", Url(url), "` did not connect within ")?;
                ("", within(timeout), " ms")
            }
            Self::ConnectionLost { url } => {
                ("`", Url(url), "` disconnected, and browsers hide why; see the browser's console")
            }
            Self::NotOpen(ReadyState::Connecting) => {
                ("the connection is connecting, not open; wait for it to open", Nothing, "")
            }
            Self::NotOpen(state) => ("the connection is ", Text(state.name()), ", not open; connect again"),
            Self::Full => ("the send queue is full; send when there is room again", Nothing, ""),
            Self::Overflow => {
                ("the receive queue has overflowed; take messages faster, or raise `receive_limit`", Nothing, "")
            }
            Self::ClosedHere => {
                ("this page closed the connection first; what the peer was still sending is lost", Nothing, "")
            }
            Self::UnexpectedText => ("a text message came in a byte stream; the peer must send bytes", Nothing, ""),
            Self::Dropped => ("every handle of the connection was dropped; keep one to see how it ends", Nothing, ""),
            Self::Attempt(why) => ("the attempt to connect failed: ", Text(why), ""),
            Self::HeartbeatTimeout(timeout) => {
                ("the peer did not answer the heartbeat within ", within(timeout), " ms")
            }
            #[cfg(feature = "session")]
            Self::TooLarge(bytes) => {
                ("a message of ", Number(*bytes), " bytes is larger than the peer accepts; send it in parts")
            }
            #[cfg(feature = "session")]
            Self::SessionLost => (
                "the session was lost; its stream tells why, and which messages may not have been processed",
                Nothing,
                "",
            ),
            Self::InvalidCloseCode(code) => {
                ("close code ", Number((*code).into()), " is not allowed; use 1000 or 3000–4999")
            }
            Self::ReasonTooLong(len) => {
                ("a close reason of ", Number(*len as u64), " bytes is too long; use 123 at most")
            }
            Self::CloseTimeout(timeout) => ("the peer did not answer the close within ", within(timeout), " ms"),
            Self::Unclean(event) => ("", Close(event), ": the connection ended without a closing handshake"),
            Self::OutOfMemory(bytes) => (
                "",
                Number(*bytes),
                " bytes do not fit into memory; take the message with `next_raw`, or the Blob in chunks",
            ),
            Self::Encode(reason) => ("the value cannot be encoded: ", Text(reason), ""),
            Self::Decode(reason) => ("the message cannot be decoded: ", Text(reason), ""),
            Self::UnreadableBlob(message) => ("the Blob cannot be read: ", Text(message), ""),
            Self::Thrown { name, message } => {
                write_text(f, "the browser threw ", Text(name), ": ")?;
                ("", Text(message), "")
            }
        };
        write_text(f, before, datum, after)
    }
}

/// The datum in the text of an error.
enum Datum<'a> {
    Nothing,
    Url(&'a str),
    Text(&'a str),
    Number(u64),
    Character(char),
    Close(&'a CloseEvent),
}

/// Writes a text with a datum. A `write!` for each text would be far more code for pages to download.
fn write_text(f: &mut fmt::Formatter<'_>, before: &str, datum: Datum<'_>, after: &str) -> fmt::Result {
    f.write_str(before)?;
    match datum {
        Datum::Nothing => {}
        Datum::Url(url) => fmt::Display::fmt(&PublicUrl(url), f)?,
        Datum::Text(text) => f.write_str(text)?,
        Datum::Number(number) => write_number(f, number)?,
        Datum::Character(character) => character.escape_default().try_for_each(|part| f.write_char(part))?,
        Datum::Close(event) => fmt::Display::fmt(event, f)?,
    }
    f.write_str(after)
}

/// Writes a number. The standard formatting, which can also pad numbers, is more code.
pub(crate) fn write_number(f: &mut fmt::Formatter<'_>, number: u64) -> fmt::Result {
    if number >= 10 {
        write_number(f, number / 10)?;
    }
    f.write_char(char::from(b'0' + (number % 10) as u8))
}

/// Shows the variant and its text, such as `Overflow(the receive queue …)`.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({self})", self.variant())
    }
}

impl Error {
    pub(crate) fn variant(&self) -> &'static str {
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
            #[cfg(feature = "session")]
            Self::TooLarge(_) => "TooLarge",
            #[cfg(feature = "session")]
            Self::SessionLost => "SessionLost",
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

/// Returns whole milliseconds. Texts show these, since the code that formats a `Duration` is large, and every page would
/// download it.
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
/// It has the text of `error`, which is therefore not its `source`.
///
/// `?` converts it into an [`Error`] or a `JsValue`, and drops the message. If the message was borrowed and the error must be
/// `'static`, as for `anyhow` and `Box<dyn Error>`, write `.map_err(Error::from)?`.
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
    /// The message, which was not sent.
    pub message: T,
    /// Why it was not sent.
    pub error: Error,
}

/// Omits the message, which may be large, secret, or of a type that has no `Debug`.
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

/// An error of a [`Typed`](crate::Typed) stream: a message that could not be decoded, or an error of the connection.
///
/// `?` converts it into an [`Error`], and drops the message. `Debug` shows the message.
///
/// # Examples
///
/// ```
/// use wasm_websocket::ReceiveError;
/// use wasm_websocket::codec::{Decode, Json};
///
/// # fn log(text: String) { assert!(text.ends_with(r#": Some(Text("12 apples"))"#), "{text}") }
/// let received: Result<u32, ReceiveError> = Json::decode("12 apples".into());
/// if let Err(ReceiveError { message, error }) = received {
///     log(format!("{error}: {message:?}")); // the message helps to find the fault in the server
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ReceiveError {
    /// The message that could not be decoded, or the Blob that could not be read; `None` for an error of the connection. If `error`
    /// is [`Error::OutOfMemory`] or [`Error::Thrown`] and there is no message, the error stands for one message: a
    /// `WebSocketStream` then continues, and a `Reconnecting` is closed for good. A `Session` continues after
    /// `Error::SessionLost` if the server has forgotten it and neither side has closed it.
    pub message: Option<Message>,
    /// Why there is no value.
    pub error: Error,
}

impl ReceiveError {
    /// Creates the error of a codec for a message that it cannot decode.
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

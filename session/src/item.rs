//! The inputs and outputs of a machine.

use std::fmt;

use crate::{Change, Control, End, Violation};

/// A message of the application. Clones should be cheap, such as those of a `Blob`, of `Bytes` or of an `Rc<str>`: a message is
/// cloned each time it is transmitted.
pub trait Payload: Clone {
    /// Returns the length on the wire, in bytes. The length of a text is that of its UTF-8.
    fn payload_len(&self) -> u64;
}

impl Payload for String {
    fn payload_len(&self) -> u64 {
        self.len() as u64
    }
}

impl Payload for Vec<u8> {
    fn payload_len(&self) -> u64 {
        self.len() as u64
    }
}

/// The limits of an end, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The maximum bytes of received, unprocessed messages. A single message may be larger. The default is 1 MiB.
    pub window: u64,
    /// The largest message that is accepted. The default is 16 MiB.
    pub max: u64,
    /// The maximum bytes of sent, unacknowledged messages. A single message may be larger. The default is 4 MiB.
    pub replay: u64,
    /// Whether `poll` returns [`Output::Store`]. The default is `false`.
    pub journal: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { window: 1 << 20, max: 16 << 20, replay: 4 << 20, journal: false }
    }
}

/// A connection of a session, identified by the attempt in its HELLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection(pub u64);

/// A place in the messages of one direction. Marks of one direction are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// How often the session was lost before this message.
    pub epoch: u32,
    /// The number of the message, from 1.
    pub number: u64,
}

/// A frame that has arrived.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Incoming<P> {
    /// A message.
    Message(P),
    /// A control frame.
    Control(Control),
}

/// An action for the host.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Output<P, R> {
    /// Make this durable before any later output is transmitted. Only with [`Limits::journal`].
    Store(Change<P, R>),
    /// Send this text frame.
    Control(Connection, String),
    /// Send this message: a text in a text frame, after the character [`TEXT`](crate::TEXT); all other messages unchanged, in a binary
    /// frame.
    Message(Connection, P),
    /// Close the connection with this code and reason.
    Close(Connection, u16, String),
}

impl<P: fmt::Debug, R: fmt::Debug> fmt::Debug for Output<P, R> {
    /// Shows only the first character of HELLO and WELCOME, which have tokens and credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(change) => f.debug_tuple("Store").field(change).finish(),
            Self::Control(connection, frame) => {
                let shown = if frame.starts_with(['H', 'W']) { &frame[..1] } else { frame };
                f.debug_tuple("Control").field(connection).field(&shown).finish()
            }
            Self::Message(connection, payload) => f.debug_tuple("Message").field(connection).field(payload).finish(),
            Self::Close(connection, code, reason) => {
                f.debug_tuple("Close").field(connection).field(code).field(reason).finish()
            }
        }
    }
}

/// An item for the application. Items come in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Item<P> {
    /// A message.
    Message {
        /// The place of the message.
        mark: Mark,
        /// The message.
        payload: P,
    },
    /// The peer has ended its direction.
    End {
        /// The place of the end.
        mark: Mark,
        /// The code and the reason of the end.
        end: End,
    },
    /// Messages of this end may be lost. Unless the cause is [`LostCause::Forgotten`] at a client, nothing follows.
    Lost(Lost<P>),
}

/// The messages that a lost session may not have delivered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lost<P> {
    /// Why the session was lost.
    pub cause: LostCause,
    /// The messages that the peer did not acknowledge, in order.
    pub unacknowledged: Vec<Unacknowledged<P>>,
    /// Whether this end had sent END, and the peer did not acknowledge it.
    pub end: bool,
}

/// A message that the peer did not acknowledge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unacknowledged<P> {
    /// The place of the message.
    pub mark: Mark,
    /// The message.
    pub payload: P,
    /// Whether it was transmitted, so that the peer may have processed it.
    pub transmitted: bool,
}

/// Why a session was lost.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LostCause {
    /// The peer has forgotten the session. At a client, a new session has begun, unless either peer had ended its direction.
    Forgotten,
    /// A copy of this client has taken the session over.
    Superseded,
    /// The application of one end has given the session up.
    GivenUp,
    /// The peer broke a rule of the protocol.
    Violation(Violation),
    /// The peer has closed with this code because this end broke a rule.
    Refused(u16),
    /// A message was sent before the peer's `max` was known, and exceeds it.
    TooLarge {
        /// The bytes of the message.
        len: u64,
        /// The bytes that the peer accepts.
        max: u64,
    },
    /// The ends count differently, for instance because a store has lost changes.
    Mismatch,
    /// The client did not reconnect in time.
    Expired,
}

/// An event of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is done.
    Connected {
        /// Whether the session goes on.
        resumed: bool,
    },
    /// At a server: the client has shown that it received WELCOME, so the application's handler can start.
    Established,
    /// The peer has processed everything up to this mark.
    Acknowledged(Mark),
    /// Both directions have ended, and everything is processed.
    Complete,
}

/// A message cannot be sent. Each variant has the message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendError<P> {
    /// The replay buffer is full: wait for [`Event::Acknowledged`].
    Full(P),
    /// The peer does not accept messages of this size.
    TooLarge(P),
    /// This direction has ended, or the session is lost.
    Ended(P),
    /// The session has sent 2⁵³ bytes, the maximum.
    Exhausted(P),
}

impl<P> SendError<P> {
    /// Returns the message.
    pub fn into_payload(self) -> P {
        match self {
            Self::Full(payload) | Self::TooLarge(payload) | Self::Ended(payload) | Self::Exhausted(payload) => payload,
        }
    }
}

impl<P> fmt::Display for SendError<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the replay buffer is full",
            Self::TooLarge(_) => "the message is larger than the peer accepts",
            Self::Ended(_) => "the session has ended",
            Self::Exhausted(_) => "the session has sent 2⁵³ bytes",
        })
    }
}

impl<P: fmt::Debug> std::error::Error for SendError<P> {}

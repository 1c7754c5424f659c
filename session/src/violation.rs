//! Violations of the protocol, and the meanings of its close codes.

use std::fmt;

/// The close codes of the protocol.
pub mod code {
    /// The session is complete.
    pub const COMPLETE: u16 = 1000;
    /// A message is larger than the peer's WebSocket library accepts.
    pub const LIBRARY: u16 = 1009;
    /// The server cannot serve the client now.
    pub const INTERNAL: u16 = 1011;
    /// The server restarts.
    pub const RESTART: u16 = 1012;
    /// The peer broke a rule of the protocol.
    pub const VIOLATION: u16 = 4400;
    /// The credentials are refused.
    pub const UNAUTHORIZED: u16 = 4401;
    /// The application's protocol is unknown.
    pub const PROTOCOL: u16 = 4406;
    /// No HELLO came, or was authenticated, in time.
    pub const TIMEOUT: u16 = 4408;
    /// A newer connection has superseded this one, or the client is an old copy.
    pub const SUPERSEDED: u16 = 4409;
    /// The application has given the session up.
    pub const GIVEN_UP: u16 = 4410;
    /// A message exceeds the largest size or the credit.
    pub const TOO_LARGE: u16 = 4413;
    /// A limit on sessions or connections is reached.
    pub const LIMIT: u16 = 4429;
}

/// How the peer violated the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Violation {
    /// A text frame is empty.
    Empty,
    /// No frame begins with this character.
    Kind(char),
    /// A control frame has this many bytes, more than [`MAX_CONTROL`](crate::MAX_CONTROL).
    ControlTooLong(usize),
    /// The body of a control frame is not one JSON object.
    Malformed,
    /// A control frame has no member of this name.
    Missing(&'static str),
    /// This member of a control frame has a value that is not allowed.
    Invalid(&'static str),
    /// This frame must not come now.
    Unexpected(&'static str),
    /// The peer acknowledged a message that was not sent.
    AcknowledgedUnsent {
        /// The number in the peer's ACK.
        processed: u64,
        /// The highest number sent.
        sent: u64,
    },
    /// The peer acknowledged fewer messages than before.
    WentBack {
        /// The number in the peer's ACK.
        processed: u64,
        /// The number in the ACK before.
        before: u64,
    },
    /// The peer took credit back.
    CreditWentBack {
        /// The credit in the peer's ACK.
        credit: u64,
        /// The credit in the ACK before.
        before: u64,
    },
    /// A message has more bytes than allowed.
    TooLarge {
        /// The bytes of the message.
        len: u64,
        /// The bytes allowed.
        max: u64,
    },
    /// A message ends beyond the credit.
    CreditExceeded {
        /// The offset of the message.
        offset: u64,
        /// The credit.
        credit: u64,
    },
    /// A message came after END.
    AfterEnd,
}

impl Violation {
    /// Returns the code with which the connection is closed: 4400, or 4413 for a message that is too large.
    pub fn close_code(&self) -> u16 {
        match self {
            Self::TooLarge { .. } | Self::CreditExceeded { .. } => code::TOO_LARGE,
            _ => code::VIOLATION,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a text frame is empty"),
            Self::Kind(kind) => write!(f, "no frame begins with {kind:?}"),
            Self::ControlTooLong(len) => write!(f, "a control frame has {len} bytes"),
            Self::Malformed => f.write_str("a control frame is not one JSON object"),
            Self::Missing(name) => write!(f, "a control frame has no {name:?}"),
            Self::Invalid(name) => write!(f, "{name:?} has a value that is not allowed"),
            Self::Unexpected(frame) => write!(f, "{frame} must not come now"),
            Self::AcknowledgedUnsent { processed, sent } => {
                write!(f, "{processed} messages are acknowledged, but {sent} were sent")
            }
            Self::WentBack { processed, before } => write!(f, "{processed} messages are acknowledged after {before}"),
            Self::CreditWentBack { credit, before } => write!(f, "the credit is {credit} after {before}"),
            Self::TooLarge { len, max } => write!(f, "a message has {len} bytes; {max} are allowed"),
            Self::CreditExceeded { offset, credit } => {
                write!(f, "a message ends at offset {offset}; the credit is {credit}")
            }
            Self::AfterEnd => f.write_str("a message came after END"),
        }
    }
}

impl std::error::Error for Violation {}

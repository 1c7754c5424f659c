//! Frames: encoding and decoding.

use std::fmt;

use crate::json::{self, Value, Writer};
use crate::{MAX_NUMBER, Violation};

/// The largest number of bytes of a control frame.
pub const MAX_CONTROL: usize = 16_384;

/// The first character of a text that is a message.
pub const TEXT: char = ':';

/// A decoded text frame. A binary frame is always a message, unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TextFrame<'a> {
    /// A text of the application.
    Message(&'a str),
    /// A frame of the protocol itself.
    Control(Control),
}

/// A frame that is not a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    /// The client's first frame.
    Hello(Hello),
    /// The server's answer.
    Welcome(Welcome),
    /// The number of messages that the sender of the frame has processed, and its credit.
    Ack(Ack),
    /// Asks for an ACK.
    Ping,
    /// No more messages follow.
    End(End),
}

/// The client's first frame: its session and credentials, and its counts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Hello {
    /// The name of the session.
    pub session: String,
    /// How many HELLOs the client has sent for this session, this one included.
    pub attempt: u64,
    /// The token of the last WELCOME.
    pub token: Option<String>,
    /// The highest number that the client has sent.
    pub sent: u64,
    /// The number up to which messages of the server have arrived.
    pub received: u64,
    /// The number up to which messages of the server are processed.
    pub processed: u64,
    /// The offset up to which the server may transmit.
    pub credit: u64,
    /// The bytes of the largest message that the client accepts.
    pub max: u64,
    /// The application's protocol.
    pub protocol: Option<String>,
    /// The credentials that authenticate the client.
    pub credentials: Option<String>,
}

/// The server's answer to HELLO: its counts and limits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Welcome {
    /// The token for the next HELLO.
    pub token: String,
    /// Whether the session that HELLO describes goes on.
    pub resumed: bool,
    /// The number up to which messages of the client have arrived.
    pub received: u64,
    /// The number up to which messages of the client are processed.
    pub processed: u64,
    /// The offset up to which the client may transmit.
    pub credit: u64,
    /// The bytes of the largest message that the server accepts.
    pub max: u64,
    /// How many seconds the server keeps the session without a connection.
    pub ttl: u64,
}

/// A cumulative acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ack {
    /// The number up to which messages are processed.
    pub processed: u64,
    /// The offset up to which the peer may transmit.
    pub credit: u64,
}

/// The end of one direction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct End {
    /// 1000, or 3000 to 4999.
    pub code: u16,
    /// Up to 123 bytes.
    pub reason: String,
}

impl End {
    /// Returns an end with a code and a reason.
    ///
    /// # Errors
    ///
    /// [`Violation::Invalid`] if the code is neither 1000 nor 3000 to 4999, or the reason is longer than 123 bytes.
    pub fn new(code: u16, reason: impl Into<String>) -> Result<Self, Violation> {
        let reason = reason.into();
        match () {
            () if code != 1000 && !(3000..5000).contains(&code) => Err(Violation::Invalid("code")),
            () if reason.len() > 123 => Err(Violation::Invalid("reason")),
            () => Ok(Self { code, reason }),
        }
    }
}

impl<'a> TextFrame<'a> {
    /// Decodes a text frame. Never panics, and allocates no more bytes than `frame` has.
    ///
    /// # Errors
    ///
    /// A [`Violation`] if the frame is not one of the protocol.
    pub fn decode(frame: &'a str) -> Result<Self, Violation> {
        let mut rest = frame.chars();
        let kind = rest.next().ok_or(Violation::Empty)?;
        let rest = rest.as_str();
        if kind == TEXT {
            return Ok(Self::Message(rest));
        }
        if frame.len() > MAX_CONTROL {
            return Err(Violation::ControlTooLong(frame.len()));
        }
        Ok(Self::Control(match kind {
            'H' => Control::Hello(hello(rest)?),
            'W' => Control::Welcome(welcome(rest)?),
            'A' => Control::Ack(ack(rest)?),
            'P' if rest.is_empty() => Control::Ping,
            'P' => return Err(Violation::Malformed),
            'E' => Control::End(end(rest)?),
            kind => return Err(Violation::Kind(kind)),
        }))
    }
}

impl Control {
    /// Encodes the frame as text.
    pub fn encode(&self) -> String {
        match self {
            Self::Hello(hello) => Writer::new('H')
                .string("session", &hello.session)
                .number("attempt", hello.attempt)
                .optional("token", hello.token.as_deref())
                .number("sent", hello.sent)
                .number("received", hello.received)
                .number("processed", hello.processed)
                .number("credit", hello.credit)
                .number("max", hello.max)
                .optional("protocol", hello.protocol.as_deref())
                .optional("credentials", hello.credentials.as_deref())
                .end(),
            Self::Welcome(welcome) => Writer::new('W')
                .string("token", &welcome.token)
                .bool("resumed", welcome.resumed)
                .number("received", welcome.received)
                .number("processed", welcome.processed)
                .number("credit", welcome.credit)
                .number("max", welcome.max)
                .number("ttl", welcome.ttl)
                .end(),
            Self::Ack(ack) => Writer::new('A').number("processed", ack.processed).number("credit", ack.credit).end(),
            Self::Ping => "P".into(),
            Self::End(end) => Writer::new('E')
                .number("code", end.code.into())
                .optional("reason", Some(&*end.reason).filter(|reason| !reason.is_empty()))
                .end(),
        }
    }

    /// Returns the name that the protocol has for the frame.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "HELLO",
            Self::Welcome(_) => "WELCOME",
            Self::Ack(_) => "ACK",
            Self::Ping => "PING",
            Self::End(_) => "END",
        }
    }
}

/// A member of a control frame.
struct Member<T> {
    name: &'static str,
    value: Option<Result<T, Violation>>,
}

impl<T> Member<T> {
    fn new(name: &'static str) -> Self {
        Self { name, value: None }
    }

    fn set<'a>(&mut self, value: Value<'a>, read: impl FnOnce(Value<'a>) -> Option<T>) {
        self.value = match value {
            Value::Null => None,
            value => Some(read(value).ok_or(Violation::Invalid(self.name))),
        };
    }

    fn optional(self) -> Result<Option<T>, Violation> {
        self.value.transpose()
    }

    fn required(self) -> Result<T, Violation> {
        self.value.unwrap_or(Err(Violation::Missing(self.name)))
    }
}

fn number(value: Value<'_>) -> Option<u64> {
    let Value::Number(digits) = value else { return None };
    digits.parse().ok().filter(|number| *number <= MAX_NUMBER)
}

fn bool(value: Value<'_>) -> Option<bool> {
    if let Value::Bool(value) = value { Some(value) } else { None }
}

fn string(value: Value<'_>) -> Option<String> {
    if let Value::String(value) = value { Some(value.into_owned()) } else { None }
}

/// Reads a string of 22 to `max` letters, digits and these marks.
fn word(marks: &'static [u8], max: usize) -> impl Fn(Value<'_>) -> Option<String> {
    move |value| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || marks.contains(&byte);
        string(value).filter(|text| (22..=max).contains(&text.len()) && text.bytes().all(is_allowed))
    }
}

fn token(value: Value<'_>) -> Option<String> {
    word(b"-_.~", 256)(value)
}

fn hello(text: &str) -> Result<Hello, Violation> {
    let (mut session, mut attempt, mut own_token) =
        (Member::new("session"), Member::new("attempt"), Member::new("token"));
    let (mut sent, mut received, mut processed) =
        (Member::new("sent"), Member::new("received"), Member::new("processed"));
    let (mut credit, mut max) = (Member::new("credit"), Member::new("max"));
    let (mut protocol, mut credentials) = (Member::new("protocol"), Member::new("credentials"));
    json::members(text, |name, value| match name {
        "session" => session.set(value, word(b"-_", 64)),
        "attempt" => attempt.set(value, |value| number(value).filter(|attempt| *attempt > 0)),
        "token" => own_token.set(value, token),
        "sent" => sent.set(value, number),
        "received" => received.set(value, number),
        "processed" => processed.set(value, number),
        "credit" => credit.set(value, number),
        "max" => max.set(value, number),
        "protocol" => protocol.set(value, string),
        "credentials" => credentials.set(value, string),
        _ => (),
    })
    .map_err(|_| Violation::Malformed)?;
    Ok(Hello {
        session: session.required()?,
        attempt: attempt.required()?,
        token: own_token.optional()?,
        sent: sent.required()?,
        received: received.required()?,
        processed: processed.required()?,
        credit: credit.required()?,
        max: max.required()?,
        protocol: protocol.optional()?,
        credentials: credentials.optional()?,
    })
}

fn welcome(text: &str) -> Result<Welcome, Violation> {
    let (mut own_token, mut resumed, mut received) =
        (Member::new("token"), Member::new("resumed"), Member::new("received"));
    let (mut processed, mut credit, mut max, mut ttl) =
        (Member::new("processed"), Member::new("credit"), Member::new("max"), Member::new("ttl"));
    json::members(text, |name, value| match name {
        "token" => own_token.set(value, token),
        "resumed" => resumed.set(value, bool),
        "received" => received.set(value, number),
        "processed" => processed.set(value, number),
        "credit" => credit.set(value, number),
        "max" => max.set(value, number),
        "ttl" => ttl.set(value, number),
        _ => (),
    })
    .map_err(|_| Violation::Malformed)?;
    Ok(Welcome {
        token: own_token.required()?,
        resumed: resumed.required()?,
        received: received.required()?,
        processed: processed.required()?,
        credit: credit.required()?,
        max: max.required()?,
        ttl: ttl.required()?,
    })
}

fn ack(text: &str) -> Result<Ack, Violation> {
    let (mut processed, mut credit) = (Member::new("processed"), Member::new("credit"));
    json::members(text, |name, value| match name {
        "processed" => processed.set(value, number),
        "credit" => credit.set(value, number),
        _ => (),
    })
    .map_err(|_| Violation::Malformed)?;
    Ok(Ack { processed: processed.required()?, credit: credit.required()? })
}

fn end(text: &str) -> Result<End, Violation> {
    let (mut code, mut reason) = (Member::new("code"), Member::new("reason"));
    json::members(text, |name, value| match name {
        "code" => code.set(value, number),
        "reason" => reason.set(value, string),
        _ => (),
    })
    .map_err(|_| Violation::Malformed)?;
    let code = code.required()?;
    End::new(u16::try_from(code).map_err(|_| Violation::Invalid("code"))?, reason.optional()?.unwrap_or_default())
}

impl fmt::Debug for Hello {
    /// Leaves out the token and the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello")
            .field("attempt", &self.attempt)
            .field("sent", &self.sent)
            .field("received", &self.received)
            .field("processed", &self.processed)
            .field("credit", &self.credit)
            .field("max", &self.max)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Welcome {
    /// Leaves out the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Welcome")
            .field("resumed", &self.resumed)
            .field("received", &self.received)
            .field("processed", &self.processed)
            .field("credit", &self.credit)
            .field("max", &self.max)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

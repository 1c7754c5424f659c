//! Messages with numbers, in several formats, so that each message is unique.

use serde::{Deserialize, Serialize};
use wasm_websocket::codec::{Decode, Encode, Json, Postcard};
use wasm_websocket::{Blob, Error, Message};

use crate::plan::{Kind, Letter};

/// The format of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Dialect {
    /// A number in digits, and padding.
    #[default]
    Plain,
    /// A [`Value`] in a codec's format.
    Json,
    Postcard,
    /// Parts of a stream of bytes, without numbers.
    Bytes,
}

/// A value to send over a typed connection.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Value {
    pub number: u32,
    padding: String,
    /// May be NaN or infinite, which JSON does not have. Nested, so that codecs must check inside of a value.
    ratio: Option<f64>,
}

/// The number of digits of a number.
pub const DIGITS: usize = 8;

impl Value {
    /// Returns a value that every codec can encode.
    pub fn new(number: u32, letter: Letter) -> Self {
        Self { number, padding: "x".repeat(letter.len as usize), ratio: Some(f64::from(number) / 4.0) }
    }

    /// Returns a value that JSON may be unable to encode.
    pub fn any(number: u32, letter: Letter) -> Self {
        let ratio = match letter.len % 16 {
            1 => f64::NAN,
            2 => f64::INFINITY,
            _ => f64::from(number) / 4.0,
        };
        Self { ratio: Some(ratio), ..Self::new(number, letter) }
    }

    /// Returns the number of a received value, and checks that the value is unchanged.
    pub fn check(&self) -> u32 {
        let is_same = self.ratio.is_some_and(|ratio| ratio == f64::from(self.number) / 4.0 || !ratio.is_finite());
        assert!(is_same && is_padding(self.padding.as_bytes()), "value {} has changed on its way", self.number);
        self.number
    }
}

impl Dialect {
    /// Returns the message with a number. A few messages are not in the dialect.
    pub fn message(self, number: u32, letter: Letter) -> Message {
        let (value, is_garbage) = (Value::new(number, letter), letter.len % 8 == 7);
        let text = || numbered(number, letter.len as usize);
        let encoded = match self {
            Self::Json if !is_garbage => Json::encode(&value),
            Self::Postcard if !is_garbage => Postcard::encode(&value),
            // As text, since random bytes might decode to a value.
            Self::Postcard => Ok(Message::Text(text())),
            Self::Plain | Self::Json | Self::Bytes => Err(Error::Unsupported),
        };
        match (encoded, letter.kind) {
            (Ok(Message::Text(text)), Kind::Binary) if self == Self::Json => Message::Binary(text.into_bytes()),
            (Ok(message), _) => message,
            (Err(_), Kind::Text) => Message::Text(text()),
            (Err(_), Kind::Binary) => Message::Binary(text().into_bytes()),
            (Err(_), Kind::Blob) => Message::Blob(Blob::new(text().as_bytes(), "")),
        }
    }

    /// Returns the number of a message. A Blob must have been read before.
    pub fn number_of(self, message: &Message) -> u32 {
        let value: Option<Value> = match self {
            Self::Plain | Self::Bytes => None,
            Self::Json => serde_json::from_slice(bytes_of(message)).ok(),
            Self::Postcard => Postcard::decode(message.clone()).ok(),
        };
        value.map_or_else(|| number_of(message), |value| value.check())
    }
}

fn number_of(message: &Message) -> u32 {
    let bytes = bytes_of(message);
    let digits = bytes.get(..DIGITS).and_then(|digits| std::str::from_utf8(digits).ok());
    let number = digits.and_then(|digits| digits.parse().ok()).expect("every message has a number");
    assert!(is_padding(&bytes[DIGITS..]), "message {number} has changed on its way");
    number
}

fn bytes_of(message: &Message) -> &[u8] {
    match message {
        Message::Text(text) => text.as_bytes(),
        other => other.as_bytes().expect("a Blob has been read"),
    }
}

fn is_padding(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == b'x')
}

/// Returns a text of `len` bytes that begins with a number.
pub fn numbered(number: u32, len: usize) -> String {
    let mut text = format!("{number:0DIGITS$}");
    text.extend(std::iter::repeat_n('x', len.saturating_sub(DIGITS)));
    text
}

/// Returns a message with the bytes of a stream from `begin` on, or a text, which does not belong in a byte stream.
pub fn part(begin: u64, letter: Letter) -> Message {
    match letter.kind {
        Kind::Text if letter.len % 8 == 7 => "text".into(),
        _ => Message::Binary(bytes(begin, letter.len as usize - DIGITS)),
    }
}

/// Returns the bytes of a stream from `begin` on. They differ by position.
pub fn bytes(begin: u64, len: usize) -> Vec<u8> {
    (begin..begin + len as u64).map(|index| (index.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

/// Converts a Blob into bytes, in a page that has enough memory. Returns other messages unchanged.
pub async fn read(message: Message) -> Message {
    try_read(message).await.expect("there is memory")
}

/// Converts a Blob into bytes. Returns other messages unchanged.
pub async fn try_read(message: Message) -> Result<Message, Error> {
    match message {
        Message::Blob(blob) => Ok(Message::Binary(blob.bytes().await?)),
        other => Ok(other),
    }
}

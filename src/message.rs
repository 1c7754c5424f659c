//! What travels.

use crate::Blob;

/// A message, received or to be sent.
///
/// Received binary messages are [`Binary`](Self::Binary) or [`Blob`](Self::Blob) as
/// [`BinaryType`](crate::BinaryType) says. On the wire both are a binary frame, so it is the receiver's choice alone.
///
/// There are no other kinds, so a `match` needs no arm for them: pings, pongs and Close frames are not messages.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes, in memory.
    Binary(Vec<u8>),
    /// Bytes in the browser's keeping, to be read when they are wanted.
    Blob(Blob),
}

impl Message {
    /// The number of bytes that it has on the wire, without framing and compression.
    pub fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Binary(bytes) => bytes.len() as u64,
            Self::Blob(blob) => blob.len(),
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The bytes in memory, if it has them there: those of a Blob it has not.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Binary(bytes) = self { Some(bytes) } else { None }
    }

    /// Whether it has no bytes. An empty message is still a message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Message {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Blob> for Message {
    fn from(blob: Blob) -> Self {
        Self::Blob(blob)
    }
}

//! A message.

use crate::Blob;

/// A message, received or to be sent.
///
/// [`BinaryType`](crate::BinaryType) chooses whether received binary messages are [`Binary`](Self::Binary) or
/// [`Blob`](Self::Blob). Both are binary frames on the wire, so the sender does not choose.
///
/// The enum is exhaustive: pings, pongs and Close frames are not messages. `Debug` shows the whole text or all bytes.
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::Message;
///
/// fn show(message: Message, write: impl Fn(&str), play: impl Fn(&[u8]), save: impl Fn(&web_sys::Blob)) {
///     match message {
///         Message::Text(text) => write(&text),
///         Message::Binary(bytes) => play(&bytes),
///         Message::Blob(blob) => save(blob.as_raw()), // its bytes never enter wasm memory
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes, in memory.
    Binary(Vec<u8>),
    /// A Blob, whose bytes the browser keeps. They can be read more than once.
    Blob(Blob),
}

impl Message {
    /// Returns the number of payload bytes, without framing and compression.
    pub fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Binary(bytes) => bytes.len() as u64,
            Self::Blob(blob) => blob.len(),
        }
    }

    /// Returns the text of a text message; `None` for bytes and Blobs.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Returns the bytes of a binary message; `None` for text and Blobs.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Binary(bytes) = self { Some(bytes) } else { None }
    }

    /// Returns whether the payload is empty. An empty message is a message like any other.
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

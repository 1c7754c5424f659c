//! A message of the application, as it is on the wire.

use std::fmt;
use std::ops::Deref;

use axum::extract::ws::{self, Utf8Bytes};
use bytes::Bytes;
use websocket_session::{Control, Incoming, Payload, TEXT, TextFrame, Violation};

/// A message of the application. Clones are cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text.
    Text(Text),
    /// Bytes.
    Binary(Bytes),
}

/// A text message. It dereferences to `str`.
///
/// The text is kept with the character that precedes it on the wire, so that transmitting it copies nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Utf8Bytes);

impl Text {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        self.0.get(TEXT.len_utf8()..).unwrap_or_default()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(Text(format!("{TEXT}{text}").into()))
    }
}

impl From<String> for Message {
    fn from(mut text: String) -> Self {
        text.insert(0, TEXT);
        Self::Text(Text(text.into()))
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl Payload for Message {
    fn payload_len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Binary(bytes) => bytes.len() as u64,
        }
    }
}

/// The length, in bytes, below which a message is copied. A message is a part of what the WebSocket has read at a time, and a message of
/// one byte would keep all of that in memory.
const COPIED: usize = 4 << 10;

/// Decodes a text frame.
pub(crate) fn decode(frame: Utf8Bytes) -> Result<Incoming<Message>, Violation> {
    Ok(match TextFrame::decode(&frame)? {
        TextFrame::Message(_) if frame.len() < COPIED => Incoming::Message(Message::Text(Text(frame.as_str().into()))),
        TextFrame::Message(_) => Incoming::Message(Message::Text(Text(frame))),
        TextFrame::Control(control) => Incoming::Control(control),
    })
}

/// Decodes a binary frame.
pub(crate) fn decode_binary(frame: Bytes) -> Incoming<Message> {
    let bytes = if frame.len() < COPIED { Bytes::copy_from_slice(&frame) } else { frame };
    Incoming::Message(Message::Binary(bytes))
}

/// Returns the frame of a message.
pub(crate) fn encode(message: Message) -> ws::Message {
    match message {
        Message::Text(Text(frame)) => ws::Message::Text(frame),
        Message::Binary(bytes) => ws::Message::Binary(bytes),
    }
}

/// Returns the HELLO in a first frame.
pub(crate) fn decode_hello(frame: &str) -> Result<websocket_session::Hello, Violation> {
    match TextFrame::decode(frame)? {
        TextFrame::Control(Control::Hello(hello)) => Ok(hello),
        TextFrame::Control(control) => Err(Violation::Unexpected(control.name())),
        TextFrame::Message(_) => Err(Violation::Unexpected("a message")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether a text and a binary message share the memory of their frames.
    fn share(len: usize) -> [bool; 2] {
        let (text, binary): (Utf8Bytes, Bytes) = (format!(":{}", "x".repeat(len)).into(), vec![0; len].into());
        let Ok(Incoming::Message(Message::Text(Text(kept)))) = decode(text.clone()) else { panic!() };
        let Incoming::Message(Message::Binary(bytes)) = decode_binary(binary.clone()) else { panic!() };
        assert_eq!((&kept, &bytes), (&text, &binary));
        [kept.as_ptr() == text.as_ptr(), bytes.as_ptr() == binary.as_ptr()]
    }

    #[test]
    fn small_messages_do_not_keep_what_the_websocket_has_read() {
        assert_eq!(share(1), [false; 2]);
        assert_eq!(share(1 << 20), [true; 2]);
    }
}

//! Text and bytes, unchanged.

use super::{Decode, Encode};
use crate::{Error, Message, ReceiveError};

/// Sends and receives strings as text messages. A binary message is an error, even if it is UTF-8.
pub enum Text {}

impl<T: AsRef<str> + ?Sized> Encode<T> for Text {
    fn encode(text: &T) -> Result<Message, Error> {
        Ok(text.as_ref().into())
    }
}

impl Decode<String> for Text {
    fn decode(message: Message) -> Result<String, ReceiveError> {
        match message {
            Message::Text(text) => Ok(text),
            other => Err(ReceiveError::undecodable(other, "bytes, not text")),
        }
    }
}

/// Sends and receives bytes as binary messages. A text message is an error.
pub enum Binary {}

impl<T: AsRef<[u8]> + ?Sized> Encode<T> for Binary {
    fn encode(bytes: &T) -> Result<Message, Error> {
        Ok(bytes.as_ref().into())
    }
}

impl Decode<Vec<u8>> for Binary {
    fn decode(message: Message) -> Result<Vec<u8>, ReceiveError> {
        match message {
            Message::Binary(bytes) => Ok(bytes),
            other => Err(ReceiveError::undecodable(other, "text, not bytes")),
        }
    }
}

//! Messages that are values already.

use super::{Decode, Encode};
use crate::{Error, Message, ReceiveError};

/// Text, as it stands: of `String` and `&str`. Bytes are an error, even if they are UTF-8.
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

/// Bytes, as they stand: of `Vec<u8>` and `&[u8]`. Text is an error.
pub enum Bytes {}

impl<T: AsRef<[u8]> + ?Sized> Encode<T> for Bytes {
    fn encode(bytes: &T) -> Result<Message, Error> {
        Ok(bytes.as_ref().into())
    }
}

impl Decode<Vec<u8>> for Bytes {
    fn decode(message: Message) -> Result<Vec<u8>, ReceiveError> {
        match message {
            Message::Binary(bytes) => Ok(bytes),
            other => Err(ReceiveError::undecodable(other, "text, not bytes")),
        }
    }
}

//! Text and bytes, unchanged.

use super::{Decode, Encode};
use crate::{Error, Message, ReceiveError};

/// Sends and receives strings as text messages. A binary message is an error, even if it is UTF-8.
///
/// # Examples
///
/// ```no_run
/// use futures_util::TryStreamExt;
/// use wasm_websocket::{Error, WebSocketStream, codec::Text};
///
/// async fn follow_log(stream: WebSocketStream, show: impl Fn(&str)) -> Result<(), Error> {
///     let mut lines = stream.typed::<&str, String, Text>();
///     lines.send("level: warn").await?;
///     while let Some(line) = lines.try_next().await? {
///         show(&line); // a `String`, so no other kind of message has to be handled
///     }
///     Ok(())
/// }
/// ```
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
///
/// # Examples
///
/// ```no_run
/// use futures_util::TryStreamExt;
/// use wasm_websocket::{Error, WebSocketStream, codec::Binary};
///
/// async fn play(stream: WebSocketStream, decode: impl Fn(Vec<u8>)) -> Result<(), Error> {
///     let mut packets = stream.typed::<Vec<u8>, Vec<u8>, Binary>();
///     while let Some(packet) = packets.try_next().await? {
///         decode(packet); // a text message would have been an error
///     }
///     Ok(())
/// }
/// ```
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

//! Postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Decode, Encode, decoded, unencodable};
use crate::{Error, Message, ReceiveError};

/// [postcard](https://postcard.jamesmunns.com) in binary messages, smaller than JSON. A text message is an error, and so are
/// bytes after the value.
///
/// The format does not describe itself: both sides must have the same type. It has no depth limit, so do not decode a recursive
/// type from a peer that you do not trust.
///
/// # Examples
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use wasm_websocket::codec::{Encode, Json, Postcard};
///
/// #[derive(Serialize, Deserialize)]
/// struct Position {
///     player: u32,
///     x: f32,
///     y: f32,
/// }
///
/// // Sent 60 times a second to a server in Rust, which has the same type.
/// let position = Position { player: 7, x: 0.5, y: 2.25 };
/// assert_eq!(Postcard::encode(&position)?.len(), 9);
/// assert_eq!(Json::encode(&position)?.len(), 29);
/// # Ok::<(), wasm_websocket::Error>(())
/// ```
pub enum Postcard {}

impl<T: Serialize + ?Sized> Encode<T> for Postcard {
    fn encode(value: &T) -> Result<Message, Error> {
        postcard::to_allocvec(value).map(Message::Binary).map_err(unencodable)
    }
}

impl<T: DeserializeOwned> Decode<T> for Postcard {
    fn decode(message: Message) -> Result<T, ReceiveError> {
        let Some(bytes) = message.as_bytes() else {
            return Err(ReceiveError::undecodable(message, "text, not bytes"));
        };
        match postcard::take_from_bytes(bytes) {
            Ok((value, [])) => Ok(value),
            Ok((_, rest)) => {
                let reason = format!("{} bytes more than the value has", rest.len());
                Err(ReceiveError::undecodable(message, reason))
            }
            Err(reason) => decoded(message, Err(reason)),
        }
    }
}

//! JSON by serde_json.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::finite::Finite;
use super::{Decode, Encode, decoded, unencodable};
use crate::{Error, Message, ReceiveError};

/// JSON in text messages, by serde_json. It also decodes JSON in binary messages.
///
/// NaN and infinity cannot be encoded, as JSON has no such numbers. Values that are nested deeper than 128 levels cannot be
/// decoded, so that no peer can exhaust the stack.
pub enum Json {}

impl<T: Serialize + ?Sized> Encode<T> for Json {
    fn encode(value: &T) -> Result<Message, Error> {
        serde_json::to_string(&Finite(value)).map(Message::Text).map_err(unencodable)
    }
}

impl<T: DeserializeOwned> Decode<T> for Json {
    fn decode(message: Message) -> Result<T, ReceiveError> {
        let value = match &message {
            Message::Text(text) => serde_json::from_str(text),
            other => serde_json::from_slice(other.as_bytes().unwrap_or_default()),
        };
        decoded(message, value)
    }
}

/// JSON in binary messages, by serde_json. It also decodes JSON in text messages.
///
/// Browsers hold text as UTF-16, so bytes save two conversions. Otherwise it works as [`Json`].
pub enum JsonBytes {}

impl<T: Serialize + ?Sized> Encode<T> for JsonBytes {
    fn encode(value: &T) -> Result<Message, Error> {
        serde_json::to_vec(&Finite(value)).map(Message::Binary).map_err(unencodable)
    }
}

impl<T: DeserializeOwned> Decode<T> for JsonBytes {
    fn decode(message: Message) -> Result<T, ReceiveError> {
        Json::decode(message)
    }
}

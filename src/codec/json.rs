//! JSON by serde_json.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::finite::Finite;
use super::{Decode, Encode, decoded, unencodable};
use crate::{Error, Message, ReceiveError};

/// JSON in text messages, by serde_json. It also decodes JSON in binary messages.
///
/// NaN and infinity cannot be encoded, as JSON has no such numbers. Values that are nested 128 levels deep or deeper cannot be
/// decoded, so that no peer can exhaust the stack.
///
/// # Examples
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use wasm_websocket::codec::{Decode, Encode, Json};
///
/// #[derive(Serialize, Deserialize, Debug, PartialEq)]
/// #[serde(tag = "type", rename_all = "lowercase")]
/// enum Cursor {
///     Moved { x: i32, y: i32 },
///     Left,
/// }
///
/// // Servers in any language can read and write this.
/// let moved = Json::encode(&Cursor::Moved { x: 3, y: 4 })?;
/// assert_eq!(moved.as_text(), Some(r#"{"type":"moved","x":3,"y":4}"#));
///
/// let left: Cursor = Json::decode(r#"{"type":"left"}"#.into())?;
/// assert_eq!(left, Cursor::Left);
/// # Ok::<(), wasm_websocket::Error>(())
/// ```
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
///
/// # Examples
///
/// ```no_run
/// use futures_util::TryStreamExt;
/// use serde::Deserialize;
/// use wasm_websocket::{Error, WebSocketStream, codec::JsonBytes};
///
/// #[derive(Deserialize)]
/// struct Row {
///     name: String,
///     price: f64,
/// }
///
/// /// Loads a table of many thousand rows in one message, which the browser need not convert to UTF-16.
/// async fn load(stream: WebSocketStream) -> Result<Vec<Row>, Error> {
///     let mut tables = stream.typed::<&str, Vec<Row>, JsonBytes>();
///     tables.send("all rows").await?;
///     Ok(tables.try_next().await?.unwrap_or_default())
/// }
/// ```
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

//! JSON by the browser.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{Decode, Encode};
use crate::sys::json;
use crate::{Error, Message, ReceiveError};

/// JSON in text messages by the browser's own `JSON` and serde-wasm-bindgen, for values that live in JavaScript. It also decodes
/// JSON in binary messages.
///
/// A field with `#[serde(with = "serde_wasm_bindgen::preserve")]` is a `JsValue`, and stays in JavaScript. Use
/// [`Json`](crate::codec::Json) for types without such a field: it is several times faster, as the
/// [table of the codecs](crate::codec) shows. As with `Json`, maps are objects, and `None` is `null`.
///
/// JavaScript's numbers are `f64`, and its keys are strings. These values cannot be encoded or decoded:
///
/// - integers beyond ±(2⁵³ − 1), unless they are decoded into a float, which rounds them
/// - `i128` and `u128`, whatever the value
/// - NaN and infinity, in a `JsValue`, too
/// - maps with other keys, such as `HashMap<u32, T>`
///
/// The key `__proto__` of a map is left out when it is encoded. A field with the name of a member of every JavaScript object, such as
/// `constructor`, never counts as missing.
///
/// Values that are nested 128 levels deep or deeper cannot be decoded, so that no peer can exhaust the stack. A `JsValue` is
/// otherwise encoded as by `JSON.stringify`, which omits `undefined`.
///
/// # Examples
///
/// ```no_run
/// use futures_util::TryStreamExt;
/// use serde::{Deserialize, Serialize};
/// use wasm_bindgen::JsValue;
/// use wasm_websocket::{Error, WebSocketStream, codec::JsJson};
///
/// #[derive(Serialize, Deserialize)]
/// struct Chart {
///     title: String,
///     #[serde(with = "serde_wasm_bindgen::preserve")]
///     points: JsValue, // thousands of objects that only JavaScript looks at
/// }
///
/// async fn follow(stream: WebSocketStream, draw: impl Fn(&str, &JsValue)) -> Result<(), Error> {
///     let mut charts = stream.typed::<Chart, Chart, JsJson>();
///     while let Some(chart) = charts.try_next().await? {
///         draw(&chart.title, &chart.points);
///     }
///     Ok(())
/// }
/// ```
pub enum JsJson {}

/// The depth that serde_json refuses.
const TOO_DEEP: usize = 128;

impl<T: Serialize + ?Sized> Encode<T> for JsJson {
    fn encode(value: &T) -> Result<Message, Error> {
        json::stringify(value).map(Message::Text)
    }
}

impl<T: DeserializeOwned> Decode<T> for JsJson {
    fn decode(message: Message) -> Result<T, ReceiveError> {
        let parsed = match &message {
            Message::Text(text) => parse(text),
            other => {
                std::str::from_utf8(other.as_bytes().unwrap_or_default()).map_err(|e| e.to_string()).and_then(parse)
            }
        };
        parsed.map_err(|reason| ReceiveError::undecodable(message, reason))
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    if depth(text) >= TOO_DEEP {
        return Err(format!("nested {TOO_DEEP} levels deep or deeper"));
    }
    json::parse(text)
}

/// How deep the arrays and objects of a JSON text are nested.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut is_in_string = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_in_string = !is_in_string,
            b'\\' if is_in_string => drop(bytes.next()),
            b'[' | b'{' if !is_in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !is_in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn only_brackets_outside_of_strings_nest() {
        for (text, expected) in
            [("", 0), ("1", 0), ("[]", 1), (r#"{"[":[[],{}]}"#, 3), (r#"["\"[[[", "]"]"#, 1), ("]]][", 1)]
        {
            assert_eq!(depth(text), expected, "{text}");
        }
    }
}

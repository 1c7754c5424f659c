//! Your types ↔ messages: [`Json`] unless there is a reason for another.
//!
//! | codec | feature | messages | bytes more | encode | decode |
//! |---|---|---|---|---|---|
//! | [`Json`] | `json`, on by default | text | 19,600 | 0.7–1.9 × | 1.4–3.0 × |
//! | [`JsonBytes`] | `json` | binary | the same | 0.8–1.9 × | 1.1–1.5 × |
//! | [`Postcard`] | `postcard` | binary | 4,000 | 0.3–0.8 × | 0.5–0.6 × |
//! | [`JsJson`] | `serde-wasm-bindgen` | text | 17,300 | 6.3–9.8 × | 6.8–8.5 × |
//! | [`Text`], [`Bytes`] | | text, binary | | | |
//!
//! The bytes are those of an app by brotli, over the same app without a codec. The times are CPU times against JavaScript's
//! own `JSON`, of 1 to 1,000 records of about 100 bytes. Both are from `cargo xtask bench --codecs --rounds 5`, whose numbers
//! are in `bench/CODECS.md`: they are why serde_json is the default, and [`JsJson`] is for values that stay in JavaScript.

#[cfg(feature = "json")]
mod finite;
#[cfg(feature = "serde-wasm-bindgen")]
mod js_json;
#[cfg(feature = "json")]
mod json;
mod plain;
#[cfg(feature = "postcard")]
mod postcard;

#[cfg(feature = "postcard")]
pub use self::postcard::Postcard;
#[cfg(feature = "json")]
pub use json::{Json, JsonBytes};
pub use plain::{Bytes, Text};

#[cfg(feature = "serde-wasm-bindgen")]
pub use js_json::JsJson;

use crate::{Error, Message, ReceiveError};

/// A way to make messages of values of one type.
///
/// # Examples
///
/// A codec of your own is a type that stands for the format:
///
/// ```
/// use wasm_websocket::codec::{Decode, Encode};
/// use wasm_websocket::{Error, Message, ReceiveError};
///
/// /// A temperature as two bytes: tenths of a degree.
/// struct Tenths;
///
/// impl Encode<f32> for Tenths {
///     fn encode(degrees: &f32) -> Result<Message, Error> {
///         let tenths = degrees * 10.0;
///         if tenths.abs() > f32::from(i16::MAX) {
///             return Err(Error::Encode(format!("{degrees} degrees are too many")));
///         }
///         Ok(Message::Binary((tenths as i16).to_le_bytes().into()))
///     }
/// }
///
/// impl Decode<f32> for Tenths {
///     fn decode(message: Message) -> Result<f32, ReceiveError> {
///         match message.as_bytes() {
///             Some(&[low, high]) => Ok(f32::from(i16::from_le_bytes([low, high])) / 10.0),
///             _ => Err(ReceiveError::undecodable(message, "not two bytes")),
///         }
///     }
/// }
///
/// assert_eq!(Tenths::decode(Tenths::encode(&36.6)?)?, 36.6);
/// # Ok::<(), Error>(())
/// ```
pub trait Encode<T: ?Sized> {
    /// The message for a value.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] for a value that the format cannot hold.
    fn encode(value: &T) -> Result<Message, Error>;
}

/// A way to make values of one type of messages. [`Encode`] has an example.
pub trait Decode<T>: Sized {
    /// The value of a message, which is text or bytes: a Blob has been read before.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`], with the message, for one that holds no such value. Peers send anything, so it must not panic.
    fn decode(message: Message) -> Result<T, ReceiveError>;
}

/// A value made of bytes, or why there is none.
#[cfg(any(feature = "json", feature = "postcard"))]
fn decoded<T, E: std::fmt::Display>(message: Message, decoded: Result<T, E>) -> Result<T, ReceiveError> {
    decoded.map_err(|reason| ReceiveError::undecodable(message, reason))
}

#[cfg(any(feature = "json", feature = "postcard"))]
fn unencodable(reason: impl std::fmt::Display) -> Error {
    Error::Encode(reason.to_string())
}

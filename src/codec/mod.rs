//! Codecs, which convert your types to messages and back. Use [`Json`] unless you have a reason for another one.
//!
//! | codec | feature | messages | bytes more | encode | decode |
//! |---|---|---|---|---|---|
//! | [`Json`] | `json`, on by default | text | 19,600 | 0.7–1.9 × | 1.4–3.0 × |
//! | [`JsonBytes`] | `json` | binary | the same | 0.8–1.9 × | 1.1–1.5 × |
//! | [`Postcard`] | `postcard` | binary | 4,000 | 0.3–0.8 × | 0.5–0.6 × |
//! | [`JsJson`] | `serde-wasm-bindgen` | text | 17,300 | 6.3–9.8 × | 6.8–8.5 × |
//! | [`Text`], [`Binary`] | | text, binary | | | |
//!
//! “Bytes more” is what a codec adds to a brotli-compressed app. The times are CPU times relative to JavaScript's own `JSON`,
//! for 1 to 1,000 records of about 100 bytes. `cargo xtask bench --codecs --rounds 5` measures both; all numbers are in
//! `bench/CODECS.md`. They are why serde_json is the default, and [`JsJson`] is for values that stay in JavaScript.
//!
#![cfg_attr(not(feature = "json"), doc = "[`Json`]: crate#features\n[`JsonBytes`]: crate#features")]
#![cfg_attr(not(feature = "postcard"), doc = "[`Postcard`]: crate#features")]
#![cfg_attr(not(feature = "serde-wasm-bindgen"), doc = "[`JsJson`]: crate#features")]

#[cfg(feature = "json")]
mod finite;
#[cfg(feature = "serde-wasm-bindgen")]
mod js_json;
#[cfg(feature = "json")]
mod json;
mod plain;
#[cfg(feature = "postcard")]
mod postcard;
pub(crate) mod typed;

#[cfg(feature = "postcard")]
pub use self::postcard::Postcard;
#[cfg(feature = "json")]
pub use json::{Json, JsonBytes};
pub use plain::{Binary, Text};

#[cfg(feature = "serde-wasm-bindgen")]
pub use js_json::JsJson;

use crate::{Error, Message, ReceiveError};

/// Encodes values of type `T` as messages.
///
/// # Examples
///
/// A codec is a type that names the format. Its values are not used:
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
    /// Encodes a value.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] for a value that the format cannot hold.
    fn encode(value: &T) -> Result<Message, Error>;
}

/// Decodes messages into values of `T`. For an example of a codec, see [`Encode`].
///
/// # Examples
///
/// A feed that only receives needs no [`Encode`]:
///
/// ```
/// use wasm_websocket::codec::Decode;
/// use wasm_websocket::{Error, Message, ReceiveError};
///
/// /// Quotes as this feed sends them: `EURUSD 1.0842`.
/// struct Quotes;
///
/// impl Decode<(String, f64)> for Quotes {
///     fn decode(message: Message) -> Result<(String, f64), ReceiveError> {
///         let words = message.as_text().and_then(|text| text.split_once(' '));
///         match words.and_then(|(name, price)| Some((name.to_owned(), price.parse().ok()?))) {
///             Some(quote) => Ok(quote),
///             None => Err(ReceiveError::undecodable(message, "not a name and a price")),
///         }
///     }
/// }
///
/// assert_eq!(Quotes::decode("EURUSD 1.0842".into())?, ("EURUSD".to_owned(), 1.0842));
/// assert!(Quotes::decode("maintenance".into()).is_err());
/// # Ok::<(), Error>(())
/// ```
pub trait Decode<T>: Sized {
    /// Decodes a text or binary message. [`Typed`](crate::Typed) reads a Blob into memory first, so `message` is never a Blob.
    ///
    /// Peers may send anything, so `decode` must not panic.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] for a message that holds no such value. The error returns the message.
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

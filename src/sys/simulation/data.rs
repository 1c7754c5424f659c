//! The data of a received message.

use std::rc::Rc;

use wasm_bindgen::{JsCast, JsValue};

use super::blob::Blob;
use super::bytes::Bytes;
use super::page::current;
use crate::{Error, Message, RawMessage};

/// The data of a message, as the browser delivered it.
pub enum Data {
    Text(Rc<str>),
    Binary(Bytes),
    Blob(Bytes),
}

impl Data {
    /// Returns the number of bytes in the page's memory:
    ///
    /// - for text the number of UTF-16 units, since the number of bytes is unknown before decoding
    /// - for a Blob 0
    pub fn len(&self) -> u64 {
        match self {
            Self::Text(text) if text.is_ascii() => text.len() as u64,
            Self::Text(text) => text.encode_utf16().count() as u64,
            Self::Binary(bytes) => bytes.len(),
            Self::Blob(_) => 0,
        }
    }

    /// Copies text and bytes into memory. Never returns `None`: the simulation delivers only data that browsers deliver.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn decode(self) -> Option<Result<Message, Error>> {
        let len = self.len();
        Some(match self {
            Self::Text(text) => room_for(len).map(|()| Message::Text(text.to_string())),
            Self::Binary(bytes) => room_for(len).map(|()| Message::Binary(bytes.as_slice().to_vec())),
            Self::Blob(bytes) => Ok(Message::Blob(Blob::of(bytes, "".into()))),
        })
    }

    /// Returns `undefined` in place of the browser's own object.
    pub fn into_raw(self) -> Option<RawMessage> {
        let undefined = JsValue::UNDEFINED;
        Some(match self {
            Self::Text(_) => RawMessage::Text(undefined.unchecked_into()),
            Self::Binary(_) => RawMessage::Binary(undefined.unchecked_into()),
            Self::Blob(_) => RawMessage::Blob(undefined.unchecked_into()),
        })
    }
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Data").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Checks whether there is memory for `len` bytes.
pub fn room_for(len: u64) -> Result<(), Error> {
    let limit = current().map_or(u64::MAX, |page| page.memory_limit.get());
    if len > limit { Err(Error::OutOfMemory(len)) } else { Ok(()) }
}

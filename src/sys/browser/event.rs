//! Converts events into plain Rust types.

use std::cell::Cell;

use js_sys::{ArrayBuffer, JsString};
use wasm_bindgen::{JsCast, JsValue};

use super::super::Event;
use super::{Blob, bindings, copy, reflect};
use crate::{CloseEvent, Error, Message, RawMessage};

/// The data of a message, as the browser delivered it. It is decoded only when the reader takes it: queued messages use no wasm
/// memory, which never shrinks.
#[derive(Debug)]
pub struct Data {
    kind: Kind,
    value: bindings::Data,
    /// The number of bytes, or of UTF-16 units for text; 0 for a Blob.
    len: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Kind {
    #[default]
    Text,
    Binary,
    Blob,
    /// A buffer that becomes a Blob when the reader takes it.
    #[cfg(feature = "streams")]
    ToBlob,
}

/// Finds out the kind of a message. It tries the kind of the last message first, since the next is mostly of the same kind.
#[derive(Debug, Default)]
pub(super) struct Inspector(Cell<Kind>);

impl Inspector {
    /// Returns the data of a `message` event; `None` for other events.
    ///
    /// Also returns `None` for data that no browser delivers: an event that the page itself has dispatched can have any data.
    pub fn inspect(&self, event: &JsValue) -> Option<Data> {
        let value: bindings::Data = event.unchecked_ref::<web_sys::MessageEvent>().data().unchecked_into();
        let kinds = [self.0.get(), Kind::Text, Kind::Binary, Kind::Blob];
        let (kind, len) = kinds.into_iter().find_map(|kind| Some((kind, kind.len(&value)?)))?;
        // Any object passes for a Blob, so `Blob` is tried last.
        if kind != Kind::Blob {
            self.0.set(kind);
        }
        Some(Data { kind, value, len })
    }
}

impl Kind {
    /// Returns the length of a value of this kind; `None` if the value is of another kind.
    fn len(self, value: &bindings::Data) -> Option<u64> {
        let len = match self {
            Self::Text => value.length(),
            Self::Binary => value.byte_length(),
            // The bytes of a Blob are not in the page's memory.
            Self::Blob => return value.is_object().then_some(0),
            #[cfg(feature = "streams")]
            Self::ToBlob => return None,
        };
        // Excludes NaN, and lengths that no browser delivers.
        len.ok().filter(|len| *len < 1e15).map(|len| len as u64)
    }
}

impl Data {
    /// Returns the number of bytes in the page's memory:
    ///
    /// - for text the number of UTF-16 units, since the number of bytes is unknown before decoding
    /// - for a Blob 0
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Copies text and bytes into wasm memory. Returns `None` for data that no browser delivers.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], or [`Error::Thrown`] for a buffer that the page has transferred since.
    pub fn decode(self) -> Option<Result<Message, Error>> {
        let value: JsValue = self.value.into();
        match self.kind {
            Kind::Text => Some(copy::text(&value, self.len)?.map(Message::Text)),
            Kind::Binary => Some(copy::bytes(&value, self.len).map(Message::Binary)),
            Kind::Blob => Some(Ok(Message::Blob(Blob::from_raw(blob(value)?)))),
            #[cfg(feature = "streams")]
            Kind::ToBlob => Some(Blob::of_chunk(&value).map(Message::Blob)),
        }
    }

    /// Returns the browser's own object; `None` for data that no browser delivers.
    pub fn into_raw(self) -> Option<RawMessage> {
        let value: JsValue = self.value.into();
        match self.kind {
            Kind::Text => value.dyn_into::<JsString>().ok().map(RawMessage::Text),
            // The standard's draft lets streams deliver views; Chromium 156 delivers buffers.
            #[cfg(feature = "streams")]
            Kind::Binary if value.is_instance_of::<js_sys::Uint8Array>() => Some(RawMessage::Binary(
                value.unchecked_into::<js_sys::Uint8Array>().slice(0, self.len as u32).buffer(),
            )),
            Kind::Binary => buffer(value).map(RawMessage::Binary),
            Kind::Blob => blob(value).map(RawMessage::Blob),
            #[cfg(feature = "streams")]
            Kind::ToBlob => Some(RawMessage::Blob(Blob::of_chunk(&value).ok()?.into_raw())),
        }
    }
}

/// Returns the Blob that an object without a length is; `None` if it has no `slice`. No other object of the browser has a `slice`
/// and no length. To compare its tag would add an import.
fn blob(value: JsValue) -> Option<web_sys::Blob> {
    reflect::get(&value, "slice").is_some().then(|| value.unchecked_into())
}

/// Returns the buffer that a value is. The tag decides, since `instanceof` would fail for objects of another frame, whose socket a
/// page can pass to `from_raw`.
fn buffer(value: JsValue) -> Option<ArrayBuffer> {
    let is_buffer = bindings::tag(&value).as_string().as_deref() == Some("[object ArrayBuffer]");
    is_buffer.then(|| value.unchecked_into())
}

/// Converts a chunk that a stream has delivered. Bytes become a Blob if `is_blob`.
#[cfg(feature = "streams")]
pub(super) fn chunk(chunk: JsValue, is_blob: bool) -> Option<Data> {
    let value: bindings::Data = chunk.unchecked_into();
    // Bytes first: a view, which the standard's draft lets streams deliver, has a `length` like text.
    let (kind, len) = [Kind::Binary, Kind::Text].into_iter().find_map(|kind| Some((kind, kind.len(&value)?)))?;
    let kind = if is_blob && kind == Kind::Binary { Kind::ToBlob } else { kind };
    Some(Data { kind, value, len })
}

/// Converts any other event. Returns `None` for a `message` event that no browser delivers.
pub(super) fn change(event: JsValue) -> Option<Event> {
    match &*reflect::text(&event, "type") {
        "open" => Some(Event::Opened),
        "close" => Some(Event::Closed(close(event))),
        "error" => Some(Event::Failed),
        _ => None,
    }
}

/// Converts a `close` event.
pub(super) fn close(event: JsValue) -> CloseEvent {
    CloseEvent {
        code: reflect::number(&event, "code") as u16,
        reason: reflect::text(&event, "reason"),
        was_clean: reflect::number(&event, "wasClean") == 1.0,
    }
}

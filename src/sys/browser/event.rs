//! Events → plain Rust.

use std::cell::Cell;

use js_sys::JsString;
use wasm_bindgen::{JsCast, JsValue};

use super::super::Event;
use super::{Blob, bindings, copy, reflect};
use crate::{CloseEvent, Error, Message, RawMessage};

/// The data of a message, as the browser delivered it: decoded when it is taken, so that what waits costs no wasm
/// memory, which never shrinks.
#[derive(Debug)]
pub struct Data {
    kind: Kind,
    value: bindings::Data,
    /// Bytes, or UTF-16 units of text; 0 for a Blob.
    len: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Kind {
    #[default]
    Text,
    Binary,
    Blob,
    /// A buffer that is to become a Blob when it is taken.
    #[cfg(feature = "streams")]
    ToBlob,
}

/// Tells what messages carry. Mostly the next one carries what the last one did.
#[derive(Debug, Default)]
pub(super) struct Inspector(Cell<Kind>);

impl Inspector {
    /// The data of a `message` event; `None` for other events, which have none.
    ///
    /// Also `None` for what no browser delivers: an event that the page made and dispatched itself can carry anything.
    pub fn inspect(&self, event: &JsValue) -> Option<Data> {
        let value: bindings::Data = event.unchecked_ref::<web_sys::MessageEvent>().data().unchecked_into();
        let kinds = [self.0.get(), Kind::Text, Kind::Binary, Kind::Blob];
        let (kind, len) = kinds.into_iter().find_map(|kind| Some((kind, kind.len(&value)?)))?;
        self.0.set(kind);
        Some(Data { kind, value, len })
    }
}

impl Kind {
    /// The length of what is of this kind.
    fn len(self, value: &bindings::Data) -> Option<u64> {
        let len = match self {
            Self::Text => value.length(),
            Self::Binary => value.byte_length(),
            // Its bytes are not in the page's memory.
            Self::Blob => return value.is_object().then_some(0),
            #[cfg(feature = "streams")]
            Self::ToBlob => return None,
        };
        // NaN is no length either. Longer than that is only what a page has made up.
        len.ok().filter(|len| *len < 1e15).map(|len| len as u64)
    }
}

impl Data {
    /// The bytes of the page's memory that it holds. For text its UTF-16 units, as its bytes are not known before it is decoded;
    /// for a Blob 0.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Copies text and bytes into wasm memory. None for what no browser delivers.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], or [`Error::Thrown`] for a buffer that the page has given away since.
    pub fn decode(self) -> Option<Result<Message, Error>> {
        let value: JsValue = self.value.into();
        match self.kind {
            Kind::Text => Some(copy::text(&value, self.len)?.map(Message::Text)),
            Kind::Binary => Some(copy::bytes(&value, self.len).map(Message::Binary)),
            Kind::Blob => Some(Ok(Message::Blob(Blob::from_raw(tagged(value, "[object Blob]")?)))),
            #[cfg(feature = "streams")]
            Kind::ToBlob => Some(Ok(Message::Blob(Blob::of_buffer(value.unchecked_ref())))),
        }
    }

    /// What the browser delivered, itself. None for what no browser delivers.
    pub fn into_raw(self) -> Option<RawMessage> {
        let value: JsValue = self.value.into();
        match self.kind {
            Kind::Text => value.dyn_into::<JsString>().ok().map(RawMessage::Text),
            // By the standard's draft, streams deliver views, which later browsers may do.
            #[cfg(feature = "streams")]
            Kind::Binary if value.is_instance_of::<js_sys::Uint8Array>() => Some(RawMessage::Binary(
                value.unchecked_into::<js_sys::Uint8Array>().slice(0, self.len as u32).buffer(),
            )),
            Kind::Binary => tagged(value, "[object ArrayBuffer]").map(RawMessage::Binary),
            Kind::Blob => tagged(value, "[object Blob]").map(RawMessage::Blob),
            #[cfg(feature = "streams")]
            Kind::ToBlob => Some(RawMessage::Blob(Blob::of_buffer(value.unchecked_ref()).into_raw())),
        }
    }
}

/// The value as an object of the type that its tag names. That of another frame, whose socket was taken over, is no instance of
/// a type of this one.
fn tagged<T: JsCast>(value: JsValue, tag: &str) -> Option<T> {
    (bindings::tag(&value).as_string().as_deref() == Some(tag)).then(|| value.unchecked_into())
}

/// What a stream has delivered, of which bytes may be wanted as a Blob.
#[cfg(feature = "streams")]
pub(super) fn chunk(chunk: JsValue, is_blob: bool) -> Option<Data> {
    let value: bindings::Data = chunk.unchecked_into();
    // Bytes first: by the standard's draft they are a view, which has a length as text has.
    let (kind, len) = [Kind::Binary, Kind::Text].into_iter().find_map(|kind| Some((kind, kind.len(&value)?)))?;
    let kind = if is_blob && kind == Kind::Binary { Kind::ToBlob } else { kind };
    Some(Data { kind, value, len })
}

/// What any other event tells. `None` for a `message` event that no browser delivers.
pub(super) fn change(event: JsValue) -> Option<Event> {
    match &*reflect::text(&event, "type") {
        "open" => Some(Event::Opened),
        "close" => Some(Event::Closed(close(event))),
        "error" => Some(Event::Failed),
        _ => None,
    }
}

/// What a `close` event says.
pub(super) fn close(event: JsValue) -> CloseEvent {
    CloseEvent {
        code: reflect::number(&event, "code") as u16,
        reason: reflect::text(&event, "reason"),
        was_clean: reflect::number(&event, "wasClean") == 1.0,
    }
}

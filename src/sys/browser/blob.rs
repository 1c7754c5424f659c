//! Bytes that the browser keeps.

use std::ops::{Bound, RangeBounds};

use js_sys::{Array, ArrayBuffer, JsString, Object, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::BlobPropertyBag;

use super::socket::{copy_of, copy_of_view};
use super::{bindings, copy, error};
use crate::Error;

/// Bytes that the browser keeps, in memory or on disk: JavaScript's [`Blob`]. A `File` is a Blob, too.
///
/// The bytes never change, and a clone refers to the same bytes. Two Blobs are equal if they are the same object; their bytes
/// are not compared.
///
/// [`Blob`]: https://w3c.github.io/FileAPI/#blob-section
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::{Message, WebSocketStream};
///
/// # async fn example(message: Message, mut backup: WebSocketStream) -> Result<(), wasm_websocket::Error> {
/// if let Message::Blob(blob) = message {
///     backup.send(&blob).await?; // its bytes do not enter wasm memory
///     let header = blob.slice(..16).bytes().await?; // reads only 16 bytes, even of a gigabyte
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Blob(web_sys::Blob);

impl Blob {
    /// Copies `bytes` into a new Blob of the given media type, such as `image/png`, or the empty string.
    pub fn new(bytes: &[u8], media_type: &str) -> Self {
        Self::of_bytes(&Uint8Array::new_from_slice(bytes), media_type)
    }

    /// Copies the bytes of an array that is neither shared nor resizable.
    fn of_bytes(bytes: &Uint8Array, media_type: &str) -> Self {
        // If the page has broken the constructor, a `WebSocket` sends the array as it would send the Blob.
        Self::of_part(bytes, media_type).unwrap_or_else(|_| Self(bytes.clone().unchecked_into()))
    }

    fn of_part(part: &JsValue, media_type: &str) -> Result<Self, JsValue> {
        let options = BlobPropertyBag::new();
        options.set_type(media_type);
        web_sys::Blob::new_with_u8_array_sequence_and_options(&Array::of1(part), &options).map(Self)
    }

    /// Takes a copy of the bytes of an object. Given the object, the constructor throws for a resizable buffer, or makes a Blob of its
    /// name, as in WebKit. If the buffer was transferred, the Blob is empty.
    fn of_copy(copy: Result<Uint8Array, JsValue>) -> Self {
        Self::of_bytes(&copy.unwrap_or_else(|_| Uint8Array::new_with_length(0)), "")
    }

    /// Copies the bytes of a buffer that a stream has delivered, which is not resizable.
    #[cfg(feature = "streams")]
    pub(super) fn of_chunk(buffer: &JsValue) -> Result<Self, Error> {
        Self::of_part(buffer, "").map_err(error::thrown)
    }

    pub(crate) fn of_blob(blob: &web_sys::Blob) -> Self {
        Self(blob.clone())
    }

    /// Copies the bytes of a buffer.
    pub(crate) fn of_buffer(buffer: &ArrayBuffer) -> Self {
        Self::of_copy(copy_of(buffer, 0, buffer.byte_length()))
    }

    /// Copies the bytes of a view.
    pub(crate) fn of_view(view: &Object) -> Self {
        Self::of_copy(copy_of_view(view))
    }

    /// Copies the pixels of an image.
    pub(crate) fn of_image(image: &web_sys::ImageData) -> Self {
        Self::of_view(image.unchecked_ref::<bindings::ImageData>().data().unchecked_ref())
    }

    /// Wraps the browser's own object. A `File` is converted by `From`.
    pub fn from_raw(raw: web_sys::Blob) -> Self {
        Self(raw)
    }

    /// Returns the browser's own object.
    pub fn as_raw(&self) -> &web_sys::Blob {
        &self.0
    }

    /// Returns the browser's own object.
    pub fn into_raw(self) -> web_sys::Blob {
        self.0
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> u64 {
        self.0.size() as u64
    }

    /// Returns whether the Blob is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the media type, such as `image/png`; empty if it is unknown, as for every received Blob.
    pub fn media_type(&self) -> String {
        self.0.type_()
    }

    /// Returns a range of the bytes as a Blob without a media type, clamped to the length. Nothing is copied.
    pub fn slice(&self, range: impl RangeBounds<u64>) -> Self {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&end) => end.saturating_add(1),
            Bound::Excluded(&end) => end,
            Bound::Unbounded => self.len(),
        };
        // `slice` throws only for arguments of a wrong type.
        let part = self.0.slice_with_f64_and_f64(start as f64, end.max(start) as f64);
        Self(part.unwrap_or_else(JsCast::unchecked_into))
    }

    /// Reads all bytes into memory.
    ///
    /// # Errors
    ///
    /// - [`Error::UnreadableBlob`], for instance if the file has changed.
    /// - [`Error::OutOfMemory`]: read a Blob that is too large for wasm memory with [`chunks`](Self::chunks).
    pub async fn bytes(&self) -> Result<Vec<u8>, Error> {
        let buffer = self.binding().array_buffer().await.map_err(unreadable)?;
        copy::bytes(&buffer, self.len())
    }

    /// Reads all bytes as UTF-8, without a byte order mark at the beginning, and replaces invalid UTF-8 with U+FFFD.
    ///
    /// # Errors
    ///
    /// The same errors as [`bytes`](Self::bytes).
    pub async fn text(&self) -> Result<String, Error> {
        let text: JsString = self.binding().text().await.map_err(unreadable)?;
        copy::text(&text, text.length().into()).unwrap_or_else(|| Ok(String::new()))
    }

    fn binding(&self) -> &bindings::Blob {
        self.0.unchecked_ref()
    }
}

fn unreadable(thrown: wasm_bindgen::JsValue) -> Error {
    let (name, message) = error::describe(&thrown);
    Error::UnreadableBlob(format!("{name}: {message}"))
}

impl From<web_sys::Blob> for Blob {
    fn from(raw: web_sys::Blob) -> Self {
        Self(raw)
    }
}

impl From<web_sys::File> for Blob {
    fn from(raw: web_sys::File) -> Self {
        Self(raw.into())
    }
}

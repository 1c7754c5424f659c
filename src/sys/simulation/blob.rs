//! Blobs on the host, in a simulated page or outside.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::{JsCast, JsValue};

use super::bytes::Bytes;
use super::data::room_for;
use super::page::current;
use super::world::sleep;
use crate::Error;

/// Bytes that the browser keeps, in memory or on disk: JavaScript's [`Blob`]. A `File` is a Blob, too.
///
/// The bytes never change, and a clone refers to the same bytes. Without a browser, a Blob holds its bytes in memory, two Blobs
/// with the same bytes and media type are equal, and [`as_raw`](Self::as_raw) returns `undefined`.
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
pub struct Blob {
    bytes: Bytes,
    media_type: Rc<str>,
    is_readable: bool,
    /// The value `undefined`.
    raw: web_sys::Blob,
}

impl Blob {
    /// Copies `bytes` into a new Blob of the given media type, such as `image/png`, or the empty string.
    pub fn new(bytes: &[u8], media_type: &str) -> Self {
        Self::of(Bytes::from(bytes), media_type.into())
    }

    pub(super) fn of(bytes: Bytes, media_type: Rc<str>) -> Self {
        Self { bytes, media_type, is_readable: true, raw: JsValue::UNDEFINED.unchecked_into() }
    }

    /// Returns a Blob whose file was removed.
    pub(crate) fn unreadable(bytes: &[u8]) -> Self {
        Self { is_readable: false, ..Self::new(bytes, "") }
    }

    /// Wraps the browser's own object. Without a browser, the Blob is empty.
    pub fn from_raw(raw: web_sys::Blob) -> Self {
        Self { raw, ..Self::new(b"", "") }
    }

    pub(crate) fn of_blob(blob: &web_sys::Blob) -> Self {
        Self::from_raw(blob.clone())
    }

    /// Returns an empty Blob: without a browser, objects have no bytes.
    pub(crate) fn of_buffer(_: &js_sys::ArrayBuffer) -> Self {
        Self::new(b"", "")
    }

    pub(crate) fn of_view(_: &js_sys::Object) -> Self {
        Self::new(b"", "")
    }

    pub(crate) fn of_image(_: &web_sys::ImageData) -> Self {
        Self::new(b"", "")
    }

    /// Returns the browser's own object; without a browser, `undefined`.
    pub fn as_raw(&self) -> &web_sys::Blob {
        &self.raw
    }

    /// Returns the browser's own object; without a browser, `undefined`.
    pub fn into_raw(self) -> web_sys::Blob {
        self.raw
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> u64 {
        self.bytes.len()
    }

    /// Returns whether the Blob is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the media type, such as `image/png`; empty if it is unknown, as for every received Blob.
    pub fn media_type(&self) -> String {
        self.media_type.to_string()
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
        Self { is_readable: self.is_readable, ..Self::of(self.bytes.slice(start..end), "".into()) }
    }

    /// Reads all bytes into memory.
    ///
    /// # Errors
    ///
    /// - [`Error::UnreadableBlob`], for instance if the file has changed.
    /// - [`Error::OutOfMemory`]: read a Blob that is too large for wasm memory with [`chunks`](Self::chunks).
    pub async fn bytes(&self) -> Result<Vec<u8>, Error> {
        if let Some(page) = current() {
            // A read takes time, and several reads may finish out of order.
            sleep(&page, Duration::from_micros(page.random_below(2000))).await;
        }
        if !self.is_readable {
            return Err(Error::UnreadableBlob("NotReadableError: the file is gone".into()));
        }
        room_for(self.len())?;
        Ok(self.bytes.as_slice().to_vec())
    }

    /// Reads all bytes as UTF-8, without a byte order mark at the beginning, and replaces invalid UTF-8 with U+FFFD.
    ///
    /// # Errors
    ///
    /// The same errors as [`bytes`](Self::bytes).
    pub async fn text(&self) -> Result<String, Error> {
        let bytes = self.bytes().await?;
        Ok(String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes)).into_owned())
    }

    pub(crate) fn shared(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) fn is_readable(&self) -> bool {
        self.is_readable
    }
}

impl Clone for Blob {
    fn clone(&self) -> Self {
        // A JavaScript object cannot be cloned without a browser, so each clone has its own `undefined`.
        Self { is_readable: self.is_readable, ..Self::of(self.bytes.clone(), Rc::clone(&self.media_type)) }
    }
}

/// Compares bytes and media types, since without a browser, objects have no identity.
impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        self.bytes.as_slice() == other.bytes.as_slice() && self.media_type == other.media_type
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob").field("len", &self.len()).field("media_type", &self.media_type).finish()
    }
}

impl From<web_sys::Blob> for Blob {
    fn from(raw: web_sys::Blob) -> Self {
        Self::from_raw(raw)
    }
}

impl From<web_sys::File> for Blob {
    fn from(raw: web_sys::File) -> Self {
        Self::from_raw(raw.into())
    }
}

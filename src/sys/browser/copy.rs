//! Copies text and bytes from the browser into wasm memory.

use std::cell::Cell;

use wasm_bindgen::{JsCast, JsValue};

use super::bindings::{self, Bytes, TextEncoder};
use super::{error, reflect};
use crate::Error;

/// Copies the bytes of a buffer into wasm memory, with few calls to JavaScript, which are most of the cost.
///
/// # Errors
///
/// [`Error::OutOfMemory`], or [`Error::Thrown`] for a buffer that the page has transferred.
pub fn bytes(buffer: &JsValue, len: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = zeros(len).ok_or(Error::OutOfMemory(len))?;
    match Bytes::new(buffer).and_then(|view| bindings::copy(&mut bytes, &view)) {
        Ok(()) => Ok(bytes),
        Err(thrown) => Err(error::thrown(thrown)),
    }
}

/// Returns `len` zeros; `None` if there is no memory for them. The peer chooses `len`: without this check, too large a message
/// would abort the whole module.
// Not inlined, which makes the minimal app smaller.
#[inline(never)]
fn zeros(len: u64) -> Option<Vec<u8>> {
    let (mut bytes, len) = (Vec::new(), len.try_into().ok()?);
    bytes.try_reserve(len).ok()?;
    bytes.resize(len, 0);
    Some(bytes)
}

/// Copies text of `len` UTF-16 units into wasm memory. Returns `None` if the value is not text.
///
/// # Errors
///
/// [`Error::OutOfMemory`].
pub fn text(value: &JsValue, len: u64) -> Option<Result<String, Error>> {
    if len <= SHORT {
        return value.as_string().map(Ok);
    }
    match LONG.try_with(|long| long.read(value, len)).ok()? {
        Ok(text) => text.map(Ok),
        Err(len) => Some(Err(Error::OutOfMemory(len))),
    }
}

/// The length, in UTF-16 units, up to which wasm-bindgen's copy unit by unit is faster than `TextEncoder`.
const SHORT: u64 = 64;
/// The length up to which wasm-bindgen copies text that is not ASCII. This is faster than to copy the result of
/// `TextEncoder.encode`. For longer text wasm-bindgen would reserve up to four times the bytes, and wasm memory never shrinks.
const MEDIUM: u64 = 16 << 10;

thread_local! {
    static LONG: Long = const { Long { encoder: Cell::new(None), was_ascii: Cell::new(true) } };
}

/// Reads long text.
struct Long {
    encoder: Cell<Option<TextEncoder>>,
    /// Whether the last long text was ASCII. The next text is mostly like the last.
    was_ascii: Cell<bool>,
}

impl Long {
    /// Returns the text, `None` if it cannot be decoded, or the number of bytes for which there is no memory.
    fn read(&self, value: &JsValue, len: u64) -> Result<Option<String>, u64> {
        let encoder = self.encoder.take().or_else(encoder).ok_or(len)?;
        let text = self.read_with(&encoder, value, len);
        self.encoder.set(Some(encoder));
        text
    }

    fn read_with(&self, encoder: &TextEncoder, value: &JsValue, len: u64) -> Result<Option<String>, u64> {
        // Browsers do not encode into shared memory.
        if self.was_ascii.get() && !cfg!(target_feature = "atomics") {
            // Each unit of ASCII is one byte, so the browser writes directly into the result.
            let mut bytes = zeros(len).ok_or(len)?;
            encoder.encode_into(value, &mut bytes);
            // If the text is not ASCII, the browser has written a character of several bytes, or has left zeros at the end.
            if bytes.is_ascii() && bytes.last() != Some(&0) {
                return Ok(utf8(bytes));
            }
        }
        let text = if len <= MEDIUM {
            // wasm-bindgen would abort the module if there were no memory.
            zeros(4 * len).ok_or(len)?;
            value.as_string()
        } else {
            // The number of bytes is known only after the browser has encoded the text into its own memory.
            let encoded = encoder.encode(value).map_err(|_| len)?;
            let byte_len = encoded.unchecked_ref::<bindings::Data>().length().map_err(|_| len)? as u64;
            let mut bytes = zeros(byte_len).ok_or(byte_len)?;
            let _ = bindings::copy(&mut bytes, &encoded);
            utf8(bytes)
        };
        self.was_ascii.set(text.as_ref().is_some_and(|text| text.len() as u64 == len));
        Ok(text)
    }
}

fn encoder() -> Option<TextEncoder> {
    reflect::construct("TextEncoder", "", None).ok()?.map(JsCast::unchecked_into)
}

// Not inlined, which makes the minimal app smaller.
#[inline(never)]
fn utf8(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok()
}

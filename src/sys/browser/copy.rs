//! Text and bytes of the browser → wasm memory.

use std::cell::Cell;

use wasm_bindgen::{JsCast, JsValue};

use super::bindings::{self, Bytes, TextEncoder};
use super::{error, reflect};
use crate::Error;

/// The bytes of a buffer. By few calls from wasm to JavaScript, as they are most of what this costs.
///
/// # Errors
///
/// [`Error::OutOfMemory`], or [`Error::Thrown`] for a buffer that the page has given away.
pub fn bytes(buffer: &JsValue, len: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = zeros(len).ok_or(Error::OutOfMemory(len))?;
    match Bytes::new(buffer).and_then(|view| bindings::copy(&mut bytes, &view)) {
        Ok(()) => Ok(bytes),
        Err(thrown) => Err(error::thrown(thrown)),
    }
}

/// So many zeros. The peer decides how many they are, and without memory for them the whole module would end.
// Not inlined, which saves bytes of the minimal app.
#[inline(never)]
fn zeros(len: u64) -> Option<Vec<u8>> {
    let (mut bytes, len) = (Vec::new(), len.try_into().ok()?);
    bytes.try_reserve(len).ok()?;
    bytes.resize(len, 0);
    Some(bytes)
}

/// Text of so many UTF-16 units. `None` for what is no text.
///
/// # Errors
///
/// [`Error::OutOfMemory`].
pub fn text(value: &JsValue, len: u64) -> Option<Result<String, Error>> {
    if len <= SHORT {
        return value.as_string().map(Ok);
    }
    match LONG.try_with(|long| long.read(value, len)).ok()? {
        Ok(bytes) => String::from_utf8(bytes).ok().map(Ok),
        Err(len) => Some(Err(Error::OutOfMemory(len))),
    }
}

/// The longest text, in UTF-16 units, that is faster copied unit by unit, as wasm-bindgen does it. For longer ones that takes four
/// times as many bytes if they are not ASCII, and memory never shrinks.
const SHORT: u64 = 64;

thread_local! {
    static LONG: Long = const { Long { encoder: Cell::new(None), was_ascii: Cell::new(true) } };
}

/// Reads long text.
struct Long {
    encoder: Cell<Option<TextEncoder>>,
    /// Whether the last long text was ASCII. Mostly the next one is what the last one was.
    was_ascii: Cell<bool>,
}

impl Long {
    /// The text as UTF-8, or how many bytes there is no memory for.
    fn read(&self, value: &JsValue, len: u64) -> Result<Vec<u8>, u64> {
        let encoder = self.encoder.take().or_else(encoder).ok_or(len)?;
        let bytes = self.encode(&encoder, value, len);
        self.encoder.set(Some(encoder));
        bytes
    }

    fn encode(&self, encoder: &TextEncoder, value: &JsValue, len: u64) -> Result<Vec<u8>, u64> {
        // Into shared memory browsers do not encode.
        if self.was_ascii.get() && !cfg!(target_feature = "atomics") {
            // If it is ASCII, each unit is a byte, and the browser writes it straight to where it stays.
            let mut bytes = zeros(len).ok_or(len)?;
            encoder.encode_into(value, &mut bytes);
            // Else a character that needs more than a byte was written, or did not fit, and left zeros.
            if bytes.is_ascii() && bytes.last() != Some(&0) {
                return Ok(bytes);
            }
        }
        // Encoded in the browser's own memory first, as only then is it known how many bytes it has.
        let encoded = encoder.encode(value).map_err(|_| len)?;
        let byte_len = encoded.unchecked_ref::<bindings::Data>().length().map_err(|_| len)? as u64;
        self.was_ascii.set(byte_len == len);
        let mut bytes = zeros(byte_len).ok_or(byte_len)?;
        let _ = bindings::copy(&mut bytes, &encoded);
        Ok(bytes)
    }
}

fn encoder() -> Option<TextEncoder> {
    reflect::construct("TextEncoder", "", None).ok()?.map(JsCast::unchecked_into)
}

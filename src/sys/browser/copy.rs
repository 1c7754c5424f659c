//! Text and bytes of the browser → wasm memory.

use std::cell::Cell;
use std::hint::black_box;

use wasm_bindgen::JsValue;

use super::bindings::{self, Bytes, TextEncoder};
use crate::Error;

/// Looks whether there is memory for so many bytes. The peer decides how many they are, and without memory for what is
/// copied, the whole module would end.
///
/// # Errors
///
/// [`Error::OutOfMemory`].
// Not inlined, which saves 43 bytes of the minimal app.
#[inline(never)]
pub fn room_for(len: u64) -> Result<(), Error> {
    // Compilers may leave out a block that is not used, and then there would always be room.
    let has_room = |len| {
        let mut block = Vec::<u8>::new();
        let reserved = block.try_reserve(len).is_ok();
        black_box(block.as_ptr());
        reserved
    };
    // Where there is none for so little, the module is lost in any case.
    if len > 64 << 10 && !usize::try_from(len).is_ok_and(has_room) {
        return Err(Error::OutOfMemory(len));
    }
    Ok(())
}

/// What a text of so many UTF-16 units may take: wasm-bindgen begins with a byte for each, and then takes three beside it.
pub fn bytes_of_text(len: u64) -> u64 {
    len.saturating_mul(4)
}

/// The bytes of a buffer. By few calls from wasm to JavaScript, as they are most of what this costs.
pub fn bytes(buffer: &JsValue, len: usize) -> Result<Vec<u8>, JsValue> {
    let mut bytes = vec![0; len];
    bindings::copy(&mut bytes, &Bytes::new(buffer)?)?;
    Ok(bytes)
}

/// Text of so many UTF-16 units. None for what is no text.
pub fn text(value: &JsValue, len: usize) -> Option<String> {
    // Into shared memory browsers do not encode.
    if len <= SHORT || cfg!(target_feature = "atomics") {
        return value.as_string();
    }
    ASCII.try_with(|ascii| ascii.read(value, len)).ok().flatten()
}

/// The longest text that is faster copied unit by unit, as wasm-bindgen does it.
const SHORT: usize = 64;

thread_local! {
    static ASCII: Ascii = const { Ascii { encoder: Cell::new(None), was_last: Cell::new(true) } };
}

/// Reads long text that may be ASCII.
struct Ascii {
    encoder: Cell<Option<TextEncoder>>,
    /// Whether the last long text was ASCII. Mostly the next one is what the last one was.
    was_last: Cell<bool>,
}

impl Ascii {
    fn read(&self, value: &JsValue, len: usize) -> Option<String> {
        let ascii = if self.was_last.get() { self.encode(value, len) } else { None };
        let text = ascii.or_else(|| value.as_string());
        self.was_last.set(text.as_ref().is_some_and(|text| text.len() == len));
        text
    }

    /// Text that is ASCII, each unit a byte: the browser writes it straight to where it stays. None if it is not.
    fn encode(&self, value: &JsValue, len: usize) -> Option<String> {
        let mut bytes = vec![0; len];
        let encoder = self.encoder.take().unwrap_or_else(TextEncoder::new);
        let read = encoder.encode_into(value, &mut bytes).read();
        self.encoder.set(Some(encoder));
        // If as many units were written as there are bytes, each of them is one byte.
        if read as usize == len { String::from_utf8(bytes).ok() } else { None }
    }
}

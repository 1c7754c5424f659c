//! What can be sent.

use js_sys::{ArrayBuffer, Object, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use super::bindings;
use crate::{Blob, Message};

/// What can be sent as one message, by value or by reference.
///
/// - text: `str`, `String`
/// - bytes: `[u8]`, `[u8; N]`, `Vec<u8>`
/// - [`Message`] and [`Blob`]
/// - browser objects, by reference and without a copy through wasm memory: `web_sys::{Blob, File, ImageData}`,
///   `js_sys::ArrayBuffer`, the typed arrays of `js_sys`, and `DataView`. Of an `ImageData` it is the pixels that are
///   sent, row by row, four bytes each in the order red, green, blue, alpha. A view of shared memory is copied first,
///   as browsers refuse it.
/// - `js_sys::JsString`, as text, likewise. A lone surrogate in it, which no Rust string has, is sent as U+FFFD.
///
/// Only this crate can implement it.
///
/// What is sent is what it holds when the browser takes it; later changes to a buffer are not seen by the peer.
pub trait Payload: Sealed {}

/// What only this crate can do with a payload.
pub trait Sealed {
    fn send_to(&self, socket: &bindings::WebSocket) -> Result<(), JsValue>;
}

impl<P: Payload + ?Sized> Payload for &P {}
impl<P: Sealed + ?Sized> Sealed for &P {
    fn send_to(&self, socket: &bindings::WebSocket) -> Result<(), JsValue> {
        P::send_to(self, socket)
    }
}

/// Implements `Payload` by an expression for a type, with its generics after an `@`.
macro_rules! payload {
    ($(@($($generics:tt)*))? $type:ty: |$this:ident, $socket:ident| $send:expr) => {
        impl<$($($generics)*)?> Payload for $type {}
        impl<$($($generics)*)?> Sealed for $type {
            fn send_to(&self, $socket: &bindings::WebSocket) -> Result<(), JsValue> {
                let $this = self;
                $send
            }
        }
    };
}

payload!(str: |text, socket| socket.send_str(text));
payload!(String: |text, socket| socket.send_str(text));
payload!([u8]: |bytes, socket| send_bytes(socket, bytes));
payload!(@(const N: usize) [u8; N]: |bytes, socket| send_bytes(socket, bytes));
payload!(Vec<u8>: |bytes, socket| send_bytes(socket, bytes));
payload!(Blob: |blob, socket| socket.send_object(blob.as_raw()));
payload!(web_sys::ImageData: |image, socket| socket.send_object(&image.unchecked_ref::<bindings::ImageData>().data()));
payload!(Message: |message, socket| match message {
    Message::Text(text) => text.send_to(socket),
    Message::Binary(bytes) => bytes.send_to(socket),
    Message::Blob(blob) => blob.send_to(socket),
});

/// Implements `Payload` for browser objects by a method.
macro_rules! objects {
    ($send:ident: $($type:ty)*) => { $(payload!($type: |object, socket| socket.$send(object));)* };
}

objects! { send_object: web_sys::Blob web_sys::File js_sys::ArrayBuffer js_sys::JsString }

objects! {
    send_view: js_sys::DataView
    js_sys::Int8Array js_sys::Int16Array js_sys::Int32Array js_sys::BigInt64Array
    js_sys::Uint8Array js_sys::Uint16Array js_sys::Uint32Array js_sys::BigUint64Array
    js_sys::Uint8ClampedArray js_sys::Float16Array js_sys::Float32Array js_sys::Float64Array
}

impl bindings::WebSocket {
    /// Sends what a view shows. Browsers refuse one of shared memory, since it could change while they read it.
    fn send_view(&self, view: &Object) -> Result<(), JsValue> {
        let view: &bindings::View = view.unchecked_ref();
        let buffer = view.buffer();
        // A buffer of another frame is no instance of this one's type.
        if buffer.is_instance_of::<ArrayBuffer>() || bindings::tag(&buffer) != "[object SharedArrayBuffer]" {
            return self.send_object(view);
        }
        let shared = Uint8Array::new_with_byte_offset_and_length(&buffer, view.byte_offset(), view.byte_length());
        self.send_object(&shared.slice(0, shared.length()))
    }
}

fn send_bytes(socket: &bindings::WebSocket, bytes: &[u8]) -> Result<(), JsValue> {
    if cfg!(target_feature = "atomics") {
        // Browsers refuse a view of shared memory, since it could change while they read it.
        socket.send_object(&Uint8Array::new_from_slice(bytes))
    } else {
        socket.send_bytes(bytes)
    }
}

//! What can be sent.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use super::Blob;
use super::platform::Socket;
use crate::{Error, Message};

/// What can be sent as one message, by value or by reference.
///
/// - text: `str`, `String`
/// - bytes: `[u8]`, `[u8; N]`, `Vec<u8>`, and `bytes::Bytes` with the feature `bytes`
/// - a `Box`, `Rc`, `Arc` or `Cow` of any of these
/// - [`Message`] and [`Blob`]
/// - browser objects, by reference and without a copy through wasm memory: `web_sys::{Blob, File, ImageData}`,
///   `js_sys::ArrayBuffer`, the typed arrays of `js_sys`, and `DataView`. An `ImageData` is sent as its pixels, row by row,
///   four bytes each in the order red, green, blue, alpha. A view of shared memory is copied first, as browsers refuse it.
/// - `js_sys::JsString`, as text, likewise. A lone surrogate in it, which no Rust string has, is sent as U+FFFD.
///
/// Only this crate can implement it.
///
/// The message holds what the payload holds when the browser takes it; later changes to a buffer are not sent.
pub trait Payload: Sealed {}

/// What only this crate can do with a payload.
pub trait Sealed {
    fn send_to(&self, socket: &Socket) -> Result<(), Error>;
}

/// Implements `Payload` by an expression for a type, with its generics after an `@`.
macro_rules! payload {
    ($(@($($generics:tt)*))? $type:ty: |$this:ident, $socket:ident| $send:expr) => {
        impl<$($($generics)*)?> Payload for $type {}
        impl<$($($generics)*)?> Sealed for $type {
            fn send_to(&self, $socket: &Socket) -> Result<(), Error> {
                let $this = self;
                $send
            }
        }
    };
}

payload!(@(P: Payload + ?Sized) &P: |payload, socket| P::send_to(payload, socket));
payload!(@(P: Payload + ?Sized) Box<P>: |payload, socket| P::send_to(payload, socket));
payload!(@(P: Payload + ?Sized) Rc<P>: |payload, socket| P::send_to(payload, socket));
payload!(@(P: Payload + ?Sized) Arc<P>: |payload, socket| P::send_to(payload, socket));
payload!(@(P: Payload + ToOwned + ?Sized) Cow<'_, P>: |payload, socket| P::send_to(payload, socket));
payload!(str: |text, socket| socket.send_text(text));
payload!(String: |text, socket| socket.send_text(text));
payload!([u8]: |bytes, socket| socket.send_bytes(bytes));
payload!(@(const N: usize) [u8; N]: |bytes, socket| socket.send_bytes(bytes));
payload!(Vec<u8>: |bytes, socket| socket.send_bytes(bytes));
#[cfg(feature = "bytes")]
payload!(bytes::Bytes: |bytes, socket| socket.send_bytes(bytes));
payload!(Blob: |blob, socket| socket.send_blob(blob));
payload!(web_sys::ImageData: |image, socket| socket.send_image(image));
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

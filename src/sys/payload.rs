//! Payloads: the types that can be sent.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use super::{Blob, Socket};
use crate::{Error, Message};

/// Types that can be sent as one message, by value or by reference.
///
/// - text: `str`, `String`
/// - bytes: `[u8]`, `[u8; N]`, `Vec<u8>`, and `bytes::Bytes` with the feature `bytes`
/// - a `Box`, `Rc`, `Arc` or `Cow` of any of these
/// - [`Message`] and [`Blob`]
/// - browser objects, without a copy through wasm memory: `web_sys::{Blob, File, ImageData}`, `js_sys::ArrayBuffer`, the typed
///   arrays of `js_sys`, and `DataView`. An `ImageData` is sent as its pixels, row by row, with four bytes each: red, green,
///   blue, alpha. A view of shared memory is copied first, since browsers refuse it.
/// - `js_sys::JsString` as text, without a copy through wasm memory. A lone surrogate is sent as U+FFFD.
///
/// The browser copies the bytes when the payload is sent: later changes to a buffer are not sent. A `WebSocket` written in JavaScript,
/// such as that of `ws` in Node.js, may read a buffer or view later, so do not change it.
///
/// This crate copies buffers and views over streams, in `Reconnecting` and in `Session`. There they must be smaller than 4 GiB: the
/// length of a larger one is taken modulo 4 GiB. Send a Blob instead.
///
/// The trait is sealed: only this crate implements it.
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::{Error, WebSocketStream};
///
/// async fn publish(mut radio: WebSocketStream, cover: web_sys::File, song: &js_sys::Int16Array) -> Result<(), Error> {
///     radio.send("title: Song").await?;
///     radio.send([0x00, 0xff]).await?;
///     radio.send(cover).await?; // the browser reads the file: its bytes do not enter wasm memory
///     radio.send(song).await?; // by reference
///     Ok(())
/// }
/// ```
pub trait Payload: Sealed {}

/// The part of [`Payload`] that only this crate can call.
pub trait Sealed {
    /// Sends the payload. Returns its length in bytes, or [`UNKNOWN`](super::socket::UNKNOWN) if only the browser knows it.
    fn send_to(&self, socket: &Socket) -> Result<u64, Error>;

    /// Returns a message with the payload's current bytes, to be sent later.
    fn to_message(&self) -> Message;

    fn into_message(self) -> Message
    where
        Self: Sized,
    {
        self.to_message()
    }
}

/// Implements `Payload` for a type, whose generics follow an `@`. The arguments say how to send a value, how to convert it into
/// a message, and, where this saves a copy, how to convert it by value.
macro_rules! payload {
    (
        $(@($($generics:tt)*))? $type:ty:
        |$this:ident, $socket:ident| $send:expr, |$that:ident| $message:expr $(, $into_message:expr)?
    ) => {
        impl<$($($generics)*)?> Payload for $type {}
        impl<$($($generics)*)?> Sealed for $type {
            fn send_to(&self, $socket: &Socket) -> Result<u64, Error> {
                let $this = self;
                $send
            }

            fn to_message(&self) -> Message {
                let $that = self;
                $message
            }

            $(fn into_message(self) -> Message {
                $into_message(self)
            })?
        }
    };
}

/// Implements `Payload` for pointers to a payload.
macro_rules! pointers {
    ($($type:ty)*) => { $(
        payload!(@(P: Payload + ?Sized) $type: |payload, socket| P::send_to(payload, socket), |payload| P::to_message(payload));
    )* };
}

pointers! { &P Box<P> Rc<P> Arc<P> }
payload!(@(P: Payload + ToOwned + ?Sized) Cow<'_, P>:
    |payload, socket| P::send_to(payload, socket), |payload| P::to_message(payload));

payload!(str: |text, socket| socket.send_text(text), |text| Message::Text(text.into()));
payload!(String: |text, socket| socket.send_text(text), |text| Message::Text(text.clone()), Message::Text);
payload!([u8]: |bytes, socket| socket.send_bytes(bytes), |bytes| Message::Binary(bytes.into()));
payload!(@(const N: usize) [u8; N]: |bytes, socket| socket.send_bytes(bytes), |bytes| Message::Binary(bytes.into()));
payload!(Vec<u8>: |bytes, socket| socket.send_bytes(bytes), |bytes| Message::Binary(bytes.clone()), Message::Binary);
#[cfg(feature = "bytes")]
payload!(bytes::Bytes: |bytes, socket| socket.send_bytes(bytes), |bytes| Message::Binary(bytes.to_vec()), |bytes: Self| {
    Message::Binary(bytes.into())
});
payload!(Blob: |blob, socket| socket.send_blob(blob), |blob| Message::Blob(blob.clone()), Message::Blob);
payload!(Message:
    |message, socket| match message {
        Message::Text(text) => text.send_to(socket),
        Message::Binary(bytes) => bytes.send_to(socket),
        Message::Blob(blob) => blob.send_to(socket),
    },
    |message| message.clone(),
    |message| message
);

payload!(web_sys::ImageData: |image, socket| socket.send_image(image), |image| Message::Blob(Blob::of_image(image)));
payload!(js_sys::JsString: |text, socket| socket.send_object(text), |text| Message::Text(text.into()));

/// Implements `Payload` for browser objects: `$send` is a method of the socket, `$blob` a constructor of a Blob.
macro_rules! objects {
    ($send:ident $blob:ident: $($type:ty)*) => { $(
        payload!($type: |object, socket| socket.$send(object), |object| Message::Blob(Blob::$blob(object)));
    )* };
}

objects! { send_object of_blob: web_sys::Blob web_sys::File }
objects! { send_object of_buffer: js_sys::ArrayBuffer }
objects! {
    send_view of_view: js_sys::DataView
    js_sys::Int8Array js_sys::Int16Array js_sys::Int32Array js_sys::BigInt64Array
    js_sys::Uint8Array js_sys::Uint16Array js_sys::Uint32Array js_sys::BigUint64Array
    js_sys::Uint8ClampedArray js_sys::Float16Array js_sys::Float32Array js_sys::Float64Array
}

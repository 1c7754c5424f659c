//! The handle of the browser's `WebSocketStream`.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::{Rc, Weak};

use js_sys::{Array, ArrayBuffer, JsString, Object, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use super::super::super::Event;
use super::super::socket::{copy_of, copy_of_view, explain};
use super::super::{Blob, bindings, error, reflect};
use super::bindings::{AbortController, Dictionary, WebSocketStream};
use super::inner::Inner;
use crate::{BinaryType, Error, ReadyState};

/// The browser's `WebSocketStream`. If it is dropped while it closes, unsent messages are still sent before the close.
pub struct StreamSocket(Rc<Inner>);

impl StreamSocket {
    /// Returns whether the browser has this transport.
    pub fn is_supported() -> bool {
        reflect::get(&js_sys::global(), CLASS).is_some()
    }

    pub fn new(url: &str, protocols: &[String]) -> Result<Self, Error> {
        let options = Dictionary::new();
        let controller = reflect::construct("AbortController", "", None).ok().flatten().ok_or(Error::Unsupported)?;
        let controller: AbortController = controller.unchecked_into();
        options.set("signal", &controller.signal());
        options.set("protocols", &protocols.iter().map(JsValue::from).collect::<Array>());
        match reflect::construct(CLASS, url, Some(options.unchecked_into())) {
            Ok(Some(stream)) => Ok(Self(Inner::new(stream.unchecked_into(), controller))),
            Ok(None) => Err(Error::Unsupported),
            Err(thrown) => Err(explain(thrown, url)),
        }
    }

    /// Returns the browser's own object, whose real type is not `WebSocket`.
    pub fn as_raw(&self) -> &web_sys::WebSocket {
        self.stream().unchecked_ref()
    }

    /// Gives the object away, with both of its streams.
    pub fn to_raw(&self) -> web_sys::WebSocket {
        self.0.release();
        self.as_raw().clone()
    }

    fn stream(&self) -> &WebSocketStream {
        &self.0.stream
    }

    pub fn ready_state(&self) -> ReadyState {
        self.0.state.get()
    }

    pub fn url(&self) -> String {
        reflect::text(self.stream(), "url")
    }

    pub fn protocol(&self) -> String {
        self.0.open().map(|open| open.protocol.clone()).unwrap_or_default()
    }

    pub fn extensions(&self) -> String {
        self.0.open().map(|open| open.extensions.clone()).unwrap_or_default()
    }

    pub fn buffered_amount(&self) -> u64 {
        self.0.unsent()
    }

    pub fn binary_type(&self) -> BinaryType {
        self.0.binary_type.get()
    }

    pub fn set_binary_type(&self, binary_type: BinaryType) {
        self.0.binary_type.set(binary_type);
    }

    /// Pauses reading, so that the peer has to wait, or resumes it.
    pub fn set_paused(&self, is_paused: bool) {
        self.0.set_paused(is_paused);
    }

    pub fn send_text(&self, text: &str) -> Result<u64, Error> {
        if self.0.is_waiting() {
            self.0.send(text.into(), text.len() as u64);
        } else {
            self.0.write(text.len() as u64, |writer| writer.write_text(text));
        }
        Ok(text.len() as u64)
    }

    pub fn send_bytes(&self, bytes: &[u8]) -> Result<u64, Error> {
        // Bytes that wait in the stream are copied: wasm memory changes meanwhile. Browsers refuse views of shared memory.
        if cfg!(target_feature = "atomics") || !self.0.is_idle() {
            self.0.send(Uint8Array::new_from_slice(bytes).into(), bytes.len() as u64);
        } else {
            self.0.write(bytes.len() as u64, |writer| writer.write_bytes(bytes));
        }
        Ok(bytes.len() as u64)
    }

    pub fn send_blob(&self, blob: &Blob) -> Result<u64, Error> {
        let len = blob.len();
        self.0.send_blob(blob.as_raw(), len);
        Ok(len)
    }

    pub fn send_image(&self, image: &web_sys::ImageData) -> Result<u64, Error> {
        self.send_view(image.unchecked_ref::<bindings::ImageData>().data().unchecked_ref())
    }

    /// Sends text, a buffer or a Blob. The browser would send other objects as text.
    pub fn send_object(&self, object: &JsValue) -> Result<u64, Error> {
        if let Some(text) = object.dyn_ref::<JsString>() {
            // In UTF-16 units, since the number of bytes is unknown.
            let len = text.length().into();
            self.0.send(object.clone(), len);
            return Ok(len);
        }
        match bindings::tag(object).as_string().as_deref() {
            Some("[object Blob]" | "[object File]") => self.send_blob(&Blob::of_blob(object.unchecked_ref())),
            _ => self.send_copy(copy_of(object, 0, object.unchecked_ref::<ArrayBuffer>().byte_length())),
        }
    }

    /// Sends the bytes of a view.
    pub fn send_view(&self, view: &Object) -> Result<u64, Error> {
        self.send_copy(copy_of_view(view))
    }

    /// Sends a copy, since the page may change the buffer while the message waits, and browsers refuse shared memory.
    fn send_copy(&self, copy: Result<Uint8Array, JsValue>) -> Result<u64, Error> {
        let copy = copy.map_err(error::thrown)?;
        let len = copy.length().into();
        self.0.send(copy.into(), len);
        Ok(len)
    }

    pub fn close(&self) {
        self.0.close(Dictionary::new());
    }

    pub fn close_with(&self, code: u16, reason: &str) -> Result<(), Error> {
        let info = Dictionary::new();
        info.set("closeCode", &code.into());
        info.set("reason", &reason.into());
        self.0.close(info);
        Ok(())
    }

    /// Listens to all events, instead of the previous listener.
    pub fn on_event(&self, closure: impl Fn(Event) + 'static) -> StreamListener {
        self.0.on_event.set(closure);
        StreamListener(Rc::downgrade(&self.0))
    }
}

const CLASS: &str = "WebSocketStream";

/// Calls a closure until it is dropped.
#[must_use = "the listener is removed when this is dropped"]
pub struct StreamListener(Weak<Inner>);

impl Drop for StreamListener {
    fn drop(&mut self) {
        if let Some(socket) = self.0.upgrade() {
            socket.on_event.clear();
        }
    }
}

// Their state changes in one step, in which no other code runs.
impl UnwindSafe for StreamSocket {}
impl RefUnwindSafe for StreamSocket {}
impl UnwindSafe for StreamListener {}
impl RefUnwindSafe for StreamListener {}

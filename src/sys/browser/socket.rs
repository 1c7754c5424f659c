//! The browser's socket.

use std::cell::OnceCell;

use js_sys::{ArrayBuffer, Object, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use super::super::socket::{Event, LONGEST_CONNECTING, UNKNOWN};
use super::listener::callback;
use super::{Blob, Data, Listener, bindings, error, event, reflect};
use crate::{BinaryType, CloseCode, CloseEvent, Error, ReadyState};

/// The browser's `WebSocket`, or an object like it, such as a `WebSocket` of `ws` in Node.js.
pub struct Socket {
    raw: bindings::WebSocket,
    /// Whether `send` copies bytes before it returns; empty until bytes are sent.
    copies: OnceCell<bool>,
}

impl Socket {
    pub fn new(url: &str, protocols: &[String]) -> Result<Self, Error> {
        let protocols = (!protocols.is_empty()).then(|| protocols.iter().map(JsValue::from).collect());
        match reflect::construct("WebSocket", url, protocols) {
            Ok(Some(socket)) => Ok(Self::from_raw(socket.unchecked_into())),
            Ok(None) => Err(Error::Unsupported),
            Err(thrown) => Err(explain(thrown, url)),
        }
    }

    pub fn from_raw(raw: web_sys::WebSocket) -> Self {
        Self { raw: raw.unchecked_into(), copies: OnceCell::new() }
    }

    pub fn as_raw(&self) -> &web_sys::WebSocket {
        &self.raw
    }

    /// Returns another reference to the browser's object.
    pub fn to_raw(&self) -> web_sys::WebSocket {
        self.as_raw().clone()
    }

    pub fn ready_state(&self) -> ReadyState {
        match self.raw.ready_state() {
            0 => ReadyState::Connecting,
            1 => ReadyState::Open,
            2 => ReadyState::Closing,
            _ => ReadyState::Closed,
        }
    }

    pub fn url(&self) -> String {
        reflect::text(&self.raw, "url")
    }

    pub fn protocol(&self) -> String {
        reflect::text(&self.raw, "protocol")
    }

    pub fn extensions(&self) -> String {
        reflect::text(&self.raw, "extensions")
    }

    pub fn buffered_amount(&self) -> u64 {
        self.raw.buffered_amount() as u64
    }

    pub fn binary_type(&self) -> BinaryType {
        if reflect::text(&self.raw, "binaryType") == "blob" { BinaryType::Blob } else { BinaryType::ArrayBuffer }
    }

    pub fn set_binary_type(&self, binary_type: BinaryType) {
        self.raw.set_binary_type(match binary_type {
            BinaryType::Blob => "blob",
            BinaryType::ArrayBuffer => "arraybuffer",
        });
    }

    pub fn send_text(&self, text: &str) -> Result<u64, Error> {
        self.raw.send_str(text).map_err(error::thrown)?;
        Ok(text.len() as u64)
    }

    pub fn send_bytes(&self, bytes: &[u8]) -> Result<u64, Error> {
        // Browsers refuse a view of shared memory, since it could change while they read it.
        let sent = if cfg!(target_feature = "atomics") || !self.copies() {
            self.raw.send_object(&Uint8Array::new_from_slice(bytes))
        } else {
            self.raw.send_bytes(bytes)
        };
        sent.map_err(error::thrown)?;
        Ok(bytes.len() as u64)
    }

    /// Returns whether `send` copies bytes before it returns, as that of browsers. A `send` in JavaScript may read them late: in `ws` and
    /// Deno it waits for a Blob that was sent before.
    fn copies(&self) -> bool {
        let ask = || reflect::get(&self.raw, "send").is_some_and(|send| bindings::includes(&send, "[native code]"));
        *self.copies.get_or_init(ask)
    }

    pub fn send_blob(&self, blob: &Blob) -> Result<u64, Error> {
        self.send_object(blob.as_raw())
    }

    pub fn send_image(&self, image: &web_sys::ImageData) -> Result<u64, Error> {
        self.send_object(&image.unchecked_ref::<bindings::ImageData>().data())
    }

    /// Sends any kind of object that the browser's `send` accepts.
    pub fn send_object(&self, object: &JsValue) -> Result<u64, Error> {
        self.raw.send_object(object).map_err(error::thrown)?;
        Ok(UNKNOWN)
    }

    /// Sends the bytes of a view.
    pub fn send_view(&self, view: &Object) -> Result<u64, Error> {
        match copy_of_shared(view) {
            Some(copy) => self.send_object(&copy),
            None => self.send_object(view),
        }
    }

    pub fn close(&self) {
        self.raw.close();
    }

    pub fn close_with(&self, code: u16, reason: &str) -> Result<(), Error> {
        self.raw.close_with(code, reason).map_err(error::thrown)
    }

    /// Closes a socket that has no listener any more. A connecting socket is closed by the browser when it has opened, or after
    /// [`LONGEST_CONNECTING`].
    pub fn leave(&self, state: ReadyState) {
        let target: &bindings::EventTarget = self.raw.unchecked_ref();
        // A bound function of JavaScript, so that no Rust closure lives until then. It binds a code and a reason, because the
        // browser would otherwise pass the event as the code.
        let listen = |name, method| {
            let method = reflect::get(target, method).unwrap_or_default();
            let method = method.unchecked_ref::<bindings::Method>().bind(&self.raw, CloseCode::NORMAL.get(), "");
            target.add_event_listener(name, &method);
            method
        };
        // In Node.js, an `error` event of `ws` ends the process if nothing listens to it. `valueOf` does nothing; `close` would fire
        // another `error` event in Node's own `WebSocket`.
        listen("error", "valueOf");
        if state == ReadyState::Connecting {
            bindings::set_timeout(&listen("open", "close"), LONGEST_CONNECTING.into());
        } else {
            self.close();
        }
    }

    pub fn on_open(&self, mut closure: impl FnMut() + 'static) -> Listener {
        Listener::new(&self.raw, &["open"], callback(move |_| closure()))
    }

    pub fn on_message(&self, mut closure: impl FnMut(Data) + 'static) -> Listener {
        let inspector = event::Inspector::default();
        let callback = callback(move |event: JsValue| {
            if let Some(data) = inspector.inspect(&event) {
                closure(data);
            }
        });
        Listener::new(&self.raw, &["message"], callback)
    }

    pub fn on_error(&self, mut closure: impl FnMut() + 'static) -> Listener {
        Listener::new(&self.raw, &["error"], callback(move |_| closure()))
    }

    pub fn on_event(&self, mut closure: impl FnMut(Event) + 'static) -> Listener {
        let inspector = event::Inspector::default();
        let callback = callback(move |event: JsValue| {
            let event = inspector.inspect(&event).map(Event::Message).or_else(|| event::change(event));
            if let Some(event) = event {
                closure(event);
            }
        });
        Listener::new(&self.raw, &["message", "open", "error", "close"], callback)
    }

    pub fn on_close(&self, mut closure: impl FnMut(CloseEvent) + 'static) -> Listener {
        Listener::new(&self.raw, &["close"], callback(move |event| closure(event::close(event))))
    }
}

/// Converts the constructor's exception into an error that names the URL.
pub(super) fn explain(thrown: JsValue, url: &str) -> Error {
    let (name, message) = error::describe(&thrown);
    let url = url.to_owned();
    match name.as_str() {
        // Subprotocols, the other cause, were validated before.
        "SyntaxError" => Error::InvalidUrl(url),
        "SecurityError" => Error::Security { url, message },
        // Firefox throws this, without a message, if the page's policy forbids the URL.
        "NS_ERROR_CONTENT_BLOCKED" => Error::Security { url, message: name },
        _ => Error::Thrown { name, message },
    }
}

/// Returns a copy of the bytes of a view of shared memory, which browsers refuse; `None` for other views.
pub(super) fn copy_of_shared(view: &Object) -> Option<Uint8Array> {
    let buffer = view.unchecked_ref::<bindings::View>().buffer();
    // The tag decides, since a buffer of another frame is not an instance of this frame's class.
    if buffer.is_instance_of::<ArrayBuffer>()
        || bindings::tag(&buffer).as_string().as_deref() != Some("[object SharedArrayBuffer]")
    {
        return None;
    }
    copy_of_view(view).ok()
}

/// Copies the bytes of a view into a new buffer, which is neither shared nor resizable.
///
/// # Errors
///
/// The exception for a buffer that was transferred.
pub(super) fn copy_of_view(view: &Object) -> Result<Uint8Array, JsValue> {
    let view: &bindings::View = view.unchecked_ref();
    copy_of(&view.buffer(), view.byte_offset()?, view.byte_length()?)
}

/// Copies `len` bytes of a buffer, like [`copy_of_view`].
pub(super) fn copy_of(buffer: &JsValue, start: u32, len: u32) -> Result<Uint8Array, JsValue> {
    let bytes: Uint8Array = bindings::Bytes::new(buffer)?.unchecked_into();
    Ok(bytes.slice(start, start.saturating_add(len)))
}

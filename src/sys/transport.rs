//! A socket over one of two transports: the browser's `WebSocket` or its `WebSocketStream`.

use super::platform::{self, StreamListener, StreamSocket};
use super::{Blob, Data, Event, js};
use crate::{BinaryType, CloseEvent, Error, ReadyState, Transport};

/// A socket over either transport.
pub enum Socket {
    Events(platform::Socket),
    Streams(StreamSocket),
}

/// Listens to a socket over either transport.
#[must_use = "the listener is removed when this is dropped"]
pub enum Listener {
    Events { _listener: Option<platform::Listener> },
    Streams { _listener: StreamListener },
}

/// Evaluates the same expression for either socket.
macro_rules! either {
    ($this:ident, $socket:ident => $action:expr) => {
        match $this {
            Self::Events($socket) => $action,
            Self::Streams($socket) => $action,
        }
    };
}

impl Socket {
    /// Starts to connect over events.
    pub fn new(url: &str, protocols: &[String]) -> Result<Self, Error> {
        platform::Socket::new(url, protocols).map(Self::Events)
    }

    /// Starts to connect over the requested transport.
    pub fn by(transport: Transport, url: &str, protocols: &[String]) -> Result<Self, Error> {
        match Self::available(transport) {
            Transport::Streams => StreamSocket::new(url, protocols).map(Self::Streams),
            _ => Self::new(url, protocols),
        }
    }

    /// Returns the transport that a connection with this option gets.
    pub fn available(transport: Transport) -> Transport {
        match transport {
            Transport::Best if StreamSocket::is_supported() => Transport::Streams,
            Transport::Best => Transport::Events,
            asked => asked,
        }
    }

    pub fn from_raw(raw: js::WebSocket) -> Self {
        Self::Events(platform::Socket::from_raw(raw))
    }

    pub fn transport(&self) -> Transport {
        match self {
            Self::Events(_) => Transport::Events,
            Self::Streams(_) => Transport::Streams,
        }
    }

    pub fn as_raw(&self) -> &js::WebSocket {
        either!(self, socket => socket.as_raw())
    }

    pub fn to_raw(&self) -> js::WebSocket {
        either!(self, socket => socket.to_raw())
    }

    pub fn ready_state(&self) -> ReadyState {
        either!(self, socket => socket.ready_state())
    }

    pub fn url(&self) -> String {
        either!(self, socket => socket.url())
    }

    pub fn protocol(&self) -> String {
        either!(self, socket => socket.protocol())
    }

    pub fn extensions(&self) -> String {
        either!(self, socket => socket.extensions())
    }

    pub fn buffered_amount(&self) -> u64 {
        either!(self, socket => socket.buffered_amount())
    }

    pub fn binary_type(&self) -> BinaryType {
        either!(self, socket => socket.binary_type())
    }

    pub fn set_binary_type(&self, binary_type: BinaryType) {
        either!(self, socket => socket.set_binary_type(binary_type));
    }

    /// Pauses reading, so that the peer has to wait, or resumes it. Does nothing over events, which cannot be paused.
    pub fn set_paused(&self, is_paused: bool) {
        if let Self::Streams(socket) = self {
            socket.set_paused(is_paused);
        }
    }

    pub fn send_text(&self, text: &str) -> Result<u64, Error> {
        either!(self, socket => socket.send_text(text))
    }

    pub fn send_bytes(&self, bytes: &[u8]) -> Result<u64, Error> {
        either!(self, socket => socket.send_bytes(bytes))
    }

    pub fn send_blob(&self, blob: &Blob) -> Result<u64, Error> {
        either!(self, socket => socket.send_blob(blob))
    }

    pub fn send_image(&self, image: &web_sys::ImageData) -> Result<u64, Error> {
        either!(self, socket => socket.send_image(image))
    }

    pub fn send_object(&self, object: &wasm_bindgen::JsValue) -> Result<u64, Error> {
        either!(self, socket => socket.send_object(object))
    }

    pub fn send_view(&self, view: &js_sys::Object) -> Result<u64, Error> {
        either!(self, socket => socket.send_view(view))
    }

    pub fn close(&self) {
        either!(self, socket => socket.close());
    }

    pub fn close_with(&self, code: u16, reason: &str) -> Result<(), Error> {
        either!(self, socket => socket.close_with(code, reason))
    }

    pub fn leave(&self, state: ReadyState) {
        match self {
            Self::Events(socket) => socket.leave(state),
            // Closing aborts an attempt, which the browser does not treat as a failure.
            Self::Streams(socket) => socket.close(),
        }
    }

    pub fn on_open(&self, closure: impl FnMut() + 'static) -> Listener {
        self.by_events(|socket| socket.on_open(closure))
    }

    pub fn on_message(&self, closure: impl FnMut(Data) + 'static) -> Listener {
        self.by_events(|socket| socket.on_message(closure))
    }

    pub fn on_error(&self, closure: impl FnMut() + 'static) -> Listener {
        self.by_events(|socket| socket.on_error(closure))
    }

    pub fn on_close(&self, closure: impl FnMut(CloseEvent) + 'static) -> Listener {
        self.by_events(|socket| socket.on_close(closure))
    }

    /// Listens to events of one kind. Only a `WebSocket` does, which connects over events.
    fn by_events(&self, listen: impl FnOnce(&platform::Socket) -> platform::Listener) -> Listener {
        let socket = if let Self::Events(socket) = self { Some(socket) } else { None };
        Listener::Events { _listener: socket.map(listen) }
    }

    /// Listens to all events.
    pub fn on_event(&self, closure: impl Fn(Event) + 'static) -> Listener {
        match self {
            Self::Events(socket) => Listener::Events { _listener: Some(socket.on_event(closure)) },
            Self::Streams(socket) => Listener::Streams { _listener: socket.on_event(closure) },
        }
    }
}

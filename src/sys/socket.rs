//! The browser's socket, with Rust types.

use std::cell::Cell;

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};

use super::listener::callback;
use super::{Data, Listener, Payload, bindings, error, event};
use crate::{BinaryType, CloseCode, CloseEvent, CloseReason, Error, Options, ReadyState, SendError, protocol};

/// The browser's socket. It is closed when this is dropped, unless it was given away.
pub(crate) struct RawSocket {
    raw: bindings::WebSocket,
    is_given_away: Cell<bool>,
    /// Whether a message was handed to the browser since a look at the open socket found nothing unsent.
    may_have_unsent: Cell<bool>,
}

impl RawSocket {
    pub fn new(url: &str, options: &Options) -> Result<Self, Error> {
        protocol::check(&options.protocols)?;
        if !cfg!(target_family = "wasm") {
            // A component that is rendered on a server runs natively, where there is nothing to call.
            return Err(Error::Unsupported);
        }
        let Some(constructor) = js_sys::global().unchecked_ref::<bindings::Global>().web_socket() else {
            return Err(Error::Unsupported);
        };
        let protocols: Array = options.protocols.iter().map(JsValue::from).collect();
        match bindings::construct(&constructor, &bindings::array_of(url, &protocols)) {
            Ok(Some(raw)) => {
                let socket = Self { raw, is_given_away: Cell::new(false), may_have_unsent: Cell::new(false) };
                socket.set_binary_type(options.binary_type);
                Ok(socket)
            }
            Ok(None) => Err(Error::Unsupported),
            Err(thrown) => Err(explain(thrown, url, options)),
        }
    }

    pub fn from_raw(raw: web_sys::WebSocket) -> Self {
        // Others may have sent before, which the first look tells.
        let may_have_unsent = Cell::new(true);
        let socket = Self { raw: raw.unchecked_into(), is_given_away: Cell::new(false), may_have_unsent };
        socket.look();
        socket
    }

    pub fn as_raw(&self) -> &web_sys::WebSocket {
        &self.raw
    }

    /// Gives the socket away, so that it is not closed when this is dropped.
    pub fn give_away(&self) -> web_sys::WebSocket {
        self.is_given_away.set(true);
        self.as_raw().clone()
    }

    pub fn ready_state(&self) -> ReadyState {
        match self.raw.ready_state() {
            // It is no business of this any more.
            _ if self.is_given_away.get() => ReadyState::Closed,
            0 => ReadyState::Connecting,
            1 => ReadyState::Open,
            2 => ReadyState::Closing,
            _ => ReadyState::Closed,
        }
    }

    pub fn url(&self) -> String {
        self.raw.url()
    }

    pub fn protocol(&self) -> String {
        self.raw.protocol()
    }

    pub fn extensions(&self) -> String {
        self.raw.extensions()
    }

    pub fn buffered_amount(&self) -> u64 {
        self.raw.buffered_amount() as u64
    }

    /// Returns the state and the unsent bytes, both of the same moment.
    pub fn look(&self) -> (ReadyState, u64) {
        let (state, amount) = (self.ready_state(), self.buffered_amount());
        if state == ReadyState::Open && amount == 0 {
            self.may_have_unsent.set(false);
        }
        (state, amount)
    }

    /// Whether the connection may have ended before everything was sent.
    ///
    /// `bufferedAmount` alone does not tell: in Chromium it can be 0 as soon as the connection is lost, with megabytes unsent.
    pub fn may_have_unsent(&self) -> bool {
        self.may_have_unsent.get() || self.buffered_amount() > 0
    }

    pub fn binary_type(&self) -> BinaryType {
        match self.raw.binary_type() {
            web_sys::BinaryType::Blob => BinaryType::Blob,
            _ => BinaryType::ArrayBuffer,
        }
    }

    pub fn set_binary_type(&self, binary_type: BinaryType) {
        self.raw.set_binary_type(match binary_type {
            BinaryType::Blob => web_sys::BinaryType::Blob,
            BinaryType::ArrayBuffer => web_sys::BinaryType::Arraybuffer,
        });
    }

    /// Hands the message to the browser, or back.
    pub fn send<P: Payload>(&self, message: P) -> Result<(), SendError<P>> {
        // When it is closing or closed, the browser takes the message without a word and discards it.
        let state = self.ready_state();
        if state != ReadyState::Open {
            return Err(SendError { message, error: Error::NotOpen(state) });
        }
        self.send_while_open(message)
    }

    /// The same, where the state was looked at and nothing can have happened since.
    pub fn send_while_open<P: Payload>(&self, message: P) -> Result<(), SendError<P>> {
        match message.send_to(&self.raw) {
            Ok(()) => {
                self.may_have_unsent.set(true);
                Ok(())
            }
            Err(thrown) => Err(SendError { message, error: error::thrown(thrown) }),
        }
    }

    pub fn close(&self) {
        // Without arguments it never throws.
        let _ = self.raw.close();
    }

    pub fn close_with<C, R>(&self, code: C, reason: R) -> Result<(), Error>
    where
        C: TryInto<CloseCode, Error: Into<Error>>,
        R: TryInto<CloseReason, Error: Into<Error>>,
    {
        let (code, reason) = (code.try_into().map_err(Into::into)?, reason.try_into().map_err(Into::into)?);
        self.raw.close_with(code.get(), reason.as_str()).map_err(error::thrown)
    }

    pub fn on_open(&self, mut closure: impl FnMut() + 'static) -> Listener {
        Listener::new(&self.raw, "open", callback(move |_| closure()))
    }

    pub fn on_message(&self, mut closure: impl FnMut(Data) + 'static) -> Listener {
        let inspector = event::Inspector::default();
        let callback = callback(move |event| {
            if let Some(data) = inspector.inspect(event) {
                closure(data);
            }
        });
        Listener::new(&self.raw, "message", callback)
    }

    pub fn on_error(&self, mut closure: impl FnMut() + 'static) -> Listener {
        Listener::new(&self.raw, "error", callback(move |_| closure()))
    }

    pub fn on_close(&self, mut closure: impl FnMut(CloseEvent) + 'static) -> Listener {
        Listener::new(&self.raw, "close", callback(move |event| closure(event::close(event))))
    }

    /// Leaves it to the browser to close the socket when it has opened, or after a while.
    ///
    /// Browsers take a socket that is closed while it connects for a failure: they write it to the console, and Chromium
    /// makes the next ones wait.
    fn close_when_open(&self) {
        // JavaScript alone, so that nothing of Rust is kept until then. With a code and a reason, or else the browser would
        // take the event for the code.
        let close = self.raw.close_method().bind(&self.raw, CloseCode::NORMAL.get(), "");
        // It throws only for arguments of a wrong type.
        let _ = self.raw.add_event_listener_with_callback("open", &close);
        bindings::set_timeout(&close, LONGEST_CONNECTING);
    }
}

/// How long a socket that was dropped may go on connecting, in milliseconds.
const LONGEST_CONNECTING: f64 = 1000.0;

impl Drop for RawSocket {
    fn drop(&mut self) {
        match self.ready_state() {
            ReadyState::Connecting => self.close_when_open(),
            ReadyState::Open => self.close(),
            ReadyState::Closing | ReadyState::Closed => {}
        }
    }
}

/// What the constructor throws, as an error that names the datum.
fn explain(thrown: JsValue, url: &str, options: &Options) -> Error {
    let (name, message) = error::describe(&thrown);
    let url = url.to_owned();
    match name.as_str() {
        // The other cause, a bad subprotocol, was excluded before, save for what browsers differ about.
        "SyntaxError" => match protocol::equal_but_for_case(&options.protocols) {
            Some(protocol) => Error::DuplicateProtocol(protocol.into()),
            None => Error::InvalidUrl(url),
        },
        "SecurityError" => Error::Security { url, message },
        // Firefox's own, for what the page's policy forbids. It has no message.
        "NS_ERROR_CONTENT_BLOCKED" => Error::Security { url, message: name },
        _ => Error::Thrown { name, message },
    }
}

impl std::fmt::Debug for RawSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocket").field("url", &self.url()).field("ready_state", &self.ready_state()).finish()
    }
}

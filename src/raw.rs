//! Ways in and out, for the browser's own objects.

use crate::lifecycle::End;
use crate::sys::{RawSocket, js};
use crate::{Connecting, Error, Options, ReadyState, WebSocket, WebSocketStream};

impl WebSocket {
    /// Takes over the browser's own socket, in whatever state it is. Dropping this closes it.
    ///
    /// What happened before is past: of an open socket there will be no `open` event, of a closed one none at all.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use wasm_websocket::WebSocket;
    /// # fn example(from_javascript: web_sys::WebSocket) {
    /// let socket = WebSocket::from_raw(from_javascript); // for instance an argument of an exported function
    /// socket.on_message(|message| drop(message)).forget();
    /// # }
    /// ```
    pub fn from_raw(raw: js::WebSocket) -> Self {
        Self::from_socket(RawSocket::from_raw(raw))
    }

    /// The browser's own socket. It is closed when this is dropped, whoever has a reference to it.
    pub fn as_raw(&self) -> &js::WebSocket {
        self.socket().as_raw()
    }

    /// Gives the browser's own socket away, in the state that it is in. All listeners are removed, and for other handles the
    /// socket is closed.
    pub fn into_raw(self) -> js::WebSocket {
        self.remove_listeners();
        self.socket().give_away()
    }
}

impl WebSocketStream {
    /// Takes over the browser's own socket, and resolves when it is open. Dropping this closes it.
    ///
    /// Messages that arrived before are past. Its [`BinaryType`](crate::BinaryType) stays as it is, which for a new socket
    /// is `Blob`.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] for a socket that is closing or closed, [`Error::ConnectFailed`] for one that was connecting and
    /// failed, [`Error::ConnectTimeout`] for one that was connecting for too long.
    pub fn from_raw(raw: js::WebSocket, options: &Options) -> Connecting {
        let socket = RawSocket::from_raw(raw);
        let socket = match socket.ready_state() {
            ReadyState::Connecting | ReadyState::Open => Ok(socket),
            state => Err(Error::NotOpen(state)),
        };
        Connecting::new(socket, options)
    }

    /// The browser's own socket. It is closed when this is dropped, whoever has a reference to it.
    pub fn as_raw(&self) -> &js::WebSocket {
        self.socket().as_raw()
    }

    /// Gives the browser's own socket away, in the state that it is in. The listeners are removed, and messages that have
    /// arrived and were not taken are lost. For what else holds the connection, such as [`Slices`](crate::Slices), it ends.
    pub fn into_raw(self) -> js::WebSocket {
        self.connection().end(End::Dropped);
        self.socket().give_away()
    }
}

/// A received message as the browser delivered it: what [`Receiver::next_raw`](crate::Receiver::next_raw) gives.
#[derive(Clone, Debug, PartialEq)]
pub enum RawMessage {
    /// Text, in JavaScript's own encoding.
    Text(js::JsString),
    /// Bytes, in the browser's memory.
    Binary(js::ArrayBuffer),
    /// Bytes in the browser's keeping, to be read when they are wanted.
    Blob(js::Blob),
}

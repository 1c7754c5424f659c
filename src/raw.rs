//! Conversions from and to the browser's own objects.

use crate::stream::end::End;
use crate::sys::{RawSocket, js};
use crate::{Connecting, Error, Options, ReadyState, WebSocket, WebSocketStream};

impl WebSocket {
    /// Wraps the browser's own socket, in any state. Dropping the wrapper closes the socket. Listeners of other code stay.
    ///
    /// Earlier events are not replayed: a socket that is already open fires no `open`, and a closed one fires nothing. The socket
    /// keeps its [`BinaryType`](crate::BinaryType), which is `Blob` for a new socket.
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

    /// Returns the browser's own socket. Dropping the wrapper closes the socket, even if other code refers to it.
    pub fn as_raw(&self) -> &js::WebSocket {
        self.socket().as_raw()
    }

    /// Returns the browser's own socket without closing it, and removes the listeners of all handles. Other handles then see a
    /// closed socket.
    pub fn into_raw(self) -> js::WebSocket {
        // Before the listeners: dropping one may run code that adds another.
        let raw = self.socket().give_away();
        self.remove_listeners();
        raw
    }
}

impl WebSocketStream {
    /// Wraps the browser's own socket, and resolves when it is open. Dropping the wrapper closes the socket.
    ///
    /// Earlier messages are not replayed; those that arrive after the call, even before it is awaited, are in the stream. Listeners of
    /// other code stay. The socket was made without the options, so it keeps its subprotocols, and its
    /// [`BinaryType`](crate::BinaryType), which is `Blob` for a new socket. All options but `protocols`, `binary_type` and
    /// `transport` apply.
    ///
    /// # Errors
    ///
    /// - [`Error::NotOpen`] for a socket that is closing or closed,
    /// - [`Error::ConnectFailed`] for a socket that does not open, or that has no subprotocol although `needs_protocol` is set,
    /// - [`Error::ConnectTimeout`] for a socket that does not open in time.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_bindgen::prelude::*;
    /// use wasm_websocket::{BinaryType, Options, WebSocketStream};
    ///
    /// /// Takes over a socket that JavaScript has opened and logged in.
    /// #[wasm_bindgen]
    /// pub async fn take_over(socket: web_sys::WebSocket) -> Result<(), JsError> {
    ///     let mut stream = WebSocketStream::from_raw(socket, &Options::new()).await?;
    ///     stream.set_binary_type(BinaryType::ArrayBuffer); // browsers begin with `Blob`
    ///     stream.send("hello from Rust").await?;
    ///     Ok(())
    /// }
    /// ```
    pub fn from_raw(raw: js::WebSocket, options: &Options) -> Connecting {
        let socket = RawSocket::from_raw(raw);
        let socket = match socket.ready_state() {
            ReadyState::Connecting | ReadyState::Open => Ok(socket),
            state => Err(Error::NotOpen(state)),
        };
        Connecting::new(socket, options)
    }

    /// Returns the browser's own socket. Dropping the wrapper closes the socket, even if other code refers to it.
    ///
    /// A message that other code sends on the socket does not wait for room, and senders notice its bytes only after some time. If other
    /// code closes the socket, this crate takes it for a close by the peer: received bytes may be missing before a clean end.
    ///
    /// Over `Transport::Streams` the object is a `WebSocketStream` of the browser: cast it with `unchecked_ref`.
    pub fn as_raw(&self) -> &js::WebSocket {
        self.socket().as_raw()
    }

    /// Returns the browser's own socket without closing it, and removes this crate's listeners. See [`as_raw`](Self::as_raw) for
    /// its type. Messages in the receive queue are lost. [`Slices`](crate::Slices) end with [`Error::NotOpen`], and
    /// [`closed`](Self::closed) with [`Error::Dropped`].
    ///
    /// Messages that were sent go out. Over `Transport::Streams`, the writable stream stays locked while a Blob among them is read.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::{Error, WebSocketStream};
    ///
    /// /// Logs in, and hands the open socket to a library in JavaScript.
    /// async fn logged_in(url: &str, token: &str) -> Result<web_sys::WebSocket, Error> {
    ///     let mut stream = WebSocketStream::connect(url).await?;
    ///     stream.send(token).await.map_err(Error::from)?;
    ///     Ok(stream.into_raw()) // dropping the stream instead would close it
    /// }
    /// ```
    pub fn into_raw(self) -> js::WebSocket {
        // Before the end: an executor may poll `Slices` in the call that ends the connection.
        let raw = self.socket().give_away();
        self.connection().end(End::Dropped);
        raw
    }
}

/// A received message as the browser delivered it: what [`Receiver::next_raw`](crate::Receiver::next_raw) returns.
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::{Error, RawMessage, WebSocketStream};
///
/// /// Passes the packets of a film to a decoder of the browser. They are never copied into wasm memory.
/// async fn play(mut film: WebSocketStream, decode: impl Fn(&js_sys::ArrayBuffer)) -> Result<(), Error> {
///     while let Some(message) = film.next_raw().await {
///         match message? {
///             RawMessage::Binary(packet) => decode(&packet),
///             RawMessage::Text(_) | RawMessage::Blob(_) => {} // this server sends neither
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum RawMessage {
    /// Text, as a JavaScript string.
    Text(js::JsString),
    /// Bytes, in the browser's memory.
    Binary(js::ArrayBuffer),
    /// A Blob, as the browser's own object. [`Blob::from_raw`](crate::Blob::from_raw) wraps it.
    Blob(js::Blob),
}

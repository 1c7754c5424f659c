//! The browser's socket, typed: events call closures.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::{Rc, Weak};

use crate::sys::{Listener, RawSocket};
use crate::types::close::{self, ABNORMAL};
use crate::{BinaryType, CloseCode, CloseEvent, CloseReason, Error, Message, Options, Payload, ReadyState, SendError};

/// The browser's [`WebSocket`], typed: its events call your closures.
///
/// A clone is another handle of the same socket. Dropping the last handle removes all listeners and closes the socket; messages
/// that were sent go out first. A socket that is still connecting is closed as soon as it is open, or after a second. A handle is
/// equal to its clones; two wrappers of one raw socket are not equal. Handles stay in the thread that made them (`!Send`).
///
/// An event calls all its listeners, in the order in which they were added. A closure may send, close, and add or drop listeners. A
/// handle that a listener of the same socket holds keeps the socket alive for ever, so give it a [`WeakWebSocket`] instead.
///
/// [`WebSocket`]: https://websockets.spec.whatwg.org/#the-websocket-interface
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::{Error, Message, WebSocket};
///
/// fn follow(show: fn(String)) -> Result<WebSocket, Error> {
///     let socket = WebSocket::new("wss://example.com/feed")?;
///     let opened = socket.downgrade(); // a clone would keep the socket alive by itself
///     let subscribe = move || {
///         if let Some(Err(unsent)) = opened.upgrade().map(|socket| socket.send("subscribe")) {
///             show(format!("not subscribed: {unsent}"));
///         }
///     };
///     socket.on_open(subscribe).forget(); // for as long as the socket lives
///     socket.on_message(move |message| if let Message::Text(text) = message { show(text) }).forget();
///     socket.on_close(move |event| show(format!("closed: {event}"))).forget();
///     Ok(socket) // the connection ends when this is dropped
/// }
/// ```
#[must_use = "the connection is closed when its last handle is dropped"]
#[derive(Clone)]
pub struct WebSocket {
    inner: Rc<Inner>,
}

/// A handle of a [`WebSocket`] that does not keep it alive: what [`WebSocket::downgrade`] returns.
///
/// # Examples
///
/// ```ignore-wasm32
/// # use wasm_websocket::testing::Page;
/// use wasm_websocket::WebSocket;
/// # let page = Page::new();
/// # let server = page.server("wss://example.com/echo");
/// # page.run(async {
///
/// let socket = WebSocket::new("wss://example.com/echo")?;
/// let weak = socket.downgrade(); // a clone in a listener of its own would keep the socket alive for ever
/// let listening = socket.on_message(move |message| {
///     let Some(socket) = weak.upgrade() else { return };
///     drop(socket.send(message)); // fails only if the connection closes meanwhile
/// });
/// # let mut peer = server.accept().await;
/// # peer.send("hello");
/// # assert_eq!(peer.receive().await, Some("hello".into()));
/// # listening.forget();
/// drop(socket); // closes the connection
/// # assert_eq!(peer.receive().await, None);
/// # Ok::<(), wasm_websocket::Error>(())
/// # })?;
/// # Ok::<(), wasm_websocket::Error>(())
/// ```
#[derive(Clone)]
pub struct WeakWebSocket {
    inner: Weak<Inner>,
}

struct Inner {
    // Dropped before the socket, whose closing therefore calls no listener.
    listeners: RefCell<Vec<(u64, Listener)>>,
    last_id: Cell<u64>,
    /// Whether the socket was closed while it was connecting, so that it will never open.
    is_given_up: Cell<bool>,
    socket: RawSocket,
}

impl Inner {
    /// Notes that the page closes the socket. Called before the close.
    fn closes(&self) {
        if self.socket.ready_state() == ReadyState::Connecting {
            self.is_given_up.set(true);
        }
    }
}

/// A guard that removes a listener when it is dropped: what [`WebSocket::on_open`] and the other `on_` methods return.
///
/// `let _ = socket.on_open(…)` drops the guard at once: give it a name, or [`forget`](Self::forget) it. A guard does not keep
/// the socket alive.
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::{ListenerGuard, Message, WebSocket};
///
/// /// A dialog that shows messages while it is open.
/// struct Dialog {
///     _listening: ListenerGuard,
/// }
///
/// impl Dialog {
///     fn open(socket: &WebSocket, show: impl FnMut(Message) + 'static) -> Self {
///         // Dropped with the dialog, which removes the listener. The socket stays open.
///         Self { _listening: socket.on_message(show) }
///     }
/// }
/// ```
#[must_use = "the listener is removed when this is dropped: give it a name, or `forget()` it"]
pub struct ListenerGuard {
    inner: Weak<Inner>,
    id: u64,
}

impl WebSocket {
    /// Begins to connect to `url`.
    ///
    /// The socket is connecting when this returns. Listeners that are added before the next `await` miss no event.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`], [`Error::Security`] or [`Error::Unsupported`]. If the connection cannot be opened, the listeners
    /// for `error` and `close` are called; if the browser blocks it, only [the one for `error`](Self::on_error).
    pub fn new(url: &str) -> Result<Self, Error> {
        Self::with_options(url, &Options::default())
    }

    /// Begins to connect to `url` with the subprotocols and the binary type of `options`. All other options are ignored, except
    /// that `Transport::Streams` is an error.
    ///
    /// # Errors
    ///
    /// The same errors as [`new`](Self::new), and [`Error::InvalidProtocol`] or [`Error::DuplicateProtocol`].
    pub fn with_options(url: &str, options: &Options) -> Result<Self, Error> {
        Ok(Self::from_socket(options.events_socket(url)?))
    }

    pub(crate) fn from_socket(socket: RawSocket) -> Self {
        let (last_id, is_given_up) = (Cell::default(), Cell::default());
        Self { inner: Rc::new(Inner { listeners: RefCell::default(), last_id, is_given_up, socket }) }
    }

    pub(crate) fn socket(&self) -> &RawSocket {
        &self.inner.socket
    }

    /// Returns a handle that does not keep the socket alive, for its own listeners.
    pub fn downgrade(&self) -> WeakWebSocket {
        WeakWebSocket { inner: Rc::downgrade(&self.inner) }
    }

    /// Removes all listeners. No borrow is held, since dropping a closure may drop a guard of this socket.
    pub(crate) fn remove_listeners(&self) {
        drop(self.inner.listeners.take());
    }

    /// Calls `callback` when the connection has opened, at most once.
    pub fn on_open(&self, callback: impl FnOnce() + 'static) -> ListenerGuard {
        let mut callback = once(|()| callback());
        self.listen(self.inner.socket.on_open(move || callback(())))
    }

    /// Calls `callback` with each message.
    ///
    /// A message that does not fit into wasm memory, or whose buffer the page has transferred, is skipped; a
    /// [`WebSocketStream`](crate::WebSocketStream) yields an error for it. With [`BinaryType::Blob`] bytes use no wasm memory.
    pub fn on_message(&self, mut callback: impl FnMut(Message) + 'static) -> ListenerGuard {
        self.listen(self.inner.socket.on_message(move |data| {
            if let Some(Ok(message)) = data.decode() {
                callback(message);
            }
        }))
    }

    /// Calls `callback` when the connection has failed, at most once: with [`Error::ConnectFailed`], or with
    /// [`Error::ConnectionLost`] if it was open before.
    ///
    /// Browsers hide the cause from pages. A `close` event follows, except for a connection that the browser blocks:
    ///
    /// - Chromium blocks connections that the page's content security policy forbids.
    /// - WebKit blocks some ports, and `ws:` on an `https:` page.
    ///
    /// In Chromium, an open connection that breaks without a protocol violation fires only a `close` event.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::{Error, WebSocket};
    ///
    /// fn report(socket: &WebSocket, show: fn(&str)) {
    ///     let report = move |error| match error {
    ///         Error::ConnectFailed { .. } => show("The server cannot be reached."),
    ///         _ => show("The connection was lost."),
    ///     };
    ///     socket.on_error(report).forget();
    /// }
    /// ```
    pub fn on_error(&self, callback: impl FnOnce(Error) + 'static) -> ListenerGuard {
        let socket = &self.inner.socket;
        // The socket is always closed when the event fires, so whether it was open must be known before.
        let is_past = socket.ready_state() != ReadyState::Connecting;
        let was_open = Rc::new(Cell::new(is_past && !self.inner.is_given_up.get()));
        let opened = Rc::clone(&was_open);
        let on_open = socket.on_open(move || opened.set(true));
        let url = socket.url();
        let mut callback = once(move |()| {
            drop(on_open);
            callback(if was_open.get() {
                Error::ConnectionLost { url }
            } else {
                Error::ConnectFailed { url, code: ABNORMAL }
            });
        });
        self.listen(socket.on_error(move || callback(())))
    }

    /// Calls `callback` when the connection has ended, or could not be opened, at most once.
    pub fn on_close(&self, callback: impl FnOnce(CloseEvent) + 'static) -> ListenerGuard {
        self.listen(self.inner.socket.on_close(once(callback)))
    }

    /// Sends a message.
    ///
    /// Returns when the message was handed to the browser; only the peer can tell whether it has received the message. It never
    /// waits: the browser buffers what the network does not take, and [`buffered_amount`](Self::buffered_amount) counts it.
    ///
    /// # Errors
    ///
    /// - [`Error::NotOpen`] if the connection is not open; on a closing or closed socket the browser's own
    ///   [`send`](https://websockets.spec.whatwg.org/#dom-websocket-send) discards the message without an error,
    /// - [`Error::Thrown`] for a buffer that browsers refuse, such as a resizable one.
    ///
    /// The error returns the message.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::WebSocket;
    ///
    /// /// Called when the user submits a text. A text that cannot be sent returns to the input.
    /// fn submit(socket: &WebSocket, text: String, set_input: impl Fn(String), show: impl Fn(String)) {
    ///     if let Err(unsent) = socket.send(text) {
    ///         show(unsent.to_string()); // for instance: "the connection is closed, not open; connect again"
    ///         set_input(unsent.message);
    ///     }
    /// }
    /// ```
    pub fn send<P: Payload>(&self, message: P) -> Result<(), SendError<P>> {
        self.inner.socket.send(message)
    }

    /// Begins to close the connection, without a code. Messages that were sent before go out first.
    ///
    /// Does nothing if the socket is closing or closed. If the socket is connecting, it
    /// [fails the connection](https://websockets.spec.whatwg.org/#dom-websocket-close).
    pub fn close(&self) {
        self.inner.closes();
        self.inner.socket.close();
    }

    /// Begins to close the connection with a code and a reason, otherwise like [`close`](Self::close).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCloseCode`] or [`Error::ReasonTooLong`]; the connection then stays open.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use wasm_websocket::{CloseCode, CloseReason, Error, WebSocket};
    /// # fn example(socket: &WebSocket, why: &str) -> Result<(), Error> {
    /// socket.close_with(4001, "idle")?;
    /// socket.close_with(CloseCode::NORMAL, CloseReason::truncated(why))?; // cannot fail
    /// # Ok(())
    /// # }
    /// ```
    pub fn close_with<C, R>(&self, code: C, reason: R) -> Result<(), Error>
    where
        C: TryInto<CloseCode, Error: Into<Error>>,
        R: TryInto<CloseReason, Error: Into<Error>>,
    {
        let (code, reason) = close::frame(code, reason)?;
        self.inner.closes();
        self.inner.socket.close_with(code, &reason)
    }

    /// Returns the state of the connection.
    pub fn ready_state(&self) -> ReadyState {
        self.inner.socket.ready_state()
    }

    /// Returns the URL, as the browser has resolved it.
    pub fn url(&self) -> String {
        self.inner.socket.url()
    }

    /// Returns the subprotocol that the server selected; empty if none, or while connecting.
    pub fn protocol(&self) -> String {
        self.inner.socket.protocol()
    }

    /// Returns the extensions that the server selected, such as `permessage-deflate`; empty if none, or while connecting.
    pub fn extensions(&self) -> String {
        self.inner.socket.extensions()
    }

    /// Returns the number of bytes that are buffered in the browser: its [`bufferedAmount`].
    ///
    /// It is meaningless after the end: most browsers keep counting messages that they could not send, but in Chromium it can be 0
    /// although nothing was sent.
    ///
    /// [`bufferedAmount`]: https://websockets.spec.whatwg.org/#dom-websocket-bufferedamount
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::{Error, WebSocket};
    ///
    /// /// Sends a picture of a camera, unless the network is still busy with the last ones.
    /// fn send_picture(socket: &WebSocket, picture: &[u8]) -> Result<(), Error> {
    ///     if socket.buffered_amount() < 256 << 10 {
    ///         socket.send(picture)?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn buffered_amount(&self) -> u64 {
        self.inner.socket.buffered_amount()
    }

    /// Returns the type in which binary messages are delivered.
    pub fn binary_type(&self) -> BinaryType {
        self.inner.socket.binary_type()
    }

    /// Sets the type in which binary messages are delivered, from the next message that the browser delivers.
    pub fn set_binary_type(&self, binary_type: BinaryType) {
        self.inner.socket.set_binary_type(binary_type);
    }

    fn listen(&self, listener: Listener) -> ListenerGuard {
        let id = self.inner.last_id.get() + 1;
        self.inner.last_id.set(id);
        if !self.inner.socket.is_given_away() {
            self.inner.listeners.borrow_mut().push((id, listener));
        }
        ListenerGuard { inner: Rc::downgrade(&self.inner), id }
    }
}

/// Wraps a closure for an event that fires at most once. The closure is dropped when it has been called.
fn once<T>(closure: impl FnOnce(T)) -> impl FnMut(T) {
    let mut closure = Some(closure);
    move |argument| {
        if let Some(closure) = closure.take() {
            closure(argument);
        }
    }
}

impl ListenerGuard {
    /// Keeps the listener for as long as the socket lives.
    pub fn forget(mut self) {
        self.inner = Weak::new();
    }
}

impl WeakWebSocket {
    /// Returns a handle of the socket; `None` if all handles that keep it alive were dropped.
    pub fn upgrade(&self) -> Option<WebSocket> {
        self.inner.upgrade().map(|inner| WebSocket { inner })
    }
}

impl Drop for ListenerGuard {
    fn drop(&mut self) {
        let Some(inner) = self.inner.upgrade() else { return };
        let mut listeners = inner.listeners.borrow_mut();
        let removed = listeners.iter().position(|(id, _)| *id == self.id).map(|index| listeners.remove(index));
        // The borrow ends first, since dropping the closure may drop a guard of this socket.
        drop(listeners);
        drop(removed);
    }
}

// With `panic=unwind`, wasm-bindgen requires these of all values in an exported `async fn`. They hold: no closure runs and no
// closure is dropped while the list of listeners is borrowed.
impl UnwindSafe for Inner {}
impl RefUnwindSafe for Inner {}
impl UnwindSafe for ListenerGuard {}
impl RefUnwindSafe for ListenerGuard {}

impl PartialEq for WebSocket {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for WebSocket {}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.socket.fmt(f)
    }
}

impl fmt::Debug for WeakWebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakWebSocket")
    }
}

impl fmt::Debug for ListenerGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerGuard").field("id", &self.id).finish_non_exhaustive()
    }
}

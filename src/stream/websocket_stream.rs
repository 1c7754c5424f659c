//! The connection for async code: both halves in one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;

use super::connection::Handle;
use crate::send::sink::sink_of_sender;
use crate::sys::RawSocket;
use crate::{
    BinaryType, Blob, ByteStream, CloseCode, CloseEvent, CloseReason, Closed, Connecting, Error, Message, Options,
    Payload, RawMessage, ReadyState, Receiver, SendError, Sender, Slices,
};

/// An open connection as a [`Stream`] and a [`Sink`] of [`Message`]s.
///
/// Yields messages in the order in which they were sent. When the connection has ended and all messages are taken, the stream ends:
/// it yields `None` from then on, and [`close_event`](Self::close_event) returns the code and the reason. If messages may be
/// missing, one `Err` comes before the first `None`:
///
/// - [`Error::Unclean`] if the connection was lost,
/// - [`Error::CloseTimeout`] if this page has awaited a close and the peer did not answer in time,
/// - [`Error::Overflow`] if the receive queue has overflowed and [`Overflow::Close`](crate::Overflow::Close) has closed the
///   connection.
///
/// Two errors replace a single message, and the stream continues:
///
/// - [`Error::OutOfMemory`] if the message does not fit into wasm memory,
/// - [`Error::Thrown`] if the page has transferred the message's buffer.
///
/// Browsers discard messages that arrive after this page has called `close`, and no `Err` reports it: call `close` after the last
/// message that you need, or let the peer close.
///
/// After 128 messages in a row the stream waits for the next turn of the event loop, so that the page stays responsive. If more
/// than 2048 messages are queued, it takes a sixteenth of them in a row, at most 1024.
///
/// Dropping it closes the connection as [`close`](Self::close) does; messages that were sent go out first. It stays in the thread
/// that created it (`!Send`). To send and receive in different tasks, [`split`](Self::split) it.
///
/// This type is not the browser's own [`WebSocketStream`], which only Chromium has: it wraps a [`WebSocket`], and so works in
/// every browser. With the feature `streams` it can wrap the browser's `WebSocketStream`, too.
///
/// [`WebSocketStream`]: https://developer.mozilla.org/en-US/docs/Web/API/WebSocketStream
/// [`WebSocket`]: https://websockets.spec.whatwg.org/#the-websocket-interface
///
/// # Examples
///
/// ```no_run
/// use futures_util::TryStreamExt;
/// use wasm_websocket::{Message, WebSocketStream};
///
/// # async fn example() -> Result<(), wasm_websocket::Error> {
/// let mut stream = WebSocketStream::connect("wss://example.com/chat").await?;
/// stream.send("hello").await?;
/// while let Some(message) = stream.try_next().await? {
///     if message.as_text() == Some("bye") {
///         stream.close().await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "the connection is closed when this is dropped"]
pub struct WebSocketStream {
    sender: Sender,
    receiver: Receiver,
}

impl WebSocketStream {
    /// Connects to `url` and resolves with the open connection.
    ///
    /// The call itself begins to connect. The future resolves when the connection is open, has failed, or has timed out after 20
    /// seconds. In current browsers, a relative URL such as `/chat` is resolved against the URL of the page. [`Options::connect`]
    /// does the same with options.
    ///
    /// Dropping the future closes the connection. Browsers report a socket that is closed while it connects as a failure, so
    /// the handshake is completed first, if that takes less than a second. The server may then see a connection that opens and
    /// closes at once.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`], [`Error::Security`], [`Error::Unsupported`], [`Error::ConnectFailed`] or
    /// [`Error::ConnectTimeout`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::{Error, WebSocketStream};
    ///
    /// async fn connect(show: impl Fn(String)) -> Option<WebSocketStream> {
    ///     match WebSocketStream::connect("/chat").await {
    ///         Ok(stream) => return Some(stream),
    ///         Err(Error::Unsupported) => {} // this is the server, which renders the page
    ///         Err(Error::ConnectTimeout { .. }) => show("The server does not answer.".into()),
    ///         Err(error) => show(error.to_string()), // without secrets of the URL
    ///     }
    ///     None
    /// }
    /// ```
    pub fn connect(url: &str) -> Connecting {
        Options::default().connect(url)
    }

    pub(crate) fn new(connection: Handle) -> Self {
        Self { sender: Sender::new(connection.clone()), receiver: Receiver::new(connection) }
    }

    pub(crate) fn socket(&self) -> &RawSocket {
        self.sender.socket()
    }

    pub(crate) fn ended(&self) -> Option<Result<CloseEvent, Error>> {
        self.connection().result()
    }

    pub(crate) fn connection(&self) -> &Handle {
        self.sender.connection()
    }

    /// Splits the connection into two halves, for different tasks. There is no lock between them.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt;
    /// use wasm_bindgen_futures::spawn_local;
    /// use wasm_websocket::{Message, Sender, WebSocketStream};
    ///
    /// /// Shows messages in a task of its own, and returns the half that sends.
    /// fn run(stream: WebSocketStream, show: impl Fn(Message) + 'static) -> Sender {
    ///     let (sender, mut receiver) = stream.split();
    ///     spawn_local(async move {
    ///         while let Ok(Some(message)) = receiver.try_next().await {
    ///             show(message);
    ///         }
    ///     });
    ///     sender // clone it for each part of the app that sends
    /// }
    /// ```
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }

    /// Converts the connection into a byte stream, without message boundaries, for protocols over `AsyncRead` and `AsyncWrite`.
    pub fn into_byte_stream(self) -> ByteStream {
        ByteStream::new(self)
    }

    /// Sends a message, waiting while more than [`high_water_mark`](Options::high_water_mark) bytes are unsent. See
    /// [`Sender::send`].
    ///
    /// Dropping the future before it resolves sends nothing and drops the message; pass a reference to keep the message.
    ///
    /// # Errors
    ///
    /// - [`Error::NotOpen`] if the connection is not open, or is closed or ends during the wait,
    /// - [`Error::Overflow`] if the connection has ended because the receive queue has overflowed,
    /// - [`Error::Thrown`] for a buffer that browsers refuse.
    ///
    /// The error returns the message.
    pub fn send<P: Payload>(&mut self, message: P) -> impl Future<Output = Result<(), SendError<P>>> {
        self.sender.send(message)
    }

    /// Sends a message without waiting. See [`Sender::try_send`].
    ///
    /// # Errors
    ///
    /// - [`Error::Full`] if the connection is open, but more than the high water mark is unsent or other senders wait,
    /// - otherwise the same errors as [`send`](Self::send).
    ///
    /// The error returns the message.
    pub fn try_send<P: Payload>(&self, message: P) -> Result<(), SendError<P>> {
        self.sender.try_send(message)
    }

    /// Waits until a message can be sent without waiting. See [`Sender::ready`].
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] or [`Error::Overflow`], like [`send`](Self::send).
    pub async fn ready(&self) -> Result<(), Error> {
        self.sender.ready().await
    }

    /// Waits until all messages that were sent have left the browser. See [`Sender::flush`].
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] or [`Error::Overflow`] if the connection begins to close, or ends, before all messages are
    /// known to have left the browser.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.sender.flush().await
    }

    /// Sends a Blob or `File` in slices of `len` bytes, each as one message. See [`Sender::send_slices`].
    ///
    /// # Errors
    ///
    /// The stream ends with [`Error::NotOpen`] or [`Error::Overflow`] if the connection is not open, or is closed or ends
    /// meanwhile.
    pub fn send_slices(&self, blob: impl Into<Blob>, len: u64) -> Slices {
        self.sender.send_slices(blob, len)
    }

    /// Returns the next message as the browser delivered it, without a copy into wasm memory. See [`Receiver::next_raw`].
    ///
    /// # Errors
    ///
    /// [`Error::Unclean`], [`Error::CloseTimeout`] or [`Error::Overflow`] as the last item, if messages may be missing.
    pub async fn next_raw(&mut self) -> Option<Result<RawMessage, Error>> {
        self.receiver.next_raw().await
    }

    /// Returns the number of messages that were dropped because the receive queue was full, at most 1 with
    /// [`Overflow::Close`](crate::Overflow::Close). See [`Options::receive_limit`].
    pub fn dropped(&self) -> u64 {
        self.receiver.dropped()
    }

    /// Closes the connection without a code, and waits for the peer's answer. See [`Sender::close`].
    ///
    /// The call itself begins to close. Dropping the future does not stop that, but ends the timeout: with a silent peer, the
    /// stream then ends with [`Error::Unclean`] when the browser gives up, after 20 to 60 seconds. Messages that had arrived before
    /// can still be taken from the stream.
    ///
    /// # Errors
    ///
    /// The same errors as [`Sender::close`]. After [`Error::CloseTimeout`] the stream ends with this error.
    pub fn close(&mut self) -> impl Future<Output = Result<CloseEvent, Error>> {
        self.sender.close()
    }

    /// Closes the connection with a code and a reason, and waits for the peer's answer. The call itself begins to close.
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidCloseCode`] or [`Error::ReasonTooLong`]; the connection then stays open.
    /// - Otherwise the same errors as [`close`](Self::close).
    pub fn close_with<C, R>(
        &self,
        code: C,
        reason: R,
    ) -> impl Future<Output = Result<CloseEvent, Error>> + use<'_, C, R>
    where
        C: TryInto<CloseCode, Error: Into<Error>>,
        R: TryInto<CloseReason, Error: Into<Error>>,
    {
        self.sender.close_with(code, reason)
    }

    /// Waits until the connection has ended, and returns the close event. See [`Sender::closed`].
    ///
    /// # Errors
    ///
    /// The same errors as [`Sender::closed`].
    pub fn closed(&self) -> Closed {
        self.sender.closed()
    }

    /// Returns the close event; `None` until the connection has ended, and after [`Error::CloseTimeout`] and [`Error::Overflow`].
    pub fn close_event(&self) -> Option<CloseEvent> {
        self.sender.close_event()
    }

    /// Returns the browser's interface that the connection uses: `Events` or `Streams`. Needs the feature `streams`.
    #[cfg(feature = "streams")]
    pub fn transport(&self) -> crate::Transport {
        self.sender.transport()
    }

    /// Returns the state of the connection.
    pub fn ready_state(&self) -> ReadyState {
        self.sender.ready_state()
    }

    /// Returns the URL, as the browser has resolved it.
    pub fn url(&self) -> String {
        self.sender.url()
    }

    /// Returns the subprotocol that the server selected; empty if none.
    pub fn protocol(&self) -> String {
        self.sender.protocol()
    }

    /// Returns the extensions that the server selected, such as `permessage-deflate`; empty if none.
    pub fn extensions(&self) -> String {
        self.sender.extensions()
    }

    /// Returns the number of bytes that are buffered in the browser. It is meaningless after the end. See
    /// [`Sender::buffered_amount`].
    pub fn buffered_amount(&self) -> u64 {
        self.sender.buffered_amount()
    }

    /// Returns the type in which binary messages are delivered.
    pub fn binary_type(&self) -> BinaryType {
        self.receiver.binary_type()
    }

    /// Sets the type in which binary messages are delivered, from the next message that the browser delivers.
    pub fn set_binary_type(&self, binary_type: BinaryType) {
        self.receiver.set_binary_type(binary_type);
    }
}

impl Stream for WebSocketStream {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.receiver).poll_next(context)
    }
}

impl FusedStream for WebSocketStream {
    fn is_terminated(&self) -> bool {
        self.receiver.is_terminated()
    }
}

sink_of_sender! {
    /// Works like the [`Sink`] of [`Sender`].
    WebSocketStream
}

impl fmt::Debug for WebSocketStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketStream").field("socket", self.socket()).finish_non_exhaustive()
    }
}

//! The connection for async code: both halves in one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;

use crate::connection::Connection;
use crate::sys::RawSocket;
use crate::{
    BinaryType, Blob, ByteStream, CloseCode, CloseEvent, CloseReason, Closed, Connecting, Error, Message, Options,
    Payload, RawMessage, ReadyState, Receiver, SendError, Sender, Slices,
};

/// An open connection as a [`Stream`] and a [`Sink`] of [`Message`]s.
///
/// Messages come in the order in which they were sent. The stream ends with `None` when the connection has ended, and stays
/// so; [`close_event`](Self::close_event) says why. If messages may be missing, an `Err` comes before that, once:
///
/// - [`Error::Unclean`] if the connection was lost,
/// - [`Error::CloseTimeout`] if this page closed it and the peer did not answer in time,
/// - [`Error::Overflow`] if the receive queue has overflowed.
///
/// Two other errors stand for one message, and the stream goes on: there is no memory for it, [`Error::OutOfMemory`], or the
/// page has given its buffer away, [`Error::Thrown`]. What arrives after this page has begun to close, browsers discard. After
/// 128 messages without a wait, or up to 1024 if very many wait, it pauses for a turn of the event loop, so that the page can
/// go on.
///
/// Dropping it closes the connection: what was sent goes out first, and no event comes any more. It stays in the thread
/// that made it (`!Send`). To send and receive in different tasks, [`split`](Self::split) it.
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
    /// Connects to `url` and gives the open connection.
    ///
    /// The connection is begun by the call. The future resolves when it is open or has failed. Dropping the future closes
    /// the connection. [`Options::connect`] does the same with options.
    ///
    /// While the connection opens, dropping the future lets the browser complete the handshake, within a second, and then
    /// close with code 1000: browsers report a socket that is closed while it connects as a failure. So the server may see a
    /// connection that opens and closes at once.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`], [`Error::Security`], [`Error::Unsupported`], [`Error::ConnectFailed`] or
    /// [`Error::ConnectTimeout`].
    pub fn connect(url: &str) -> Connecting {
        Options::default().connect(url)
    }

    pub(crate) fn new(connection: Rc<Connection>) -> Self {
        Self { sender: Sender::new(Rc::clone(&connection)), receiver: Receiver::new(connection) }
    }

    pub(crate) fn socket(&self) -> &RawSocket {
        self.sender.socket()
    }

    pub(crate) fn ended(&self) -> Option<Result<CloseEvent, Error>> {
        self.connection().lifecycle().result()
    }

    pub(crate) fn connection(&self) -> &Rc<Connection> {
        self.sender.connection()
    }

    /// The two halves, for different tasks. There is no lock between them.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }

    /// The connection as a stream of bytes, whose messages have no bounds: for protocols over `AsyncRead` and `AsyncWrite`.
    pub fn into_byte_stream(self) -> ByteStream {
        ByteStream::new(self)
    }

    /// Sends a message, waiting while more than [`high_water_mark`](Options::high_water_mark) bytes are unsent. See
    /// [`Sender::send`].
    ///
    /// Dropping the future before it resolves sends nothing and drops the message; pass a reference to keep it.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] if the connection is not open or ceases to be while this waits, [`Error::Thrown`] for a buffer
    /// that browsers refuse. The error hands the message back.
    pub fn send<P: Payload>(&mut self, message: P) -> impl Future<Output = Result<(), SendError<P>>> {
        self.sender.send(message)
    }

    /// Sends a message if it need not wait. See [`Sender::try_send`].
    ///
    /// # Errors
    ///
    /// [`Error::Full`] if more than the high water mark is unsent, or if other senders wait; else as for [`send`](Self::send). The error hands the
    /// message back.
    pub fn try_send<P: Payload>(&self, message: P) -> Result<(), SendError<P>> {
        self.sender.try_send(message)
    }

    /// Waits until a message can be sent. See [`Sender::ready`].
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] if the connection is not open or ceases to be while this waits.
    pub async fn ready(&mut self) -> Result<(), Error> {
        self.sender.ready().await
    }

    /// Waits until everything that was sent has gone to the network. See [`Sender::flush`].
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] if the connection is no longer open and some of it may be lost.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.sender.flush().await
    }

    /// Sends a Blob, or a `File`, of any size in slices of so many bytes, each a message. See [`Sender::send_slices`].
    ///
    /// # Errors
    ///
    /// The stream ends with [`Error::NotOpen`] if the connection is not open or ceases to be.
    pub fn send_slices(&mut self, blob: impl Into<Blob>, len: u64) -> Slices {
        self.sender.send_slices(blob, len)
    }

    /// The next message as the browser delivered it, without a copy. See [`Receiver::next_raw`].
    ///
    /// # Errors
    ///
    /// [`Error::Unclean`], [`Error::CloseTimeout`] or [`Error::Overflow`], once and last, if messages may be missing.
    pub async fn next_raw(&mut self) -> Option<Result<RawMessage, Error>> {
        self.receiver.next_raw().await
    }

    /// How many messages were dropped because too many waited. See [`Options::receive_limit`].
    pub fn dropped(&self) -> u64 {
        self.receiver.dropped()
    }

    /// Closes the connection without a code, and waits for the peer's answer. See [`Sender::close`].
    ///
    /// The closing is begun by the call, and dropping the future does not stop it. What had arrived before is still in the
    /// stream.
    ///
    /// # Errors
    ///
    /// [`Error::CloseTimeout`] if the peer does not answer within [`Options::close_timeout`]; the stream then ends with it.
    pub fn close(&mut self) -> impl Future<Output = Result<CloseEvent, Error>> {
        self.sender.close()
    }

    /// Closes the connection with a code and a reason, and waits for the peer's answer. It is begun by the call.
    ///
    /// # Errors
    ///
    /// As for [`close`](Self::close), and [`Error::InvalidCloseCode`] or [`Error::ReasonTooLong`], which close nothing.
    pub fn close_with<C, R>(
        &mut self,
        code: C,
        reason: R,
    ) -> impl Future<Output = Result<CloseEvent, Error>> + use<'_, C, R>
    where
        C: TryInto<CloseCode, Error: Into<Error>>,
        R: TryInto<CloseReason, Error: Into<Error>>,
    {
        self.sender.close_with(code, reason)
    }

    /// Waits until the connection has ended, and says how. See [`Sender::closed`].
    ///
    /// # Errors
    ///
    /// [`Error::CloseTimeout`] if the peer did not answer a close in time, [`Error::Overflow`] if the receive queue has
    /// overflowed, [`Error::Dropped`] if nobody listens any more.
    pub fn closed(&self) -> Closed {
        self.sender.closed()
    }

    /// Why the connection has ended; `None` while it has not, and after [`Error::CloseTimeout`] and [`Error::Overflow`].
    pub fn close_event(&self) -> Option<CloseEvent> {
        self.sender.close_event()
    }

    /// The state of the connection.
    pub fn ready_state(&self) -> ReadyState {
        self.sender.ready_state()
    }

    /// The URL, as the browser has completed it.
    pub fn url(&self) -> String {
        self.sender.url()
    }

    /// The subprotocol that the server selected; empty if none.
    pub fn protocol(&self) -> String {
        self.sender.protocol()
    }

    /// The extensions that the server selected, such as `permessage-deflate`; empty if none.
    pub fn extensions(&self) -> String {
        self.sender.extensions()
    }

    /// The bytes that were sent and are still with the browser. After the end it says nothing about what was sent. See
    /// [`Sender::buffered_amount`].
    pub fn buffered_amount(&self) -> u64 {
        self.sender.buffered_amount()
    }

    /// What binary messages arrive as.
    pub fn binary_type(&self) -> BinaryType {
        self.receiver.binary_type()
    }

    /// Chooses what binary messages arrive as, from the next one that the browser delivers.
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

/// As that of [`Sender`].
impl Sink<Message> for WebSocketStream {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.sender).poll_ready(context)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Pin::new(&mut self.sender).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.sender).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.sender).poll_close(context)
    }
}

impl fmt::Debug for WebSocketStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketStream").field("socket", self.socket()).finish_non_exhaustive()
    }
}

//! The sending half of a connection.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;

use super::backpressure::Wait;
use crate::stream::connection::Handle;
use crate::stream::end::Closing;
use crate::sys::RawSocket;
use crate::{Blob, CloseCode, CloseEvent, CloseReason, Closed, Error, Message, Payload, ReadyState, SendError, Slices};

/// The half of a [`WebSocketStream`](crate::WebSocketStream) that sends, and closes.
///
/// A clone is another handle of the same connection, for another task. When all senders, the [`Receiver`](crate::Receiver) and all
/// [`Slices`] are dropped, the connection is closed without a code; messages that were sent go out first.
///
/// `send`, `flush` and `close` take `&mut self`, so that calls resolve to them even if [`SinkExt`] is imported. That trait has
/// methods of the same names, and its `flush` waits for nothing.
///
/// [`SinkExt`]: https://docs.rs/futures-util/latest/futures_util/sink/trait.SinkExt.html
///
/// # Examples
///
/// ```no_run
/// use futures_util::{TryStreamExt, future::try_join};
/// use wasm_websocket::{Error, Message, WebSocketStream};
///
/// async fn tell_and_listen(stream: WebSocketStream, story: &str, show: impl Fn(Message)) -> Result<(), Error> {
///     let (mut sender, mut receiver) = stream.split();
///     let tell = async { sender.send(story).await.map_err(Error::from) }; // waits for the network …
///     let listen = async {
///         while let Some(message) = receiver.try_next().await? {
///             show(message); // … while messages are shown as they come
///         }
///         Ok(())
///     };
///     try_join(tell, listen).await.map(drop)
/// }
/// ```
#[must_use = "the connection is closed when its last handle is dropped"]
pub struct Sender {
    connection: Handle,
    sink: Option<Box<SinkState>>,
}

/// The state of the methods of [`Sink`].
#[derive(Default)]
struct SinkState {
    room: Wait,
    flush: Wait,
    /// The result of the flush before a close.
    flushed: Option<Result<(), ReadyState>>,
    closing: Option<Closing>,
}

impl Sender {
    pub(crate) fn new(connection: Handle) -> Self {
        Self { connection, sink: None }
    }

    pub(crate) fn socket(&self) -> &RawSocket {
        self.connection.socket()
    }

    pub(crate) fn connection(&self) -> &Handle {
        &self.connection
    }

    /// Sends a message, waiting while more than [`high_water_mark`](crate::Options::high_water_mark) bytes are unsent.
    ///
    /// Resolves when the message was handed to the browser. Whether the peer has received it, only the peer can tell. When there is
    /// room, a message of any size is sent. Senders are served in the order in which they began to wait. If a sender was woken and
    /// is not polled, the next sender is served one turn of the event loop later.
    ///
    /// Dropping the future before it resolves sends nothing and drops the message; pass a reference to keep the message.
    ///
    /// # Errors
    ///
    /// - [`Error::NotOpen`] if the connection is not open, or is closed or ends during the wait,
    /// - [`Error::Overflow`] if the connection has ended because the receive queue has overflowed,
    /// - [`Error::Thrown`] for a buffer that browsers refuse, such as a resizable one.
    ///
    /// The error returns the message.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::future::{Either, select};
    /// use wasm_websocket::{Error, Sender};
    ///
    /// /// Sends a draft, unless the user cancels while the network is busy. Returns whether it was sent.
    /// async fn send(sender: &mut Sender, draft: &str, cancelled: impl Future + Unpin) -> Result<bool, Error> {
    ///     let sending = std::pin::pin!(sender.send(draft)); // by reference: the caller keeps the draft
    ///     match select(sending, cancelled).await {
    ///         Either::Left((sent, _)) => Ok(sent.map(|()| true)?),
    ///         Either::Right(_) => Ok(false), // the draft was not sent
    ///     }
    /// }
    /// ```
    pub fn send<P: Payload>(&mut self, message: P) -> impl Future<Output = Result<(), SendError<P>>> + use<'_, P> {
        let (mut wait, mut message) = (Wait::default(), Some(message));
        poll_fn(move |context| {
            let room = ready!(self.connection.poll_room(context, &mut wait));
            let Some(message) = message.take() else { return Poll::Pending };
            let sent = match room {
                Ok(()) => self.socket().send_while_open(message),
                Err(state) => Err(SendError { message, error: self.connection.refusal(state) }),
            };
            wait = Wait::default();
            Poll::Ready(sent)
        })
    }

    /// Sends a message without waiting.
    ///
    /// # Errors
    ///
    /// - [`Error::Full`] if the connection is open, but more than the high water mark is unsent or other senders wait,
    /// - otherwise the same errors as [`send`](Self::send).
    ///
    /// The error returns the message.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::{Error, SendError, Sender};
    ///
    /// /// Called for each move of the pointer. With a small high water mark, positions are skipped while the network is slow.
    /// fn moved(sender: &Sender, x: i32, y: i32) -> Result<(), Error> {
    ///     match sender.try_send(format!("{x} {y}")) {
    ///         Err(SendError { error: Error::Full, .. }) => Ok(()),
    ///         sent => Ok(sent?),
    ///     }
    /// }
    /// ```
    pub fn try_send<P: Payload>(&self, message: P) -> Result<(), SendError<P>> {
        // The state first: `bufferedAmount` of a closed socket does not fall, or is 0 at once.
        match self.ready_state() {
            ReadyState::Open if self.connection.has_room() => self.socket().send_while_open(message),
            ReadyState::Open => Err(SendError { message, error: Error::Full }),
            state => Err(SendError { message, error: self.connection.refusal(state) }),
        }
    }

    /// Waits until a message can be sent without waiting.
    ///
    /// It waits in line as [`send`](Self::send) does: until all tasks that began to wait earlier, in `send` or `ready`, have
    /// continued, and there is room. There is room while at most the high water mark is unsent; tasks that wait continue at the
    /// [`low_water_mark`](crate::Options::low_water_mark).
    ///
    /// It reserves nothing. [`try_send`](Self::try_send) fails with [`Error::Full`] if another sender has used the room first, and
    /// while other tasks wait, even behind this one: if two tasks wait in `ready`, the first continues, then the second, and every
    /// `try_send` before the second has continued fails. With several senders, call `send`.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] or [`Error::Overflow`], like [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::{Stream, StreamExt};
    /// use wasm_websocket::{Error, Sender};
    ///
    /// /// Sends a picture on each tick, as fast as the network allows.
    /// async fn film(camera: &Sender, mut ticks: impl Stream + Unpin, shoot: fn() -> Vec<u8>) -> Result<(), Error> {
    ///     while ticks.next().await.is_some() {
    ///         camera.ready().await?;
    ///         camera.try_send(shoot())?; // shot after the wait, so it is never old
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn ready(&self) -> Result<(), Error> {
        let mut wait = Wait::default();
        let ready = poll_fn(|context| self.connection.poll_room(context, &mut wait)).await;
        ready.map_err(|state| self.connection.refusal(state))
    }

    /// Waits until all messages that were sent have left the browser, including messages that are sent during the wait.
    ///
    /// Only the peer can tell whether it has received a message. In WebKit, all bytes soon count as sent: there, wait for an answer
    /// of the peer instead. Dropping the future has no effect.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] or [`Error::Overflow`] if the connection begins to close, or ends, before all messages are
    /// known to have left the browser. The browser is asked only while a `flush` or a sender waits: a `flush` that begins after
    /// the end may fail although everything had left.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::{Error, Sender};
    ///
    /// async fn log_out(sender: &mut Sender, leave_page: impl Fn()) -> Result<(), Error> {
    ///     sender.send("log out").await?;
    ///     sender.flush().await?;
    ///     leave_page(); // earlier, the browser might still have held the message
    ///     Ok(())
    /// }
    /// ```
    pub async fn flush(&mut self) -> Result<(), Error> {
        let mut wait = Wait::default();
        let flushed = poll_fn(|context| self.connection.poll_empty(context, &mut wait)).await;
        flushed.map_err(|state| self.connection.refusal(state))
    }

    /// Sends a Blob or `File` of any size in slices of `len` bytes, each as one message.
    ///
    /// Returns a stream that sends when it is polled. It waits for room as [`send`](Self::send) does, and yields the
    /// [`Progress`](crate::Progress) after each slice. Only slices in flight are in memory, except in WebKit, where all bytes soon count
    /// as sent and the browser holds the rest. Messages that are sent meanwhile go between the slices. An empty Blob sends no message. A
    /// `len` of 0 counts as 1.
    ///
    /// The stream is another handle of the connection. Dropping it stops sending: the bytes that the last `Progress` counts as sent
    /// still go out, and the peer is not told that the rest is missing.
    ///
    /// # Errors
    ///
    /// The stream ends with [`Error::NotOpen`] or [`Error::Overflow`] if the connection is not open, or is closed or ends
    /// meanwhile.
    ///
    /// If the browser cannot read the file, for instance because the user has changed or deleted it, it ends the connection as if
    /// the network had failed: the next slice fails with [`Error::NotOpen`], and the [`Receiver`](crate::Receiver) ends with
    /// [`Error::Unclean`]. To tell the two apart, read a byte: `blob.slice(..1).bytes()` fails with [`Error::UnreadableBlob`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::{Error, Sender};
    ///
    /// async fn upload(sender: &mut Sender, file: web_sys::File, show: impl Fn(f64)) -> Result<(), Error> {
    ///     let mut slices = sender.send_slices(file, 256 << 10);
    ///     while let Some(progress) = slices.try_next().await? {
    ///         let left_the_browser = progress.sent.saturating_sub(progress.buffered);
    ///         show(left_the_browser as f64 / progress.total as f64);
    ///     }
    ///     sender.flush().await?;
    ///     show(1.0);
    ///     Ok(())
    /// }
    /// ```
    pub fn send_slices(&self, blob: impl Into<Blob>, len: u64) -> Slices {
        Slices::new(self.clone(), blob.into(), len)
    }

    /// Closes the connection without a code, which the peer sees as 1005, and waits for the peer's answer.
    ///
    /// The call itself begins to close. Dropping the future does not stop that, but ends the timeout: with a silent peer, the
    /// receiver then ends with [`Error::Unclean`] when the browser gives up, after 20 to 60 seconds. Messages that were sent before
    /// go out first; a [`send`](Self::send) that still waits fails with [`Error::NotOpen`]. Messages that had arrived before can
    /// still be taken from the [`Receiver`](crate::Receiver); the browser discards later ones. On a connection that has ended, it
    /// returns the event that ended it.
    ///
    /// # Errors
    ///
    /// - [`Error::CloseTimeout`] if the peer does not answer in time; see
    ///   [`Options::close_timeout`](crate::Options::close_timeout). The receiver then ends with the same error, later calls return
    ///   it again, and the browser still sends what is unsent, and completes the closing by itself.
    /// - [`Error::Overflow`] if the receive queue has overflowed.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::{Error, Sender};
    ///
    /// async fn finish(sender: &mut Sender, show: impl Fn(&str)) -> Result<(), Error> {
    ///     sender.send("the last line").await?;
    ///     let event = sender.close().await?; // the line goes out first
    ///     show(if event.was_clean { "done" } else { "the last messages may be lost" });
    ///     Ok(())
    /// }
    /// ```
    pub fn close(&mut self) -> impl Future<Output = Result<CloseEvent, Error>> {
        self.connection.close();
        self.ended_in_time()
    }

    /// Closes the connection with a code and a reason, and otherwise like [`close`](Self::close): the call itself begins to close,
    /// messages that were sent before go out first, and the future waits for the peer's answer.
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
        let begun = self.connection.close_with(code, reason);
        async move {
            begun?;
            self.ended_in_time().await
        }
    }

    /// Waits until the connection has ended, and returns the close event.
    ///
    /// A lost connection is not an error here: its event has the code 1006, and `was_clean` is false. The future does not close the
    /// connection, and does not keep it open: it may outlive every handle. It has no timeout: with a silent peer it resolves when
    /// the browser gives up, or when an awaited [`close`](Self::close) times out.
    ///
    /// # Errors
    ///
    /// - [`Error::CloseTimeout`] if the peer did not answer a close in time,
    /// - [`Error::Overflow`] if the receive queue has overflowed,
    /// - [`Error::Dropped`] if all handles of the connection were dropped before it ended.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::{Stream, StreamExt};
    /// use wasm_websocket::{Error, Sender};
    ///
    /// /// Reports the battery level on each tick, until the connection has ended.
    /// async fn report(mut sender: Sender, ticks: impl Stream + Unpin, level: fn() -> String) -> Result<(), Error> {
    ///     let mut ticks = ticks.take_until(sender.closed()); // not only at the next tick
    ///     while ticks.next().await.is_some() {
    ///         sender.send(level()).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn closed(&self) -> Closed {
        Closed::of(&self.connection)
    }

    /// Returns the close event; `None` until the connection has ended, and after [`Error::CloseTimeout`] and [`Error::Overflow`].
    pub fn close_event(&self) -> Option<CloseEvent> {
        self.connection.close_event()
    }

    /// Returns the URL, as the browser has resolved it.
    pub fn url(&self) -> String {
        self.socket().url()
    }

    /// Returns the subprotocol that the server selected; empty if none.
    pub fn protocol(&self) -> String {
        self.socket().protocol()
    }

    /// Returns the extensions that the server selected, such as `permessage-deflate`; empty if none.
    pub fn extensions(&self) -> String {
        self.socket().extensions()
    }

    /// Returns the browser's interface that the connection uses: `Events` or `Streams`. Needs the feature `streams`.
    #[cfg(feature = "streams")]
    pub fn transport(&self) -> crate::Transport {
        self.socket().transport()
    }

    /// Returns the state of the connection.
    pub fn ready_state(&self) -> ReadyState {
        self.socket().ready_state()
    }

    /// Returns the number of bytes that are buffered in the browser: they were sent, and have not left it.
    ///
    /// A Blob counts with all its bytes, also while it is being read. In Firefox, and over `Transport::Streams`, a message counts
    /// until all of it has left. In WebKit, all bytes soon count as sent.
    ///
    /// The number is meaningless after the end: most browsers keep counting messages that they could not send, but in Chromium it
    /// can be 0 although nothing was sent.
    pub fn buffered_amount(&self) -> u64 {
        self.socket().buffered_amount()
    }

    async fn ended_in_time(&self) -> Result<CloseEvent, Error> {
        let mut closing = Closing::new(&self.connection);
        poll_fn(move |context| closing.poll(context, &self.connection)).await
    }
}

/// A clone is another handle of the same connection.
impl Clone for Sender {
    fn clone(&self) -> Self {
        Self::new(self.connection.clone())
    }
}

/// Waits for room, sends and closes as the methods of [`Sender`] do. A `poll_ready` that is no longer polled holds up other senders
/// until there is room, and then for one turn of the event loop. `start_send` sends even if another sender has used the room
/// meanwhile. Errors do not return the message.
///
/// `poll_flush` is immediate: the sink buffers nothing, since each message is handed to the browser at once. The method
/// [`flush`](Sender::flush) waits until the browser's buffer is empty.
///
/// `poll_close` first waits as [`flush`](Sender::flush) does, and then closes the connection without a code. During the first wait
/// messages still arrive, and the connection stays open if `poll_close` is no longer polled. The close timeout also limits the
/// first wait, and starts over when unsent bytes have left. When this timeout is over, the connection begins to close, and ends at
/// once for all handles with [`Error::CloseTimeout`]. Over streams, a peer that waits for this page to read may itself read
/// nothing: receive messages in another task meanwhile, or call [`close`](Sender::close) instead. `poll_close` fails with the first
/// of these errors that applies:
///
/// - [`Error::Unclean`] if the connection ended without a closing handshake,
/// - [`Error::CloseTimeout`] if the peer does not answer in time; see [`Options::close_timeout`](crate::Options::close_timeout),
/// - [`Error::Overflow`] if the receive queue has overflowed,
/// - [`Error::NotOpen`] if the connection began to close before all messages were known to have left the browser, even if it was
///   closed cleanly and the peer has received them. If nothing was sent since the method [`flush`](Sender::flush) last succeeded,
///   all messages are known to have left.
impl Sink<Message> for Sender {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { connection, sink } = &mut *self;
        let wait = &mut sink.get_or_insert_default().room;
        let room = ready!(connection.poll_room(context, wait));
        // The place is given up, since it is unknown whether a message follows.
        *wait = Wait::default();
        Poll::Ready(room.map_err(|state| connection.refusal(state)))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        match self.ready_state() {
            ReadyState::Open => Ok(self.socket().send_while_open(message)?),
            state => Err(self.connection.refusal(state)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { connection, sink } = &mut *self;
        let SinkState { flush, flushed, closing, .. } = &mut **sink.get_or_insert_default();
        if flushed.is_none() {
            if let Poll::Ready(result) = connection.poll_empty(context, flush) {
                connection.close();
                (*flushed, *closing) = (Some(result), None);
            }
        }
        let closing = closing.get_or_insert_with(|| Closing::new(connection));
        let ended = ready!(closing.poll(context, connection));
        let flushed = flushed.unwrap_or(Ok(())).map_err(|state| connection.refusal(state));
        *sink = None;
        Poll::Ready(ended.and_then(CloseEvent::checked).and(flushed))
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("socket", self.socket()).finish_non_exhaustive()
    }
}

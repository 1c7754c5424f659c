//! The half of a connection that sends.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;

use crate::backpressure::Wait;
use crate::closing::Closing;
use crate::connection::Connection;
use crate::sys::RawSocket;
use crate::{Blob, CloseCode, CloseEvent, CloseReason, Closed, Error, Message, Payload, ReadyState, SendError, Slices};

/// The half of a [`WebSocketStream`](crate::WebSocketStream) that sends, and closes.
///
/// A clone is one more handle of the same connection, for another task. The connection is closed when all of them, the
/// [`Receiver`](crate::Receiver) and all [`Slices`] are dropped: what was sent goes out first.
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
    connection: Rc<Connection>,
    sink: Option<Box<SinkState>>,
}

/// How far the methods of [`Sink`] have come.
#[derive(Default)]
struct SinkState {
    room: Wait,
    flush: Wait,
    /// What the flush before a close has found.
    flushed: Option<Result<(), ReadyState>>,
    closing: Option<Closing>,
}

impl Sender {
    pub(crate) fn new(connection: Rc<Connection>) -> Self {
        Self { connection, sink: None }
    }

    pub(crate) fn socket(&self) -> &RawSocket {
        self.connection.socket()
    }

    pub(crate) fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// Sends a message, waiting while more than [`high_water_mark`](crate::Options::high_water_mark) bytes are unsent.
    ///
    /// It resolves when the browser has taken the message, which is not to say that the peer has it. A message of any size
    /// is taken when there is room. Senders are served in the order in which they began to wait. Dropping the future before it resolves sends nothing and drops the message; pass a
    /// reference to keep it.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] if the connection is not open or ceases to be while this waits, [`Error::Overflow`] if that is because
    /// the receive queue has overflowed, [`Error::Thrown`] for a buffer that browsers refuse, such as one that is resizable. The
    /// error hands the message back.
    pub async fn send<P: Payload>(&mut self, message: P) -> Result<(), SendError<P>> {
        let mut wait = Wait::default();
        match poll_fn(|context| self.connection.poll_room(context, &mut wait)).await {
            Ok(()) => self.socket().send_while_open(message),
            Err(state) => Err(SendError { message, error: self.connection.refusal(state) }),
        }
    }

    /// Sends a message if it need not wait.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] if more than the high water mark is unsent, or if other senders wait; else as for [`send`](Self::send). The error hands the
    /// message back.
    pub fn try_send<P: Payload>(&self, message: P) -> Result<(), SendError<P>> {
        // The state first: the buffer of a closed socket stays full, or looks empty.
        match self.ready_state() {
            ReadyState::Open if self.connection.has_room() => self.socket().send_while_open(message),
            ReadyState::Open => Err(SendError { message, error: Error::Full }),
            state => Err(SendError { message, error: self.connection.refusal(state) }),
        }
    }

    /// Waits until a message can be sent: until all who began to wait before were served, and no more than the high water
    /// mark is unsent, or, after a wait, no more than the low one.
    ///
    /// It reserves nothing: whoever waits behind it is next.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] if the connection is not open or ceases to be while this waits.
    pub async fn ready(&mut self) -> Result<(), Error> {
        let mut wait = Wait::default();
        let ready = poll_fn(|context| self.connection.poll_room(context, &mut wait)).await;
        ready.map_err(|state| self.connection.refusal(state))
    }

    /// Waits until everything that was sent has gone to the network, with what is sent meanwhile.
    ///
    /// It is the most that a page can know about it: whether the peer has it, only the peer can say. Dropping the future
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] if the connection is no longer open and some of it may be lost: the last wait for room or flush while
    /// it was open found something unsent, or something was sent after it.
    pub async fn flush(&mut self) -> Result<(), Error> {
        let mut wait = Wait::default();
        let flushed = poll_fn(|context| self.connection.poll_empty(context, &mut wait)).await;
        flushed.map_err(|state| self.connection.refusal(state))
    }

    /// Sends a Blob, or a `File`, of any size in slices of so many bytes, each a message.
    ///
    /// The slices are sent as the result, a stream, is polled; it waits for room as [`send`](Self::send) does, and has an
    /// item for each slice that was handed over. Of the Blob nothing enters the memory of the page but what is on its way.
    /// Dropping it sends no more; until then it is one more handle of the connection. Messages that are sent meanwhile go
    /// between the slices. Of an empty Blob nothing is sent.
    ///
    /// # Errors
    ///
    /// The stream ends with [`Error::NotOpen`] if the connection is not open or ceases to be. A file that cannot be read is
    /// found out by the browser when it sends: then it ends the connection.
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
    ///         show(progress.sent as f64 / progress.total as f64);
    ///     }
    ///     sender.flush().await
    /// }
    /// ```
    pub fn send_slices(&mut self, blob: impl Into<Blob>, len: u64) -> Slices {
        Slices::new(self.clone(), blob.into(), len)
    }

    /// Closes the connection without a code, which the peer sees as 1005, and waits for the peer's answer.
    ///
    /// The closing is begun by the call. What was sent before goes out first. What had arrived before is still in the
    /// [`Receiver`](crate::Receiver); what arrives later the browser discards. Dropping the future does not stop the closing.
    /// On a connection that has ended, it gives the event that ended it.
    ///
    /// # Errors
    ///
    /// [`Error::CloseTimeout`] if the peer does not answer within [`Options::close_timeout`](crate::Options::close_timeout)
    /// once nothing is unsent, or nothing leaves any more, now and whenever it is asked again; messages then end with the same error, and the browser goes on closing the
    /// connection by itself. [`Error::Overflow`] if the receive queue has overflowed.
    pub fn close(&mut self) -> impl Future<Output = Result<CloseEvent, Error>> {
        self.connection.close();
        self.ended_in_time()
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
        let begun = self.connection.close_with(code, reason);
        async move {
            begun?;
            self.ended_in_time().await
        }
    }

    /// Waits until the connection has ended, and says how.
    ///
    /// It closes nothing, and does not keep the connection open: it may be kept for longer than any handle. It has no limit
    /// of time: of a peer that is silent it hears when the browser gives it up, or an awaited [`close`](Self::close) does.
    ///
    /// # Errors
    ///
    /// [`Error::CloseTimeout`] if the peer did not answer a close in time, [`Error::Overflow`] if the receive queue has
    /// overflowed, [`Error::Dropped`] if nobody listens any more.
    pub fn closed(&self) -> Closed {
        Closed::of(&self.connection)
    }

    /// Why the connection has ended; `None` while it has not, and after [`Error::CloseTimeout`] and [`Error::Overflow`].
    pub fn close_event(&self) -> Option<CloseEvent> {
        self.connection.lifecycle().close_event()
    }

    /// The URL, as the browser has completed it.
    pub fn url(&self) -> String {
        self.socket().url()
    }

    /// The subprotocol that the server selected; empty if none.
    pub fn protocol(&self) -> String {
        self.socket().protocol()
    }

    /// The extensions that the server selected, such as `permessage-deflate`; empty if none.
    pub fn extensions(&self) -> String {
        self.socket().extensions()
    }

    /// The state of the connection.
    pub fn ready_state(&self) -> ReadyState {
        self.socket().ready_state()
    }

    /// The bytes that were sent and are still with the browser.
    ///
    /// After the end it says nothing about what was sent: most browsers go on counting what they could not send, but in
    /// Chromium it can be 0 with everything unsent. [`flush`](Self::flush) tells.
    pub fn buffered_amount(&self) -> u64 {
        self.socket().buffered_amount()
    }

    async fn ended_in_time(&self) -> Result<CloseEvent, Error> {
        let mut closing = Closing::new(&self.connection);
        poll_fn(move |context| closing.poll(context, &self.connection)).await
    }
}

/// One more handle of the same connection.
impl Clone for Sender {
    fn clone(&self) -> Self {
        Self::new(Rc::clone(&self.connection))
    }
}

/// Waits, sends and closes as the methods of the same names do, with [`Error`] instead of a message handed back.
///
/// Flushing as a sink is immediate: the sink buffers nothing, since the browser takes each message at once. The method
/// [`flush`](Sender::flush) waits for the network.
///
/// Closing flushes in that way first, during which messages still arrive, and then closes the connection without a code. It
/// fails:
///
/// - with [`Error::Unclean`] if the connection ended without a closing handshake,
/// - with [`Error::CloseTimeout`] if the peer does not answer, or takes nothing, for
///   [`Options::close_timeout`](crate::Options::close_timeout),
/// - with [`Error::NotOpen`] if the connection was closed before the flush, and something may be lost.
impl Sink<Message> for Sender {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { connection, sink } = &mut *self;
        let wait = &mut sink.get_or_insert_default().room;
        let room = ready!(connection.poll_room(context, wait));
        // Whether a message follows nobody knows.
        *wait = Wait::default();
        Poll::Ready(room.map_err(|state| connection.refusal(state)))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Ok(self.socket().send(message)?)
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

//! The handle that sends and controls a session.

use std::borrow::Borrow;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;
use websocket_session::{End, Payload as _};

use super::core::Core;
use super::counts::SessionCounts;
use super::frame::Frame;
use super::receipt::Receipt;
use crate::codec::Encode;
use crate::reconnect::ReconnectingSender;
use crate::reconnect::notify::Waiter;
use crate::send::line::Turn;
use crate::{CloseCode, CloseReason, Error, Message, Payload, SendError, State, States, Typed};

/// A handle of a [`Session`](crate::session::Session) for other tasks: it sends, closes and pauses.
///
/// A clone is another handle. When all handles and the `Session` are dropped, the session is given up.
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::session::{Session, SessionOptions};
///
/// # fn on_click(_: &str, _: impl Fn() + 'static) {}
/// let session = Session::new(SessionOptions::new(), async || Ok("wss://example.com/orders"));
/// let sender = session.sender();
/// on_click("order", move || drop(sender.try_send("order 1"))); // while another task takes what `session` receives
/// ```
#[must_use = "the session is given up when its last handle is dropped"]
pub struct SessionSender {
    handle: Rc<Handle>,
    sink: SinkState,
}

/// What all handles share. When this is dropped, nothing of the session is left.
pub(crate) struct Handle {
    pub core: Rc<Core>,
    pub connection: ReconnectingSender,
}

/// The progress of the methods of [`Sink`].
#[derive(Default)]
struct SinkState {
    room: Turn,
    close: Option<Waiter>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.leave(&self.connection);
    }
}

impl SessionSender {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle: Rc::new(handle), sink: SinkState::default() }
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        &self.handle.core
    }

    fn connection(&self) -> &ReconnectingSender {
        &self.handle.connection
    }

    /// Converts the handle into a sink of `Out`, by a codec.
    pub fn typed<Out, C>(self) -> Typed<Self, Out, (), C> {
        Typed::new(self)
    }

    /// Sends a message, and returns its [`Receipt`].
    ///
    /// Resolves when the session has the message in its replay buffer: it transmits the message when there is a connection, and
    /// again on later ones, until the peer has processed it. Waits until the message fits into the
    /// [replay buffer](crate::session::SessionOptions::replay); a message that is larger than the whole buffer waits until the
    /// buffer is empty. Senders are served in the order in which they began to wait. Dropping the future before it resolves sends
    /// nothing and drops the message.
    ///
    /// The browser copies the bytes of a buffer or an image when the future is first polled, outside wasm memory. A Blob or a file
    /// is not copied: if a file is changed or deleted before the peer has received it, the session is lost, with
    /// [`Error::UnreadableBlob`] as the cause.
    ///
    /// # Errors
    ///
    /// - [`Error::TooLarge`] if the peer does not accept messages of this size,
    /// - [`Error::NotOpen`] after [`close`](Self::close), also for calls that wait,
    /// - [`Error::SessionLost`] if the session is lost for good.
    ///
    /// The error returns the message.
    pub async fn send(&self, message: impl Payload) -> Result<Receipt, SendError<Message>> {
        let (frame, mut turn) = (Frame::new(message.into_message()), Turn::default());
        let len = frame.payload_len();
        poll_fn(|context| self.core().poll_room(context, &mut turn, len)).await;
        self.core().send(frame).map_err(hand_back)
    }

    /// Sends a message without waiting, and returns its [`Receipt`].
    ///
    /// # Errors
    ///
    /// [`Error::Full`] if the message does not fit into the replay buffer (an empty buffer takes any message), or if other senders
    /// wait; otherwise as for [`send`](Self::send). The error returns the message.
    pub fn try_send(&self, message: impl Payload) -> Result<Receipt, SendError<Message>> {
        let message = message.into_message();
        if self.core().is_waited_in() {
            return Err(SendError { message, error: Error::Full });
        }
        self.core().send(Frame::new(message)).map_err(hand_back)
    }

    /// Waits until the peer has processed all messages that were sent before, without messages that still wait in
    /// [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// [`Error::SessionLost`], since it is unknown whether the peer has processed everything:
    ///
    /// - if the session is lost, before the call or meanwhile, and the peer had not acknowledged all of these messages,
    /// - at once, if an earlier session was lost with unacknowledged messages, and the stream has not yielded its
    ///   [`Lost`](crate::session::Lost) yet.
    pub fn acknowledged(&self) -> impl Future<Output = Result<(), Error>> + use<'_> {
        let (last, mut waiter) = (self.core().last_sent(), Waiter::default());
        poll_fn(move |context| self.core().poll_acknowledged(context, &mut waiter, last))
    }

    /// Ends this page's direction, with code 1000, and waits until the peer has processed everything. The call itself sends the
    /// end.
    ///
    /// No message is lost: the end follows all messages of the session, and is transmitted again on the next connection, as
    /// messages are. The other direction stays open: continue to take messages until the stream ends, which it does when the peer
    /// has ended its direction, too. Dropping the future does not revoke the end.
    ///
    /// # Errors
    ///
    /// [`Error::SessionLost`] as for [`acknowledged`](Self::acknowledged).
    pub fn close(&self) -> impl Future<Output = Result<(), Error>> + use<'_> {
        self.close_with(1000, "")
    }

    /// Ends this page's direction, with a code and a reason. See [`close`](Self::close).
    ///
    /// # Errors
    ///
    /// As for [`close`](Self::close). After [`Error::InvalidCloseCode`] and [`Error::ReasonTooLong`] the direction stays open.
    pub fn close_with<C, R>(&self, code: C, reason: R) -> impl Future<Output = Result<(), Error>> + use<'_, C, R>
    where
        C: TryInto<CloseCode, Error: Into<Error>>,
        R: TryInto<CloseReason, Error: Into<Error>>,
    {
        let begun = self.begin_to_close(code, reason);
        async move {
            begun?;
            let mut waiter = Waiter::default();
            poll_fn(|context| self.core().poll_ended(context, &mut waiter)).await
        }
    }

    fn begin_to_close<C, R>(&self, code: C, reason: R) -> Result<(), Error>
    where
        C: TryInto<CloseCode, Error: Into<Error>>,
        R: TryInto<CloseReason, Error: Into<Error>>,
    {
        let (code, reason) = crate::types::close::frame(code, reason)?;
        self.core().end(End { code: code.get(), reason: reason.as_str().into() });
        Ok(())
    }

    /// Connects at once, and starts counting attempts anew. An open connection is replaced.
    pub fn reconnect_now(&self) {
        self.connection().reconnect_now();
    }

    /// Closes the connection, and stays without one until [`resume`](Self::resume). The server keeps the session only for its time
    /// to live, which is some minutes.
    pub fn pause(&self) {
        self.connection().pause();
    }

    /// Connects after a [`pause`](Self::pause): at once, or within half a second if the connection is still closing. Otherwise it
    /// does nothing.
    pub fn resume(&self) {
        self.connection().resume();
    }

    /// Returns the state of the connection. It is open once the server has accepted the session.
    pub fn state(&self) -> State {
        self.connection().state()
    }

    /// Returns a stream of the current state of the connection, and all later ones. The last one is `Closed`: both directions have
    /// ended, or the session is lost for good. There is no [`State::InDoubt`] and no [`State::Rejected`].
    pub fn states(&self) -> States {
        self.connection().states()
    }

    /// Returns the browser's interface that the connection uses, `Events` or `Streams`; `None` while there is no connection.
    #[cfg(feature = "streams")]
    pub fn transport(&self) -> Option<crate::Transport> {
        self.connection().transport()
    }

    /// Returns the number of messages in each state, over all connections.
    pub fn counts(&self) -> SessionCounts {
        self.core().counts()
    }
}

fn hand_back((frame, error): (Frame, Error)) -> SendError<Message> {
    SendError { message: frame.into_message(), error }
}

/// Another handle of the same session.
impl Clone for SessionSender {
    fn clone(&self) -> Self {
        Self { handle: Rc::clone(&self.handle), sink: SinkState::default() }
    }
}

impl AsRef<Self> for SessionSender {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// Sends and closes as the methods of the same names do, without receipts.
///
/// A message is sent when there is some room in the replay buffer, so the last one may be above its limit. `poll_flush` is
/// immediate, since the session keeps each message at once. To wait for the peer, use
/// [`acknowledged`](SessionSender::acknowledged). Closing waits until the peer has processed everything.
impl Sink<Message> for SessionSender {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { handle, sink } = &mut *self;
        ready!(handle.core.poll_room(context, &mut sink.room, 0));
        // It is unknown whether a message follows.
        sink.room = Turn::default();
        Poll::Ready(self.core().refusal().map_or(Ok(()), Err))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let sent = self.core().send_above_limit(Frame::new(message));
        sent.map(drop).map_err(|(_, error)| error)
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.sink.close.is_none() {
            self.begin_to_close(1000, "")?;
        }
        let Self { handle, sink } = &mut *self;
        handle.core.poll_ended(context, sink.close.get_or_insert_default())
    }
}

/// Over a [`Session`](crate::session::Session) or a [`SessionSender`], values have receipts.
impl<S: AsRef<SessionSender>, Out, In, C: Encode<Out>> Typed<S, Out, In, C> {
    /// Sends a value as [`SessionSender::send`] does, and returns its [`Receipt`].
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] for a value that the codec cannot encode; otherwise as for [`SessionSender::send`]. The error returns the
    /// value.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::codec::Json;
    /// use wasm_websocket::session::SessionSender;
    /// use wasm_websocket::{Error, Typed};
    ///
    /// #[derive(serde::Serialize)]
    /// struct Order {
    ///     item: u32,
    /// }
    ///
    /// async fn order(shop: &Typed<SessionSender, Order, (), Json>, item: u32, show: fn(&str)) -> Result<(), Error> {
    ///     let receipt = shop.send_for_receipt(Order { item }).await?;
    ///     show(if receipt.await.is_ok() { "ordered" } else { "check your orders" });
    ///     Ok(())
    /// }
    /// ```
    pub async fn send_for_receipt<T: Borrow<Out>>(&self, value: T) -> Result<Receipt, SendError<T>> {
        let sent = match C::encode(value.borrow()) {
            Ok(message) => self.get_ref().as_ref().send(message).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        sent.map_err(|error| SendError { message: value, error })
    }

    /// Sends a value as [`SessionSender::try_send`] does, without waiting, and returns its [`Receipt`].
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] for a value that the codec cannot encode; otherwise as for [`SessionSender::try_send`]. The error returns the
    /// value.
    pub fn try_send_for_receipt<T: Borrow<Out>>(&self, value: T) -> Result<Receipt, SendError<T>> {
        let sent = C::encode(value.borrow()).and_then(|message| Ok(self.get_ref().as_ref().try_send(message)?));
        sent.map_err(|error| SendError { message: value, error })
    }
}

impl fmt::Debug for SessionSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSender")
            .field("state", &self.state())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

//! The handle that sends and controls a connection that comes back.

use std::borrow::Borrow;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;

use super::event::Command;
use super::handle::Handle;
use super::shared::Shared;
use super::waiting::{Patience, Turn};
use crate::codec::Encode;
use crate::{
    CloseCode, CloseEvent, CloseReason, Counts, Error, InDoubt, Message, Payload, SendError, State, States, Typed,
};

/// A handle of a [`Reconnecting`](crate::Reconnecting) for other tasks: it sends, closes and pauses.
///
/// A clone is another handle. When all handles and the `Reconnecting` are dropped, the connection is closed, and does not come
/// back. Queued messages are dropped, too: await [`flush`](Self::flush) before.
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::{Reconnecting, ReconnectOptions};
///
/// # fn on_click(_: &str, _: impl Fn() + 'static) {}
/// let feed = Reconnecting::new(ReconnectOptions::new(), async || Ok("wss://example.com/feed"));
/// let sender = feed.sender();
/// on_click("try now", move || sender.reconnect_now()); // while another task receives from `feed`
/// ```
#[must_use = "the connection is closed when its last handle is dropped"]
pub struct ReconnectingSender {
    handle: Rc<Handle>,
    sink: SinkState,
}

/// The state of the methods of [`Sink`].
#[derive(Default)]
struct SinkState {
    room: Turn,
    flush: Patience,
    close: Option<Patience>,
}

impl ReconnectingSender {
    pub(crate) fn new(handle: Rc<Handle>) -> Self {
        Self { handle, sink: SinkState::default() }
    }

    pub(crate) fn shared(&self) -> &Rc<Shared> {
        &self.handle.shared
    }

    /// Converts the handle into a sink of `Out`, with a codec.
    pub fn typed<Out, C>(self) -> Typed<Self, Out, (), C> {
        Typed::new(self)
    }

    /// Sends a message, or queues it if there is no connection, and returns its number.
    ///
    /// Resolves when the message was handed over to the browser or is queued. Numbers begin with 1 in each
    /// [`Reconnecting`](crate::Reconnecting), and increase in the order in which messages go out. Messages that are dropped, taken
    /// back or rejected leave gaps, so a number is not a count of what the peer has received: if the peer reports how far it has
    /// come, put an id of your own into each message.
    ///
    /// - While a connection is open, it waits while older messages are still queued or to be [sent again](crate::WhenLost::Resend),
    ///   or more than [`high_water_mark`](crate::Options::high_water_mark) bytes are unsent.
    /// - While there is no connection, it waits only if the queue is full and [`WhenFull::Wait`](crate::WhenFull::Wait) was chosen.
    ///
    /// Until the [preamble](crate::ReconnectOptions::on_open) has finished, there is no connection yet. If the connection is lost
    /// while a call waits, the call goes on like a new call: it queues the message, and [`WhenFull`](crate::WhenFull) decides if
    /// the queue is full.
    ///
    /// Senders are served in the order in which they began to wait. If a sender was woken and is not polled, the next sender is
    /// served one turn of the event loop later. Dropping the future before it resolves sends nothing and drops the message.
    ///
    /// A message may be queued, so a browser object is kept as a [`Blob`](crate::Blob). The browser copies the bytes of a buffer
    /// or an image outside wasm memory when the future is first polled. A file is not copied.
    ///
    /// # Errors
    ///
    /// - [`Error::Full`] if there is no connection, the queue is full, and [`WhenFull::Reject`](crate::WhenFull::Reject) applies,
    /// - [`Error::NotOpen`] after [`close`](Self::close), also for calls that wait, or if the connection is closed for good,
    /// - [`Error::Thrown`] if the browser throws. If it throws for a queued message, [`State::Rejected`](crate::State::Rejected)
    ///   reports it.
    ///
    /// The error returns the message.
    pub async fn send(&self, message: impl Payload) -> Result<u64, SendError<Message>> {
        let (message, mut turn) = (message.into_message(), Turn::default());
        match poll_fn(|context| self.shared().poll_room(context, &mut turn)).await {
            Ok(()) => self.shared().try_send(message, true),
            Err(error) => {
                self.shared().machine.borrow_mut().outbox.reject();
                Err(SendError { message, error })
            }
        }
    }

    /// Sends a message without waiting, or queues it if there is no connection, or if other messages are still queued or to be
    /// [sent again](crate::WhenLost::Resend). Returns its number.
    ///
    /// # Errors
    ///
    /// - [`Error::Full`] if the queue is full, except with [`WhenFull::DropOldest`](crate::WhenFull::DropOldest),
    /// - [`Error::Full`] if other senders wait, or if more than the high water mark is unsent and no message is queued or to be
    ///   sent again,
    /// - otherwise the same errors as [`send`](Self::send).
    ///
    /// The error returns the message.
    pub fn try_send(&self, message: impl Payload) -> Result<u64, SendError<Message>> {
        self.shared().try_send(message.into_message(), false)
    }

    /// Waits until a [`send`](Self::send) would not wait.
    ///
    /// It waits in line as `send` does:
    ///
    /// - while a connection is open, until there is room, and no older message is queued or to be
    ///   [sent again](crate::WhenLost::Resend),
    /// - while there is no connection, only if the queue is full and [`WhenFull::Wait`](crate::WhenFull::Wait) was chosen.
    ///
    /// It reserves nothing: with several senders, call `send`. [`try_send`](Self::try_send) fails with [`Error::Full`]
    ///
    /// - while other senders or [`Slices`](crate::Slices) wait, even behind this one,
    /// - if another sender has used the room, or the connection was lost or has opened, before the call.
    ///
    /// # Errors
    ///
    /// - [`Error::Full`] if there is no connection, the queue is full, and [`WhenFull::Reject`](crate::WhenFull::Reject) was chosen;
    ///   later calls can succeed,
    /// - [`Error::NotOpen`] after [`close`](Self::close), also for calls that wait, or if the connection is closed for good.
    pub async fn ready(&self) -> Result<(), Error> {
        let mut turn = Turn::default();
        poll_fn(|context| self.shared().poll_room(context, &mut turn)).await
    }

    /// Waits until no message is queued or unsent.
    ///
    /// While a message is queued, it waits for a connection. It does not wait for
    ///
    /// - confirmations: an unconfirmed message that has left the browser counts as flushed,
    /// - messages in doubt, unless they are [sent again](crate::WhenLost::Resend),
    /// - the unsent bytes of a connection that this page closes.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] if the connection is closed for good and
    ///
    /// - messages are still queued,
    /// - or, with [`WhenLost::Resend`](crate::WhenLost::Resend), messages in doubt would have been sent again.
    ///
    /// Otherwise it is no error that a connection was lost before everything had left: these messages are in doubt.
    pub async fn flush(&self) -> Result<(), Error> {
        let mut patience = Patience::default();
        poll_fn(|context| self.shared().poll_flush(context, &mut patience)).await
    }

    /// Closes for good, without a code, and waits for the peer's answer. The call itself begins to close. Resolves with the close
    /// event, clean or not. If the connection was closed for good before, resolves as [`closed`](Self::closed) does.
    ///
    /// - While a connection is open, all queued messages, and those to be sent again, are handed over first, in the call itself.
    /// - While there is no connection, messages stay queued and can be [taken back](Self::take_queued), and the future resolves
    ///   at once with `None`. To wait until queued messages are sent, call [`flush`](Self::flush) first, or close the handle as a
    ///   [`Sink`].
    ///
    /// Messages that have arrived are still in the stream. Dropping the future does not stop the closing.
    ///
    /// # Errors
    ///
    /// - [`Error::CloseTimeout`] if the peer does not answer in time; see
    ///   [`Options::close_timeout`](crate::Options::close_timeout),
    /// - the error that closed the connection for good before.
    pub fn close(&self) -> impl Future<Output = Result<Option<CloseEvent>, Error>> + use<'_> {
        self.shared().close(None);
        self.closed()
    }

    /// Closes for good, with a code and a reason. See [`close`](Self::close).
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidCloseCode`] or [`Error::ReasonTooLong`]; the connection then stays open.
    /// - Otherwise the same errors as [`close`](Self::close).
    pub fn close_with<C, R>(
        &self,
        code: C,
        reason: R,
    ) -> impl Future<Output = Result<Option<CloseEvent>, Error>> + use<'_, C, R>
    where
        C: TryInto<CloseCode, Error: Into<Error>>,
        R: TryInto<CloseReason, Error: Into<Error>>,
    {
        let frame = crate::types::close::frame(code, reason);
        let begun = frame.map(|frame| self.shared().close(Some(frame)));
        async move {
            begun?;
            self.closed().await
        }
    }

    /// Waits until the connection is closed for good, and returns the close event, clean or not; `None` if the caller closed while
    /// there was no connection.
    ///
    /// # Errors
    ///
    /// The error that closed the connection for good, or [`Error::CloseTimeout`].
    pub async fn closed(&self) -> Result<Option<CloseEvent>, Error> {
        let mut patience = Patience::default();
        poll_fn(|context| self.shared().poll_end(context, &mut patience)).await
    }

    /// Connects at once, and starts counting attempts anew.
    ///
    /// - Replaces an open connection: sends queued messages and closes it without a code. If the peer does not answer within half a
    ///   second, the next connection does not wait for it, and the browser completes the closing in the background. Messages that
    ///   are sent meanwhile are queued. What the peer still sends on the old connection is lost. Unconfirmed messages are in doubt.
    /// - Gives up an attempt that is under way, and begins another attempt.
    /// - Connects after a [`pause`](Self::pause), like [`resume`](Self::resume).
    /// - Does nothing while the connection is closing for good, or closed: make a new [`Reconnecting`](crate::Reconnecting).
    pub fn reconnect_now(&self) {
        self.shared().command(Command::ReconnectNow);
    }

    /// Closes the connection until [`resume`](Self::resume), for instance while the page is hidden.
    ///
    /// If a connection is open, queued messages go out first, and it is closed without a code. An attempt that is under way is
    /// given up, and no further attempt is made. Messages that are sent during the pause are queued. Unconfirmed messages are in
    /// doubt. The pause is delayed by at most one [`close_timeout`](crate::Options::close_timeout), even while bytes still leave. A
    /// second pause, or one after [`close`](Self::close), does nothing.
    pub fn pause(&self) {
        self.shared().command(Command::Pause);
    }

    /// Connects after a [`pause`](Self::pause): at once, or within half a second if the connection is still closing. Starts
    /// counting attempts anew. Otherwise it does nothing.
    pub fn resume(&self) {
        self.shared().command(Command::Resume);
    }

    /// Returns the current state.
    pub fn state(&self) -> State {
        self.shared().announcer.borrow().state().clone()
    }

    /// Returns a stream of the current state, all later states, and reports of messages that are in doubt or rejected.
    pub fn states(&self) -> States {
        self.shared().announcer.borrow_mut().listen()
    }

    /// Returns the browser's interface that the connection uses, `Events` or `Streams`; `None` while there is no connection.
    #[cfg(feature = "streams")]
    pub fn transport(&self) -> Option<crate::Transport> {
        self.shared().link().map(|link| link.socket().transport())
    }

    /// Returns the number of sent messages in each state.
    ///
    /// Counts also change without a new [`State`], for instance when a ping is answered. A display reads them after each `send`,
    /// and by a timer.
    pub fn counts(&self) -> Counts {
        self.shared().machine.borrow().outbox.counts()
    }

    /// Confirms that the peer has received the message with this number, and all messages that were handed over before it on the
    /// same connection. Returns the number of messages that this confirms. For protocols that acknowledge messages.
    ///
    /// - A message keeps its number when it is sent again. So an acknowledgement may be passed on even if it is late or comes
    ///   twice.
    /// - Queued messages are never confirmed, whatever the number.
    /// - Messages in doubt stay in doubt with [`WhenLost::Report`](crate::WhenLost::Report). With
    ///   [`WhenLost::Resend`](crate::WhenLost::Resend), messages in doubt up to this number are confirmed, and not sent again.
    /// - Above the [limit](crate::ReconnectOptions::unconfirmed_limit), the oldest messages are forgotten. Their own numbers confirm
    ///   nothing: they are confirmed together with the oldest message that is still kept. If the newest 1,024 of 2,000 messages are
    ///   kept, `confirm(900)` returns 0, and `confirm(977)` returns 977. Messages in doubt that are forgotten are never confirmed.
    /// - A message that alone exceeds the limit is not kept, but is confirmed by its own or a later number.
    pub fn confirm(&self, number: u64) -> u64 {
        self.shared().confirm(number)
    }

    /// Takes the messages in doubt: returns the kept messages, and the count of all. Later calls neither return nor count them;
    /// [`counts`](Self::counts) still counts them as in doubt.
    ///
    /// It also works after the connection was closed for good, whatever the cause: unconfirmed messages are in doubt by then.
    ///
    /// Only the caller can send taken messages again. If the peer recognises duplicates, sending them again is safe; if not, ask
    /// the peer first.
    pub fn take_in_doubt(&self) -> InDoubt {
        self.shared().take_in_doubt()
    }

    /// Takes back the queued messages, in order: they will not be sent. It also works after the connection was closed for good.
    pub fn take_queued(&self) -> Vec<Message> {
        self.shared().take_queued()
    }
}

/// A clone is another handle of the same connection.
impl Clone for ReconnectingSender {
    fn clone(&self) -> Self {
        Self::new(Rc::clone(&self.handle))
    }
}

impl AsRef<Self> for ReconnectingSender {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// Sends and closes. Errors do not return the message. `poll_ready` fails with [`Error::Full`] where `send` does, and the sink can
/// still be used.
///
/// A flush of the sink waits until all queued messages, and those to be [sent again](crate::WhenLost::Resend), were handed over. It
/// fails with [`Error::NotOpen`] if the connection is closed for good before. So `SinkExt::send` waits for a connection, and if it
/// is dropped meanwhile, the message stays queued; `SinkExt::feed` and the method [`send`](ReconnectingSender::send) do not wait
/// for one. The method [`flush`](ReconnectingSender::flush) also waits until the messages have left the browser. If `SinkExt` is
/// imported, `send`, `flush` and `close` of a variable of type `&mut Reconnecting` are those of `SinkExt`.
///
/// Closing flushes the sink first. If it is no longer polled meanwhile, nothing is closed. It fails
///
/// - with [`Error::NotOpen`] if the flush fails,
/// - with [`Error::Unclean`] if [`close`](ReconnectingSender::close) resolves with an event that is not clean,
/// - otherwise with the same errors as [`close`](ReconnectingSender::close).
impl Sink<Message> for ReconnectingSender {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { handle, sink } = &mut *self;
        let room = ready!(handle.shared.poll_room(context, &mut sink.room));
        // The place is given up, since it is unknown whether a message follows.
        sink.room = Turn::default();
        Poll::Ready(room)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.shared().try_send(message, true)?;
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { handle, sink } = &mut *self;
        handle.shared.poll_handed_over(context, &mut sink.flush)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { handle, sink } = &mut *self;
        if sink.close.is_none() {
            ready!(handle.shared.poll_handed_over(context, &mut sink.flush))?;
            handle.shared.close(None);
        }
        Poll::Ready(match ready!(handle.shared.poll_end(context, sink.close.get_or_insert_default()))? {
            Some(event) if !event.was_clean => Err(Error::Unclean(event)),
            _ => Ok(()),
        })
    }
}

/// Methods over a [`Reconnecting`](crate::Reconnecting) or a [`ReconnectingSender`], which number messages. For the
/// connection's own methods, such as `states` and `close`, there is [`get_ref`](Typed::get_ref).
impl<S: AsRef<ReconnectingSender>, Out, In, C: Encode<Out>> Typed<S, Out, In, C> {
    /// Sends a value like [`ReconnectingSender::send`], and returns its number, for [`confirm`](ReconnectingSender::confirm).
    /// Unlike [`send`](Typed::send), it takes `&self`.
    ///
    /// # Errors
    ///
    /// - [`Error::Encode`] for a value that the codec cannot encode,
    /// - otherwise the same errors as [`ReconnectingSender::send`].
    ///
    /// The error returns the value.
    pub async fn send_numbered<T: Borrow<Out>>(&self, value: T) -> Result<u64, SendError<T>> {
        let sent = match C::encode(value.borrow()) {
            Ok(message) => self.get_ref().as_ref().send(message).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        sent.map_err(|error| SendError { message: value, error })
    }

    /// Sends or queues a value without waiting, like [`ReconnectingSender::try_send`], and returns its number.
    ///
    /// # Errors
    ///
    /// - [`Error::Encode`] for a value that the codec cannot encode,
    /// - otherwise the same errors as [`ReconnectingSender::try_send`].
    ///
    /// The error returns the value.
    pub fn try_send<T: Borrow<Out>>(&self, value: T) -> Result<u64, SendError<T>> {
        let sent = C::encode(value.borrow()).and_then(|message| Ok(self.get_ref().as_ref().try_send(message)?));
        sent.map_err(|error| SendError { message: value, error })
    }
}

impl fmt::Debug for ReconnectingSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectingSender")
            .field("state", &self.state())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

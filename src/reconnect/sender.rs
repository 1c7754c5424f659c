//! The handle that sends, and says what is to be done.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_sink::Sink;

use super::event::{Command, NO_CODE};
use super::patience::Patience;
use super::shared::Shared;
use crate::{CloseCode, CloseEvent, CloseReason, Counts, Error, InDoubt, Message, SendError, State, States, Typed};

/// A handle of a [`Reconnecting`](crate::Reconnecting) for other tasks: it sends, closes and pauses.
///
/// A clone is one more. The connection is closed, and does not come back, when all of them and the `Reconnecting` are
/// dropped.
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::{Reconnecting, ReconnectOptions};
///
/// # fn on_click(_: &str, _: impl Fn() + 'static) {}
/// let feed = Reconnecting::new(ReconnectOptions::new(), || async { Ok("wss://example.com/feed") });
/// let sender = feed.sender();
/// on_click("try now", move || sender.reconnect_now()); // while another task takes what `feed` receives
/// ```
#[must_use = "the connection is closed when its last handle is dropped"]
pub struct ReconnectingSender {
    handle: Rc<Handle>,
    sink: SinkState,
}

/// What all handles are of. When this is dropped, nothing of the connection is left.
pub(crate) struct Handle(Rc<Shared>);

/// How far the methods of [`Sink`] have come.
#[derive(Default)]
struct SinkState {
    room: Patience,
    flush: Patience,
    close: Option<Patience>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl ReconnectingSender {
    pub(crate) fn new(shared: Rc<Shared>) -> Self {
        Self { handle: Rc::new(Handle(shared)), sink: SinkState::default() }
    }

    pub(crate) fn shared(&self) -> &Rc<Shared> {
        &self.handle.0
    }

    /// The handle as a sink of `Out`, by a codec.
    pub fn typed<Out, C>(self) -> Typed<Self, Out, (), C> {
        Typed::new(self)
    }

    /// Sends a message, or queues it if there is no connection.
    ///
    /// It resolves when the message was handed over to the browser or is queued, with its number: all messages that were not
    /// rejected are counted, from 1. While a connection is open it waits as long as more than
    /// [`high_water_mark`](crate::Options::high_water_mark) bytes are unsent. While there is none, it waits only if the queue
    /// is full and [`WhenFull::Wait`](crate::WhenFull::Wait) was chosen. Dropping the future before it resolves sends nothing
    /// and drops the message.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] if there is no connection and the queue is full, [`Error::NotOpen`] if it is closed for good. The
    /// error hands the message back.
    pub async fn send(&self, message: impl Into<Message>) -> Result<u64, SendError<Message>> {
        let (message, mut patience) = (message.into(), Patience::default());
        match poll_fn(|context| self.shared().poll_room(context, &mut patience)).await {
            Ok(()) => self.try_send(message),
            Err(error) => {
                self.shared().machine.borrow_mut().outbox.rejected();
                Err(SendError { message, error })
            }
        }
    }

    /// Sends a message, or queues it if there is no connection, if it need not wait for that.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] if more than the high water mark is unsent, or the queue is full; else as for [`send`](Self::send).
    /// The error hands the message back.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<u64, SendError<Message>> {
        self.shared().try_send(message.into())
    }

    /// Waits until nothing waits to be sent: not in the queue, and not with the browser.
    ///
    /// While there is no connection and something is queued, that takes until there is one. What was lost with a connection is
    /// not waited for: it is in doubt, which is told. Nor is what a connection that is closing still has to send.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] if it is closed for good and something is still queued.
    pub async fn flush(&self) -> Result<(), Error> {
        let mut patience = Patience::default();
        poll_fn(|context| self.shared().poll_flush(context, &mut patience)).await
    }

    /// Closes the connection without a code, and does not come back. Waits for the peer's answer. It is begun by the call.
    ///
    /// While a connection is open, what is queued goes out first, and is confirmed if the peer completes the closing. While
    /// there is none, what is queued stays so, and can be [taken back](Self::take_queued); then it resolves with `None`.
    /// What had arrived before is still in the stream. Dropping the future does not stop the closing. If it was closed for
    /// good before, it gives the event that ended it.
    ///
    /// # Errors
    ///
    /// [`Error::CloseTimeout`] if the peer does not answer within [`Options::close_timeout`](crate::Options::close_timeout).
    /// If it was closed for good before, the error for which it was.
    pub fn close(&self) -> impl Future<Output = Result<Option<CloseEvent>, Error>> + use<'_> {
        self.shared().command(Command::Close(NO_CODE));
        self.closed()
    }

    /// Closes the connection with a code and a reason, and does not come back. Else it is as [`close`](Self::close).
    ///
    /// # Errors
    ///
    /// As for [`close`](Self::close), and [`Error::InvalidCloseCode`] or [`Error::ReasonTooLong`], which close nothing.
    pub fn close_with<C, R>(
        &self,
        code: C,
        reason: R,
    ) -> impl Future<Output = Result<Option<CloseEvent>, Error>> + use<'_, C, R>
    where
        C: TryInto<CloseCode, Error: Into<Error>>,
        R: TryInto<CloseReason, Error: Into<Error>>,
    {
        let frame =
            code.try_into().map_err(Into::into).and_then(|code| Ok((code, reason.try_into().map_err(Into::into)?)));
        let begun = frame.map(|(code, reason): (CloseCode, CloseReason)| {
            self.shared().close_frame.replace(Some((code, reason)));
            self.shared().command(Command::Close(code.get()));
        });
        async move {
            begun?;
            self.closed().await
        }
    }

    /// Waits until it is closed for good, and says how: with the event that ended the last connection, if there was one.
    ///
    /// # Errors
    ///
    /// The one for which it gave up, or [`Error::CloseTimeout`].
    pub async fn closed(&self) -> Result<Option<CloseEvent>, Error> {
        let mut patience = Patience::default();
        poll_fn(|context| self.shared().poll_end(context, &mut patience)).await
    }

    /// Connects at once, and begins to count attempts anew. If a connection is open, it is closed first, and replaced.
    ///
    /// If it is connecting it goes on with that; if it is closed for good it stays so.
    pub fn reconnect_now(&self) {
        self.shared().command(Command::ReconnectNow);
    }

    /// Closes the connection, and does not come back before [`resume`](Self::resume), for instance while the page is not
    /// shown.
    ///
    /// What is queued goes out first; what is sent later is queued.
    pub fn pause(&self) {
        self.shared().command(Command::Pause);
    }

    /// Connects at once after a [`pause`](Self::pause), and begins to count attempts anew. Otherwise it does nothing.
    pub fn resume(&self) {
        self.shared().command(Command::Resume);
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        self.shared().announcer.borrow().state().clone()
    }

    /// What it is doing, now and whenever it changes.
    pub fn states(&self) -> States {
        self.shared().announcer.borrow_mut().listen()
    }

    /// How many messages are where, of all that were ever given to be sent.
    pub fn counts(&self) -> Counts {
        self.shared().machine.borrow().outbox.counts()
    }

    /// Says that the peer has received the message with this number, and all that were handed over before it on the same
    /// connection: for protocols that acknowledge. Gives how many were confirmed by that.
    ///
    /// What is in doubt stays so. Nor can it confirm one of those that were not [kept](crate::ReconnectOptions::unconfirmed),
    /// before one is that came later.
    pub fn confirm(&self, number: u64) -> u64 {
        self.shared().machine.borrow_mut().outbox.confirm_up_to(number)
    }

    /// The messages that are in doubt and were not taken before.
    ///
    /// None of them is ever sent again but by the caller. If the peer can tell what it has received twice, one may send them
    /// again; if not, one should ask it.
    pub fn take_in_doubt(&self) -> InDoubt {
        let (count, messages) = self.shared().machine.borrow_mut().outbox.take_in_doubt();
        InDoubt { count, messages }
    }

    /// Takes back the messages that are queued, in their order: they will not be sent.
    pub fn take_queued(&self) -> Vec<Message> {
        let queued = self.shared().machine.borrow_mut().outbox.take_queued();
        self.shared().notify.wake_all();
        queued
    }
}

/// One more handle of the same connection.
impl Clone for ReconnectingSender {
    fn clone(&self) -> Self {
        Self { handle: Rc::clone(&self.handle), sink: SinkState::default() }
    }
}

/// Sends, flushes and closes as the methods of the same names do, with [`Error`] instead of a message handed back.
///
/// `SinkExt::send` flushes each message, and so waits for a connection. Without that there is `SinkExt::feed`, and the method
/// [`send`](ReconnectingSender::send).
impl Sink<Message> for ReconnectingSender {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { handle, sink } = &mut *self;
        handle.0.poll_room(context, &mut sink.room)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.shared().try_send(message)?;
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { handle, sink } = &mut *self;
        handle.0.poll_flush(context, &mut sink.flush)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.sink.close.is_none() {
            self.shared().command(Command::Close(NO_CODE));
        }
        let Self { handle, sink } = &mut *self;
        let ended = handle.0.poll_end(context, sink.close.get_or_insert_default());
        ended.map(|end| match end? {
            Some(event) if !event.was_clean => Err(Error::Unclean(event)),
            _ => Ok(()),
        })
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

//! The connection that comes back, for those who use it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;

use super::driver::{self, Driver};
use super::event::{Command, Event};
use super::inbox::Next;
use super::sender::ReconnectingSender;
use super::shared::{Item, Shared};

use crate::sys::{has_event_loop, in_next_turn, spawn};
use crate::{
    AttemptError, CloseCode, CloseEvent, CloseReason, Counts, Error, InDoubt, Message, ReconnectOptions, SendError,
    State, States, Target, Typed,
};

/// A connection that comes back, as one [`Stream`] and one [`Sink`] of [`Message`]s.
///
/// When the connection is lost, or cannot be made, it tries again as the [`Backoff`](crate::Backoff) has it; at once when the
/// network comes back or the page is shown. It does so by itself, in a task of its own, whether this is polled or not. There
/// is never more than one connection. Dropping this and all its [`sender`](Self::sender)s closes it.
///
/// # What was sent
///
/// Every message that was given to it is in exactly one place, and [`counts`](Self::counts) says how many are where. While
/// there is no connection a message is *queued*, up to a bound, and *rejected* beyond it. On a connection it is *handed over*
/// to the browser, and nobody knows what became of it, until something *confirms* that the peer has it:
///
/// - the answer to a [`Heartbeat`](crate::Heartbeat) that was sent after it,
/// - a closing that the caller began and the peer completed, repeating the code as those do that answer a Close frame,
/// - the caller, by [`confirm`](Self::confirm), if the protocol has acknowledgements of its own.
///
/// If the connection ends before that, it is *in doubt*: the peer may have it or not. It is never sent again behind the
/// caller's back, as the peer might then have it twice. Instead the stream has one item [`Error::InDoubt`], behind what was
/// received on that connection and before what is received on the next, and [`take_in_doubt`](Self::take_in_doubt) gives the
/// messages, as far as they were [kept](ReconnectOptions::unconfirmed).
///
/// # What is received
///
/// Messages come in the order in which they were received; how they are lost with a connection only the peer knows. The
/// stream goes on after [`Error::InDoubt`], so use `next`, not `try_next`, if anything is sent. It ends with `None` when it is
/// closed for good: by the caller or, in order, by the peer. If it gave up for another reason, an `Err` with that comes before.
///
/// # Examples
///
/// ```no_run
/// use futures_util::StreamExt;
/// use wasm_websocket::{Error, Heartbeat, Message, ReconnectOptions, Reconnecting};
///
/// async fn chat(show: impl Fn(Message), token: fn() -> String) -> Result<(), Error> {
///     let options = ReconnectOptions::new()
///         .on_open(async move |stream| Ok(stream.send(token()).await?))
///         .heartbeat(Heartbeat::new("ping", |message| message.as_text() == Some("pong")));
///     let mut chat = Reconnecting::new(options, || async { Ok("wss://example.com/chat") });
///     let _ = chat.send("hello").await; // queued, until there is a connection
///     while let Some(message) = chat.next().await {
///         match message {
///             Ok(message) => show(message),
///             Err(Error::InDoubt { .. }) => {
///                 for (_, message) in chat.take_in_doubt().messages {
///                     let _ = chat.send(message).await; // this server knows what it has got twice
///                 }
///             }
///             Err(error) => return Err(error),
///         }
///     }
///     Ok(())
/// }
/// ```
#[must_use = "the connection is closed when this is dropped"]
pub struct Reconnecting {
    sender: ReconnectingSender,
}

impl Reconnecting {
    /// Begins to connect to where `provider` says. It is asked for each attempt, in the time that the attempt has.
    ///
    /// Where there is no `WebSocket`, as on a server that renders pages, it is closed for good with [`Error::Unsupported`].
    pub fn new<T, F>(options: ReconnectOptions, provider: F) -> Self
    where
        T: Into<Target>,
        F: AsyncFn() -> Result<T, AttemptError> + 'static,
    {
        let shared = Rc::new(Shared::new(&options));
        let sender = ReconnectingSender::new(Rc::clone(&shared));
        if !has_event_loop() {
            driver::fail(&shared, Error::Unsupported);
            return Self { sender };
        }
        shared.set_driver(Driver::new(&shared, options, Rc::new(provider)));
        shared.handle(Event::Command(Command::ReconnectNow));
        spawn(poll_fn(move |context| shared.poll(context)));
        Self { sender }
    }

    /// A handle for other tasks, to send, to close and to pause.
    pub fn sender(&self) -> ReconnectingSender {
        self.sender.clone()
    }

    /// The connection as a stream of `In` and a sink of `Out`, by a codec such as [`Json`](crate::codec::Json). What is in doubt
    /// is told by an item whose error is [`Error::InDoubt`], and `get_ref` leads to all that this can do.
    pub fn typed<Out, In, C>(self) -> Typed<Self, Out, In, C> {
        Typed::new(self)
    }

    /// Sends a message, or queues it if there is no connection, and gives its number. See [`ReconnectingSender::send`].
    ///
    /// # Errors
    ///
    /// [`Error::Full`] if there is no connection and the queue is full, [`Error::NotOpen`] if it is closed for good. The
    /// error hands the message back.
    pub async fn send(&self, message: impl Into<Message>) -> Result<u64, SendError<Message>> {
        self.sender.send(message).await
    }

    /// Sends a message, or queues it if there is no connection, if it need not wait for that.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] if more than the high water mark is unsent, or the queue is full; else as for [`send`](Self::send).
    /// The error hands the message back.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<u64, SendError<Message>> {
        self.sender.try_send(message)
    }

    /// Waits until nothing waits to be sent: not in the queue, and not with the browser. See [`ReconnectingSender::flush`].
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] if it is closed for good and something is still queued.
    pub async fn flush(&self) -> Result<(), Error> {
        self.sender.flush().await
    }

    /// Closes the connection without a code, and does not come back. See [`ReconnectingSender::close`].
    ///
    /// # Errors
    ///
    /// [`Error::CloseTimeout`] if the peer does not answer within [`Options::close_timeout`](crate::Options::close_timeout).
    /// If it was closed for good before, the error for which it was.
    pub fn close(&self) -> impl Future<Output = Result<Option<CloseEvent>, Error>> + use<'_> {
        self.sender.close()
    }

    /// Closes the connection with a code and a reason, and does not come back. See [`ReconnectingSender::close`].
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
        self.sender.close_with(code, reason)
    }

    /// Waits until it is closed for good, and says how. See [`ReconnectingSender::closed`].
    ///
    /// # Errors
    ///
    /// The one for which it gave up, or [`Error::CloseTimeout`].
    pub async fn closed(&self) -> Result<Option<CloseEvent>, Error> {
        self.sender.closed().await
    }

    /// Connects at once, and begins to count attempts anew. If a connection is open, it is closed first, and replaced.
    pub fn reconnect_now(&self) {
        self.sender.reconnect_now();
    }

    /// Closes the connection, and does not come back before [`resume`](Self::resume). See [`ReconnectingSender::pause`].
    pub fn pause(&self) {
        self.sender.pause();
    }

    /// Connects at once after a [`pause`](Self::pause), and begins to count attempts anew. Otherwise it does nothing.
    pub fn resume(&self) {
        self.sender.resume();
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        self.sender.state()
    }

    /// What it is doing, now and whenever it changes.
    pub fn states(&self) -> States {
        self.sender.states()
    }

    /// How many messages are where, of all that were ever given to be sent.
    pub fn counts(&self) -> Counts {
        self.sender.counts()
    }

    /// Says that the peer has received the message with this number, and all that were handed over before it on the same
    /// connection. See [`ReconnectingSender::confirm`].
    pub fn confirm(&self, number: u64) -> u64 {
        self.sender.confirm(number)
    }

    /// The messages that are in doubt and were not taken before. See [`ReconnectingSender::take_in_doubt`].
    pub fn take_in_doubt(&self) -> InDoubt {
        self.sender.take_in_doubt()
    }

    /// Takes back the messages that are queued, in their order: they will not be sent.
    pub fn take_queued(&self) -> Vec<Message> {
        self.sender.take_queued()
    }

    /// How many received messages were dropped because too many waited. See
    /// [`Options::receive_limit`](crate::Options::receive_limit).
    pub fn dropped(&self) -> u64 {
        self.sender.shared().inbox.borrow().dropped()
    }
}

impl Stream for Reconnecting {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let mut inbox = self.sender.shared().inbox.borrow_mut();
            match inbox.take() {
                Next::Message(Item::Decoded(decoded)) => return Poll::Ready(Some(decoded)),
                Next::Message(Item::Data(data)) => {
                    drop(inbox);
                    // None for what no browser delivers.
                    if let Some(decoded) = data.decode() {
                        return Poll::Ready(Some(decoded));
                    }
                }
                Next::Error(error) => return Poll::Ready(Some(Err(error))),
                Next::End => return Poll::Ready(None),
                Next::Empty => {
                    let last = inbox.wait(context.waker());
                    drop(inbox);
                    drop(last);
                    return Poll::Pending;
                }
                Next::Pause => {
                    let waker = context.waker().clone();
                    in_next_turn(move || waker.wake());
                    return Poll::Pending;
                }
            }
        }
    }
}

impl FusedStream for Reconnecting {
    fn is_terminated(&self) -> bool {
        self.sender.shared().inbox.borrow().is_over()
    }
}

/// As that of [`ReconnectingSender`].
impl Sink<Message> for Reconnecting {
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

impl Drop for Reconnecting {
    fn drop(&mut self) {
        let waiting = self.sender.shared().inbox.borrow_mut().discard();
        drop(waiting);
    }
}

impl fmt::Debug for Reconnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnecting")
            .field("state", &self.state())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

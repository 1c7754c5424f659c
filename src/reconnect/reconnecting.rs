//! The connection that comes back: its public type.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;

use super::handle::Handle;
use super::sender::ReconnectingSender;
use crate::send::sink::sink_of_sender;
use crate::{
    AttemptError, CloseCode, CloseEvent, CloseReason, Counts, Error, InDoubt, Message, Payload, ReconnectOptions,
    SendError, State, States, Target, Typed,
};

/// A connection that comes back, as one [`Stream`] and one [`Sink`] of [`Message`]s.
///
/// When the connection is lost or cannot be opened, it connects again after the delay of the [`Backoff`](crate::Backoff). When the
/// network comes back or the page is shown, this delay ends within half a second. The delay is just as short
///
/// - if an attempt was under way at that time, and fails,
/// - if the connection is lost within a second after that time: browsers show a frozen page first, and then report that its
///   connections are lost.
///
/// It runs in a task of its own, even if it is not polled. Dropping the `Reconnecting` discards all received and later messages,
/// and its [`sender`](Self::sender)s keep working. When they are dropped, too, the connection is closed for good, and queued
/// messages are dropped: await [`flush`](Self::flush) before.
///
/// There is never more than one connection in use. A connection that is no longer used is closed in the background. One that was not
/// open yet is closed when it opens, at the latest after a second; over streams, at once.
///
/// # What was sent
///
/// Every message is in exactly one state, and [`counts`](Self::counts) returns how many messages are in each. While there is no
/// connection, a message is *queued*; when the queue is full, it is *rejected*, unless [`WhenFull`](crate::reconnect::WhenFull)
/// decides otherwise. On a connection it is *handed over* to the browser, and is *unconfirmed* until the peer is known to have
/// received it:
///
/// - by the answer to a [`Heartbeat`](crate::Heartbeat) that was sent after it,
/// - by [`confirm`](Self::confirm), for protocols that have acknowledgements of their own.
///
/// If the connection ends before that, the message is *in doubt*: the peer may have received it or not. A completed closing
/// handshake confirms nothing, since a page cannot tell the peer's answer from a Close frame that crossed its own.
///
/// [`states`](Self::states) reports messages in doubt, and [`WhenLost`](crate::WhenLost) decides what happens to them. By default
/// they are not sent again, and [`take_in_doubt`](Self::take_in_doubt) returns them. They can also be sent again, in order, before
/// queued messages.
///
/// # What was received
///
/// The stream yields the messages of all connections in order. Messages that had not arrived when their connection was lost are not
/// received later. The stream ends when the connection is closed for good. If no further attempt is made, the last item is an `Err`
/// with the reason, such as [`Error::Unclean`] for a connection that was lost; after a close by the caller, or a clean close by the
/// peer, there is no `Err`.
///
/// These also close the connection for good, with the error as the last item:
///
/// - a message that does not fit into wasm memory, or whose buffer the page has transferred,
/// - a receive queue that overflows, with [`Overflow::Close`](crate::Overflow::Close), which is the default,
/// - a panic of the provider, the preamble, `after_close`, or a waker that its task calls, where panics unwind.
///
/// # Examples
///
/// ```no_run
/// use futures_util::TryStreamExt;
/// use wasm_websocket::reconnect::{Heartbeat, WhenLost};
/// use wasm_websocket::{Error, Message, ReconnectOptions, Reconnecting};
///
/// async fn chat(show: impl Fn(Message), token: fn() -> String) -> Result<(), Error> {
///     let options = ReconnectOptions::new()
///         .on_open(async move |stream, _| Ok(stream.send(token()).await?))
///         .heartbeat(Heartbeat::new("ping", |message| message.as_text() == Some("pong")))
///         .when_lost(WhenLost::Resend); // this server ignores duplicates
///     let mut chat = Reconnecting::new(options, async || Ok("wss://example.com/chat"));
///     let _ = chat.send("hello").await; // queued until there is a connection
///     while let Some(message) = chat.try_next().await? {
///         show(message);
///     }
///     Ok(())
/// }
/// ```
#[must_use = "the connection is closed when this is dropped"]
pub struct Reconnecting {
    sender: ReconnectingSender,
}

impl Reconnecting {
    /// Begins to connect to the target that `provider` returns.
    ///
    /// The provider is called for each attempt, and its time is part of the attempt's timeout. A URL may be relative to the
    /// page's. Where there is no `WebSocket`, as on a server that renders pages, the connection is closed for good with
    /// [`Error::Unsupported`].
    pub fn new<T, F>(options: ReconnectOptions, provider: F) -> Self
    where
        T: Into<Target>,
        F: AsyncFn() -> Result<T, AttemptError> + 'static,
    {
        Self { sender: ReconnectingSender::new(Handle::new(options, Rc::new(provider))) }
    }

    /// Returns a handle for other tasks, which can send, close and pause.
    pub fn sender(&self) -> ReconnectingSender {
        self.sender.clone()
    }

    /// Converts the connection into a stream of `In` and a sink of `Out`, with a [codec](crate::codec) such as `Json`.
    /// [`get_ref`](Typed::get_ref) returns the connection for everything else.
    ///
    /// [`Typed::send`] queues a value if there is no connection, as [`send`](Self::send) does. There is no `split`: other tasks
    /// send values with [`ReconnectingSender::typed`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::codec::Json;
    /// use wasm_websocket::{Error, ReconnectOptions, Reconnecting};
    ///
    /// async fn chat(show: impl Fn(String)) -> Result<(), Error> {
    ///     let connection = Reconnecting::new(ReconnectOptions::new(), async || Ok("wss://example.com/chat"));
    ///     let mut chat = connection.typed::<String, String, Json>();
    ///     chat.send("hello".to_owned()).await?; // queued until there is a connection
    ///     while let Some(text) = chat.try_next().await? {
    ///         show(text);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn typed<Out, In, C>(self) -> Typed<Self, Out, In, C> {
        Typed::new(self)
    }

    /// Sends a message, or queues it if there is no connection, and returns its number. See [`ReconnectingSender::send`].
    ///
    /// # Errors
    ///
    /// The same errors as [`ReconnectingSender::send`]. The error returns the message.
    pub async fn send(&self, message: impl Payload) -> Result<u64, SendError<Message>> {
        self.sender.send(message).await
    }

    /// Sends or queues a message without waiting, and returns its number. See [`ReconnectingSender::try_send`].
    ///
    /// # Errors
    ///
    /// The same errors as [`ReconnectingSender::try_send`]. The error returns the message.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::Reconnecting;
    ///
    /// /// Called when the user submits a text, in an event handler that cannot await.
    /// fn submit(chat: &Reconnecting, text: String, show: impl Fn(&str)) {
    ///     match chat.try_send(text) {
    ///         Ok(_) if chat.counts().queued == 0 => show("sent"),
    ///         Ok(_) => show("will be sent"), // it is queued: there is no connection, or others go first
    ///         Err(unsent) => show(&format!("not sent: {unsent}")), // `unsent.message` has the text
    ///     }
    /// }
    /// ```
    pub fn try_send(&self, message: impl Payload) -> Result<u64, SendError<Message>> {
        self.sender.try_send(message)
    }

    /// Waits until a [`send`](Self::send) would not wait. See [`ReconnectingSender::ready`].
    ///
    /// # Errors
    ///
    /// The same errors as [`ReconnectingSender::ready`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::{Stream, StreamExt};
    /// use wasm_websocket::reconnect::WhenFull;
    /// use wasm_websocket::{Error, Options, ReconnectOptions, Reconnecting};
    ///
    /// /// Sends a picture on each tick, as fast as the network allows, and none while there is no connection.
    /// async fn film(mut ticks: impl Stream + Unpin, shoot: fn() -> Vec<u8>) -> Result<(), Error> {
    ///     let options = ReconnectOptions::new()
    ///         .connection(Options::new().high_water_mark(0))
    ///         .queue_limit_messages(0) // without a connection, a picture would be old when it is sent …
    ///         .when_full(WhenFull::Wait) // … so the camera waits for a connection
    ///         .unconfirmed_limit_messages(0); // no picture is kept after it was sent
    ///     let camera = Reconnecting::new(options, async || Ok("wss://example.com/camera"));
    ///     while ticks.next().await.is_some() {
    ///         camera.ready().await?;
    ///         camera.send(shoot()).await?; // shot after the wait
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn ready(&self) -> Result<(), Error> {
        self.sender.ready().await
    }

    /// Waits until no message is queued or unsent. See [`ReconnectingSender::flush`].
    ///
    /// # Errors
    ///
    /// The same error as [`ReconnectingSender::flush`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::{Error, Reconnecting};
    ///
    /// /// Saves before the user leaves the page, even if there is no connection now. The editor has `WhenLost::Resend`: otherwise the
    /// /// draft may be in doubt after `flush`.
    /// async fn save_and_leave(editor: &Reconnecting, draft: &str, leave: impl Fn()) -> Result<(), Error> {
    ///     editor.send(draft).await?;
    ///     editor.flush().await?; // `close` alone does not wait for a connection
    ///     editor.close().await?;
    ///     leave();
    ///     Ok(())
    /// }
    /// ```
    pub async fn flush(&self) -> Result<(), Error> {
        self.sender.flush().await
    }

    /// Closes for good, without a code. See [`ReconnectingSender::close`].
    ///
    /// # Errors
    ///
    /// The same errors as [`ReconnectingSender::close`].
    pub fn close(&self) -> impl Future<Output = Result<Option<CloseEvent>, Error>> + use<'_> {
        self.sender.close()
    }

    /// Closes for good, with a code and a reason. See [`ReconnectingSender::close`].
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidCloseCode`] or [`Error::ReasonTooLong`]; the connection then stays open.
    /// - Otherwise the same errors as [`ReconnectingSender::close`].
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

    /// Waits until the connection is closed for good. See [`ReconnectingSender::closed`].
    ///
    /// # Errors
    ///
    /// The error that closed the connection for good, or [`Error::CloseTimeout`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::Reconnecting;
    ///
    /// /// Offers to reload the page if no further attempt is made, for instance after `Backoff::max_elapsed`.
    /// async fn offer_reload(feed: &Reconnecting, show: impl Fn(String)) {
    ///     match feed.closed().await {
    ///         Ok(Some(event)) if !event.was_clean => show(format!("{event}. Reload the page?")),
    ///         Ok(_) => {} // closed by this page before, or cleanly by the server
    ///         Err(error) => show(format!("{error}. Reload the page?")),
    ///     }
    /// }
    /// ```
    pub async fn closed(&self) -> Result<Option<CloseEvent>, Error> {
        self.sender.closed().await
    }

    /// Connects at once, and starts counting attempts anew. See [`ReconnectingSender::reconnect_now`].
    ///
    /// It does nothing after the connection was closed for good, as after an
    /// [`AttemptError::last`](crate::reconnect::AttemptError::last), or a close with 3000 (unauthorized): make a new
    /// `Reconnecting`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::{ReconnectOptions, Reconnecting};
    ///
    /// # fn token() -> String { String::new() }
    /// # fn on_login(_: impl Fn() + 'static) {}
    /// let url = async || Ok(format!("wss://example.com/feed?token={}", token()));
    /// let feed = Reconnecting::new(ReconnectOptions::new(), url);
    /// let sender = feed.sender();
    /// on_login(move || sender.reconnect_now()); // with the new token, unless it was closed for good
    /// ```
    pub fn reconnect_now(&self) {
        self.sender.reconnect_now();
    }

    /// Closes the connection until [`resume`](Self::resume). See [`ReconnectingSender::pause`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::Reconnecting;
    ///
    /// /// Called on `visibilitychange`: a hidden dashboard needs no data.
    /// fn visibility_changed(dashboard: &Reconnecting, is_hidden: bool) {
    ///     if is_hidden { dashboard.pause() } else { dashboard.resume() }
    /// }
    /// ```
    pub fn pause(&self) {
        self.sender.pause();
    }

    /// Connects after a [`pause`](Self::pause): at once, or within half a second if the connection is still closing. Starts
    /// counting attempts anew. Otherwise it does nothing.
    pub fn resume(&self) {
        self.sender.resume();
    }

    /// Returns the current state.
    pub fn state(&self) -> State {
        self.sender.state()
    }

    /// Returns a stream of the current state, all later states, and reports of messages that are in doubt or rejected. A task that
    /// reads both this stream and the messages may see a message of a connection before its [`State::Open`].
    pub fn states(&self) -> States {
        self.sender.states()
    }

    /// Returns the browser's interface that the connection uses, `Events` or `Streams`; `None` while there is no connection.
    #[cfg(feature = "streams")]
    pub fn transport(&self) -> Option<crate::Transport> {
        self.sender.transport()
    }

    /// Returns the number of sent messages in each state.
    ///
    /// Counts also change without a new [`State`], for instance when a ping is answered. A display reads them after each `send`,
    /// and by a timer.
    pub fn counts(&self) -> Counts {
        self.sender.counts()
    }

    /// Confirms that the peer has received the message with this number, and all messages that were handed over before it on the
    /// same connection. See [`ReconnectingSender::confirm`].
    ///
    /// # Examples
    ///
    /// ```ignore-wasm32
    /// # use wasm_websocket::testing::Page;
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::{ReconnectOptions, Reconnecting};
    /// # let page = Page::new();
    /// # page.serve("wss://example.com/chat", async |handshake| {
    /// #     let Some(mut peer) = handshake.accept() else { return };
    /// #     while peer.receive().await.is_some() { peer.send("stored") }
    /// # });
    /// # page.run(async {
    ///
    /// let mut chat = Reconnecting::new(ReconnectOptions::new(), async || Ok("wss://example.com/chat"));
    /// let number = chat.send("hello").await?;
    /// if chat.try_next().await? == Some("stored".into()) {
    ///     chat.confirm(number); // not in doubt if the connection is lost from now on
    /// }
    /// assert_eq!(chat.counts().confirmed, 1);
    /// # Ok::<(), wasm_websocket::Error>(())
    /// # })?;
    /// # Ok::<(), wasm_websocket::Error>(())
    /// ```
    pub fn confirm(&self, number: u64) -> u64 {
        self.sender.confirm(number)
    }

    /// Takes the messages in doubt, also after the connection was closed for good. See [`ReconnectingSender::take_in_doubt`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::{Message, Reconnecting};
    ///
    /// /// Asks the user about each message in doubt: “Send again? It may arrive twice.” Returns the messages that could not be sent.
    /// async fn settle(chat: &Reconnecting, ask: impl AsyncFn(&Message) -> bool) -> Vec<Message> {
    ///     let mut unsent = Vec::new();
    ///     for (_, message) in chat.take_in_doubt().messages {
    ///         if ask(&message).await {
    ///             unsent.extend(chat.send(message).await.err().map(|error| error.message));
    ///         }
    ///     }
    ///     unsent
    /// }
    /// ```
    pub fn take_in_doubt(&self) -> InDoubt {
        self.sender.take_in_doubt()
    }

    /// Takes back the queued messages, in order: they will not be sent. It also works after the connection was closed for good.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::Reconnecting;
    ///
    /// /// Called on `pagehide` for a chat that sends only texts: stores the queued ones for the next visit. If the user comes back
    /// /// to this page (`pageshow` with `persisted`), the page sends the stored texts.
    /// fn keep(chat: &Reconnecting, store: impl Fn(&str)) {
    ///     for message in chat.take_queued() {
    ///         store(message.as_text().unwrap_or_default());
    ///     }
    /// }
    /// ```
    pub fn take_queued(&self) -> Vec<Message> {
        self.sender.take_queued()
    }

    /// Returns the number of received messages that were dropped because the receive queue was full. See
    /// [`Options::receive_limit`](crate::Options::receive_limit).
    pub fn dropped(&self) -> u64 {
        self.sender.shared().inbox.borrow().dropped()
    }
}

impl Stream for Reconnecting {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.sender.shared().poll_next(context)
    }
}

impl FusedStream for Reconnecting {
    fn is_terminated(&self) -> bool {
        self.sender.shared().inbox.borrow().is_over()
    }
}

sink_of_sender! {
    /// Works like the [`Sink`] of [`ReconnectingSender`].
    Reconnecting
}

impl AsRef<ReconnectingSender> for Reconnecting {
    fn as_ref(&self) -> &ReconnectingSender {
        &self.sender
    }
}

impl Drop for Reconnecting {
    fn drop(&mut self) {
        self.sender.shared().discard();
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

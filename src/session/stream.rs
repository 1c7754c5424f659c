//! The session, for those who use it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;

use super::core::Core;
use super::counts::SessionCounts;
use super::handshake::{greet, target};
use super::lost::Lost;
use super::options::SessionOptions;
use super::receipt::Receipt;
use super::sender::{Handle, SessionSender};
use super::task::Task;
use crate::reconnect::ReconnectingSender;
use crate::send::sink::sink_of_sender;
use crate::sys::{has_event_loop, random_bits, spawn};
use crate::{
    AttemptError, CloseCode, CloseReason, Error, Message, Payload, Reconnecting, SendError, State, States, Target,
    Typed, WebSocketStream,
};

/// A session: a [`Stream`] and a [`Sink`] of [`Message`]s that delivers each message exactly once, over any number of connections.
///
/// With a [`Reconnecting`], messages are in doubt after a lost connection. With a session, no message is: both ends number the
/// messages, keep each message until the other end has processed it, and transmit it again on the next connection. The server must
/// speak the session protocol. **As long as both ends keep the session, every message arrives in order and exactly once, in both
/// directions.** If the server has forgotten the session, the stream yields one [`Lost`], with the messages in question.
///
/// It connects and reconnects as a `Reconnecting` does: with a backoff, which ends early when the network comes back or the
/// page is shown, and with a heartbeat that detects dead peers.
///
/// # What was sent
///
/// [`send`](Self::send) resolves when the session has the message in its replay buffer. It returns a [`Receipt`], which resolves
/// when the peer has *processed* the message: when the application of the peer has finished with it, not when it has arrived.
/// Senders wait while the replay buffer is full, with and without a connection.
///
/// # What was received
///
/// A message is processed when the stream is polled for the next one; with [`SessionOptions::explicit`], when
/// [`processed`](Self::processed) is called. The peer waits while [`SessionOptions::window`] bytes are received and not processed.
/// The stream ends when the peer has ended its direction, or after the last `Lost`. If the session is lost after the peer's end, the
/// stream yields no `Lost`: [`close`](Self::close), [`acknowledged`](Self::acknowledged) and receipts fail.
///
/// # The end
///
/// [`close`](Self::close) ends this page's direction, and resolves when the peer has processed everything. The end of one direction
/// does not end the other: when the stream has ended, call `close`, too. When both directions have ended and are processed, the
/// connection is closed for good.
///
/// Dropping the session and all its [`sender`](Self::sender)s before that gives it up at once, as for a logout: messages that the peer
/// has not processed are not sent again, their receipts fail, and the server need not keep the session. If only the `Session` is
/// dropped, no message is processed any more, and the peer waits when the window is full.
///
/// # Examples
///
/// ```no_run
/// use futures_util::StreamExt;
/// use wasm_websocket::Error;
/// use wasm_websocket::session::{Session, SessionOptions};
///
/// async fn order(items: &[&str], show: impl Fn(&str)) -> Result<(), Error> {
///     let mut shop = Session::new(SessionOptions::new(), async || Ok("wss://example.com/orders"));
///     for item in items {
///         drop(shop.send(*item).await?); // ordered once, however often the train enters a tunnel
///     }
///     shop.close().await?; // all orders are processed
///     while let Some(answer) = shop.next().await {
///         show(answer?.as_text().unwrap_or_default());
///     }
///     Ok(())
/// }
/// ```
#[must_use = "the session is given up when this is dropped"]
pub struct Session {
    sender: SessionSender,
}

impl Session {
    /// Begins a session at the target that `provider` returns. A session lives in this page: after a reload, a new one begins.
    ///
    /// The provider is called for each connection, and its time is part of the attempt's timeout. `session.v1` is offered before
    /// the subprotocols of a [`Target`]. If the server selects none, Chromium fails the attempt, and another follows; if it selects
    /// another one, or none in Firefox, the session is lost with [`LostCause::Stopped`](super::LostCause::Stopped). Where there is
    /// no `WebSocket`, as on a server that renders pages, the session is lost with [`Error::Unsupported`].
    pub fn new<T, F>(options: SessionOptions, provider: F) -> Self
    where
        T: Into<Target>,
        F: AsyncFn() -> Result<T, AttemptError> + 'static,
    {
        let core = Rc::new(Core::new(&options, name()));
        let connection = connect(&core, &options, provider);
        let shared = connection.shared();
        core.set_shared(shared);
        if let State::Closed { cause } = connection.state() {
            core.stopped(cause);
        } else if has_event_loop() {
            let mut task = Task::new(Rc::clone(&core), Rc::downgrade(shared), connection.states());
            spawn(poll_fn(move |context| task.poll(context)));
        }
        Self { sender: SessionSender::new(Handle { core, connection }) }
    }

    /// Returns a handle for other tasks, which can send, close and pause.
    pub fn sender(&self) -> SessionSender {
        self.sender.clone()
    }

    /// Converts the session into a stream of `In` and a sink of `Out`, by a [codec](crate::codec) such as `Json`.
    /// [`get_ref`](Typed::get_ref) returns the session for everything else. There is no `split`: other tasks send values with
    /// [`SessionSender::typed`].
    ///
    /// A [`Lost`] becomes [`Error::SessionLost`], without the messages: receipts tell which values are lost, see
    /// [`Typed::send_for_receipt`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::Error;
    /// use wasm_websocket::codec::Json;
    /// use wasm_websocket::session::{Session, SessionOptions};
    ///
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Change {
    ///     row: u32,
    ///     text: String,
    /// }
    ///
    /// async fn edit(change: Change, apply: impl Fn(Change)) -> Result<(), Error> {
    ///     let session = Session::new(SessionOptions::new(), async || Ok("wss://example.com/sheet"));
    ///     let mut sheet = session.typed::<Change, Change, Json>();
    ///     sheet.send(change).await?; // kept until the server has processed it
    ///     while let Some(change) = sheet.try_next().await? {
    ///         apply(change); // in order, and once each
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn typed<Out, In, C>(self) -> Typed<Self, Out, In, C> {
        Typed::new(self)
    }

    /// Sends a message, and returns its [`Receipt`]. See [`SessionSender::send`].
    ///
    /// # Errors
    ///
    /// The errors of [`SessionSender::send`]. The error returns the message.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::Error;
    /// use wasm_websocket::session::Session;
    ///
    /// async fn save(editor: &Session, change: &str, show: impl Fn(&str)) -> Result<(), Error> {
    ///     let receipt = editor.send(change).await?;
    ///     show("saving …"); // the change is kept, and sent when there is a connection
    ///     receipt.await?;
    ///     show("saved"); // the server has processed it
    ///     Ok(())
    /// }
    /// ```
    pub async fn send(&self, message: impl Payload) -> Result<Receipt, SendError<Message>> {
        self.sender.send(message).await
    }

    /// Sends a message without waiting, and returns its [`Receipt`]. See [`SessionSender::try_send`].
    ///
    /// # Errors
    ///
    /// The errors of [`SessionSender::try_send`]. The error returns the message.
    pub fn try_send(&self, message: impl Payload) -> Result<Receipt, SendError<Message>> {
        self.sender.try_send(message)
    }

    /// Waits until the peer has processed all messages that were sent before. See [`SessionSender::acknowledged`].
    ///
    /// # Errors
    ///
    /// The errors of [`SessionSender::acknowledged`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::Error;
    /// use wasm_websocket::session::Session;
    ///
    /// async fn import(session: &Session, rows: &[&str], show: impl Fn(&str)) -> Result<(), Error> {
    ///     for row in rows {
    ///         drop(session.send(*row).await?); // one wait for all of them, instead of a receipt each
    ///     }
    ///     session.acknowledged().await?;
    ///     show("all rows are imported");
    ///     Ok(())
    /// }
    /// ```
    pub fn acknowledged(&self) -> impl Future<Output = Result<(), Error>> + use<'_> {
        self.sender.acknowledged()
    }

    /// Marks all messages that were taken from the stream as processed. For [`SessionOptions::explicit`]: otherwise a message is
    /// processed when the stream is polled for the next one. Call it before [`window`](SessionOptions::window) bytes are not processed,
    /// since the server then sends nothing more.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::session::Session;
    /// use wasm_websocket::{Error, Message};
    ///
    /// /// Stores messages of up to 1 kB ten at a time, in a session with explicit receipts.
    /// async fn receive(mut mail: Session, store: impl AsyncFn(Vec<Message>)) -> Result<(), Error> {
    ///     let mut batch = Vec::new();
    ///     while let Some(message) = mail.try_next().await? {
    ///         batch.push(message);
    ///         if batch.len() == 10 {
    ///             store(std::mem::take(&mut batch)).await;
    ///             mail.processed(); // all ten
    ///         }
    ///     }
    ///     store(batch).await;
    ///     mail.processed(); // the rest, and the end
    ///     mail.close().await
    /// }
    /// ```
    pub fn processed(&self) {
        self.sender.core().processed();
    }

    /// Ends this page's direction, and waits until the peer has processed everything. See [`SessionSender::close`].
    ///
    /// # Errors
    ///
    /// The errors of [`SessionSender::close`].
    pub fn close(&self) -> impl Future<Output = Result<(), Error>> + use<'_> {
        self.sender.close()
    }

    /// Ends this page's direction, with a code and a reason. See [`SessionSender::close_with`].
    ///
    /// # Errors
    ///
    /// The errors of [`SessionSender::close_with`].
    pub fn close_with<C, R>(&self, code: C, reason: R) -> impl Future<Output = Result<(), Error>> + use<'_, C, R>
    where
        C: TryInto<CloseCode, Error: Into<Error>>,
        R: TryInto<CloseReason, Error: Into<Error>>,
    {
        self.sender.close_with(code, reason)
    }

    /// Returns the code and the reason with which the peer has ended its direction; `None` until the stream has ended.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::Error;
    /// use wasm_websocket::session::Session;
    ///
    /// async fn play(mut game: Session, show: impl Fn(String)) -> Result<(), Error> {
    ///     while let Some(message) = game.try_next().await? {
    ///         show(message.as_text().unwrap_or_default().into());
    ///     }
    ///     match game.peer_end() {
    ///         Some((4000, winner)) => show(format!("{winner} has won")), // the application's own code
    ///         _ => show("The game is over.".into()),
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn peer_end(&self) -> Option<(u16, String)> {
        self.sender.core().peer_end.borrow().as_ref().map(|end| (end.code, end.reason.clone()))
    }

    /// Connects at once, and starts counting attempts anew. See [`SessionSender::reconnect_now`].
    pub fn reconnect_now(&self) {
        self.sender.reconnect_now();
    }

    /// Closes the connection, and stays without one until [`resume`](Self::resume). See [`SessionSender::pause`].
    pub fn pause(&self) {
        self.sender.pause();
    }

    /// Connects after a [`pause`](Self::pause): at once, or within half a second if the connection is still closing. Otherwise it
    /// does nothing.
    pub fn resume(&self) {
        self.sender.resume();
    }

    /// Returns the state of the connection. It is open once the server has accepted the session.
    pub fn state(&self) -> State {
        self.sender.state()
    }

    /// Returns a stream of the current state of the connection, and all later ones.
    pub fn states(&self) -> States {
        self.sender.states()
    }

    /// Returns the browser's interface that the connection uses, `Events` or `Streams`; `None` while there is no connection.
    #[cfg(feature = "streams")]
    pub fn transport(&self) -> Option<crate::Transport> {
        self.sender.transport()
    }

    /// Returns the number of messages in each state, over all connections.
    pub fn counts(&self) -> SessionCounts {
        self.sender.counts()
    }
}

/// A name that nobody guesses: 128 random bits. `None` in an environment that has none.
fn name() -> Option<String> {
    random_bits().map(|bits| format!("{bits:032x}"))
}

/// The connections of a session.
fn connect<T, F>(core: &Rc<Core>, options: &SessionOptions, provider: F) -> ReconnectingSender
where
    T: Into<Target>,
    F: AsyncFn() -> Result<T, AttemptError> + 'static,
{
    let (asking, greeting, ended) = (Rc::clone(core), Rc::clone(core), Rc::clone(core));
    let credentials = options.credentials.clone();
    let reconnect = options
        .reconnect()
        .on_open(async move |stream: &mut WebSocketStream, _| greet(&greeting, stream).await)
        .after_close(move |event| ended.disconnected(event));
    Reconnecting::new(reconnect, async move || target(&asking, credentials.as_ref(), &provider).await).sender()
}

impl Stream for Session {
    type Item = Result<Message, Lost>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let core = self.sender.core();
        match core.take() {
            Some(item) => Poll::Ready(item),
            None => {
                core.wait_for_item(context);
                Poll::Pending
            }
        }
    }
}

impl FusedStream for Session {
    fn is_terminated(&self) -> bool {
        self.sender.core().is_over.get()
    }
}

sink_of_sender! {
    /// As for [`SessionSender`].
    Session
}

impl AsRef<SessionSender> for Session {
    fn as_ref(&self) -> &SessionSender {
        &self.sender
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("state", &self.state()).field("counts", &self.counts()).finish_non_exhaustive()
    }
}

//! Options of a connection that comes back.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use super::event::{Settings, Signal};
use super::kept::Keep;
use crate::{
    AfterClose, Attempt, AttemptError, Backoff, CloseEvent, Error, Heartbeat, Options, WebSocketStream, WhenFull,
    WhenLost,
};

/// Options of a [`Reconnecting`](crate::Reconnecting).
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::reconnect::{AfterClose, Heartbeat, WhenFull};
/// use wasm_websocket::{ReconnectOptions, Reconnecting};
///
/// # fn token() -> String { String::new() }
/// let options = ReconnectOptions::new()
///     .on_open(async |stream, _| {
///         stream.send(token()).await?; // before anything queued
///         stream.send("subscribe: news").await?;
///         Ok(())
///     })
///     .after_close(|event| if event.code == 4001 { AfterClose::Stop } else { AfterClose::of(event) })
///     .heartbeat(Heartbeat::new("ping", |message| message.as_text() == Some("pong")))
///     .queue_limit(64 << 10)
///     .when_full(WhenFull::DropOldest);
/// let feed = Reconnecting::new(options, async || Ok("wss://example.com/feed"));
/// ```
#[derive(Clone)]
pub struct ReconnectOptions {
    pub(crate) connection: Options,
    pub(crate) backoff: Backoff,
    pub(crate) heartbeat: Option<Heartbeat>,
    pub(crate) queue: Keep,
    pub(crate) when_full: WhenFull,
    pub(crate) unconfirmed: Keep,
    pub(crate) when_lost: WhenLost,
    pub(crate) after_close: Rc<dyn Fn(&CloseEvent) -> AfterClose>,
    pub(crate) preamble: Rc<dyn Preamble>,
}

/// Runs on each connection before it is used.
pub(crate) trait Preamble {
    fn run<'a>(
        &'a self,
        stream: &'a mut WebSocketStream,
        attempt: &'a Attempt,
    ) -> BoxFuture<'a, Result<(), AttemptError>>;
}

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

impl<F: AsyncFn(&mut WebSocketStream, &Attempt) -> Result<(), AttemptError>> Preamble for F {
    fn run<'a>(
        &'a self,
        stream: &'a mut WebSocketStream,
        attempt: &'a Attempt,
    ) -> BoxFuture<'a, Result<(), AttemptError>> {
        Box::pin(async move { self(stream, attempt).await })
    }
}

impl Default for ReconnectOptions {
    fn default() -> Self {
        let keep = Keep { bytes: 1 << 20, messages: 1024 };
        Self {
            connection: Options::default(),
            backoff: Backoff::default(),
            heartbeat: None,
            queue: keep,
            when_full: WhenFull::default(),
            unconfirmed: keep,
            when_lost: WhenLost::default(),
            after_close: Rc::new(AfterClose::of),
            preamble: Rc::new(async |_: &mut WebSocketStream, _: &Attempt| Ok(())),
        }
    }
}

impl ReconnectOptions {
    /// Creates options with the defaults, which each method names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the options of each connection. Default: [`Options::new`].
    ///
    /// [`connect_timeout`](Options::connect_timeout) limits a whole attempt: getting the URL, connecting, and the preamble.
    /// [`receive_limit`](Options::receive_limit) holds for all connections together, and once more for the messages that wait for a
    /// preamble; with [`Overflow::Close`](crate::Overflow::Close), exceeding the limit closes for good, except over
    /// `Transport::Streams`, where reading stops.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use wasm_websocket::{Options, ReconnectOptions};
    ///
    /// // Give up each attempt after five seconds: in a train, the next attempt may already succeed.
    /// let connection = Options::new().connect_timeout(Duration::from_secs(5)).protocols(["chat.v2"]);
    /// let options = ReconnectOptions::new().connection(connection);
    /// ```
    pub fn connection(mut self, options: Options) -> Self {
        self.connection = options;
        self
    }

    /// Sets the delays between attempts, and when to give up. Default: [`Backoff::new`].
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets a heartbeat, which detects a peer that is gone, and confirms messages. Default: none.
    ///
    /// Without a heartbeat, a connection whose peer is gone can look open for many minutes, and for ever if nothing is sent.
    pub fn heartbeat(mut self, heartbeat: Heartbeat) -> Self {
        self.heartbeat = Some(heartbeat);
        self
    }

    /// Sets how many bytes, with the size of Blobs, are queued while there is no connection. Default: 1 MiB.
    ///
    /// There is room while the queue is below this limit and below [`queue_limit_messages`](Self::queue_limit_messages). The
    /// message that fills the queue may be of any size.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_websocket::ReconnectOptions;
    /// use wasm_websocket::reconnect::WhenFull;
    ///
    /// // A weather station keeps the measurements of the last day, one a minute, until there is a network.
    /// let options = ReconnectOptions::new()
    ///     .queue_limit(4 << 20)
    ///     .queue_limit_messages(24 * 60)
    ///     .when_full(WhenFull::DropOldest);
    /// ```
    pub fn queue_limit(mut self, bytes: u64) -> Self {
        self.queue.bytes = bytes;
        self
    }

    /// Sets how many messages are queued while there is no connection. Default: 1024.
    ///
    /// Until the [preamble](Self::on_open) has finished, there is no connection yet. When a connection is lost, the messages of
    /// calls that wait for room are queued, too, up to this limit. Messages in doubt take no room.
    pub fn queue_limit_messages(mut self, messages: usize) -> Self {
        self.queue.messages = messages;
        self
    }

    /// Sets what happens to a message while the queue is full. Default: [`WhenFull::Reject`].
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Sets what happens to messages in doubt: handed over on a connection that was lost before they were confirmed. Default:
    /// [`WhenLost::Report`].
    pub fn when_lost(mut self, when_lost: WhenLost) -> Self {
        self.when_lost = when_lost;
        self
    }

    /// Sets how many bytes of unconfirmed messages, with the size of Blobs, are kept, to be returned or sent again when they are in
    /// doubt. Default: 1 MiB.
    ///
    /// Messages in doubt have limits of their own, of the same size. In both, the newest messages are kept. Older messages, and
    /// messages larger than the limit, are only counted: they are not sent again.
    ///
    /// After a reconnect, messages in doubt and the whole queue go out unconfirmed, so limits like those of the queue do not keep
    /// all. With [`WhenLost::Resend`], these do:
    ///
    /// - `u64::MAX` and `usize::MAX`: all messages are kept until a heartbeat or [`confirm`](crate::Reconnecting::confirm) confirms
    ///   them, over any number of connections,
    /// - any limits, if that many of your messages never exceed this limit in bytes, and you send with
    ///   [`try_send`](crate::Reconnecting::try_send), only while `queued + unconfirmed + in_doubt` of
    ///   [`counts`](crate::Reconnecting::counts) is below [`unconfirmed_limit_messages`](Self::unconfirmed_limit_messages).
    ///   While the [`high_water_mark`](Options::high_water_mark) is exceeded, as after a large message, `try_send` fails with `Full`.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_websocket::ReconnectOptions;
    /// use wasm_websocket::reconnect::WhenLost;
    ///
    /// // Photos of 2 MB, which the default limit would not keep.
    /// let options = ReconnectOptions::new().when_lost(WhenLost::Resend).unconfirmed_limit(50 << 20);
    /// ```
    pub fn unconfirmed_limit(mut self, bytes: u64) -> Self {
        self.unconfirmed.bytes = bytes;
        self
    }

    /// Sets how many unconfirmed messages are kept. Default: 1024. See [`unconfirmed_limit`](Self::unconfirmed_limit).
    pub fn unconfirmed_limit_messages(mut self, messages: usize) -> Self {
        self.unconfirmed.messages = messages;
        self
    }

    /// Sets what follows when the peer closes or a connection is lost. Default: [`AfterClose::of`].
    ///
    /// `decide` is not called
    ///
    /// - after the caller's own close,
    /// - after an unanswered [heartbeat](Self::heartbeat), which counts as [`AfterClose::Retry`],
    /// - if the [preamble](Self::on_open) returns [`AttemptError::last`] or [`AttemptError::retry_after`].
    ///
    /// Failed attempts are repeated, except attempts that would fail again for the same reason:
    ///
    /// - [`Error::InvalidUrl`], [`Error::InvalidProtocol`], [`Error::DuplicateProtocol`], [`Error::Security`],
    ///   [`Error::Unsupported`] and [`Error::Thrown`],
    /// - an error of the provider or the preamble that [`AttemptError::last`] has created.
    ///
    /// A handshake that the server refuses, for instance with status 401, is such a failed attempt, since browsers hide the status:
    /// to stop a page, a server accepts the connection and closes it with 3000.
    pub fn after_close(mut self, decide: impl Fn(&CloseEvent) -> AfterClose + 'static) -> Self {
        self.after_close = Rc::new(decide);
        self
    }

    /// Sets a preamble, which runs on each connection as soon as it is open, before queued messages are sent. Default: none.
    ///
    /// Use it to authenticate or to subscribe. The preamble gets the connection and the [`Attempt`]: its number, its cause and the
    /// messages in doubt. The preamble may receive messages; the stream yields the messages that the preamble does not receive. Its
    /// time is part of the attempt's timeout. If the preamble fails, the attempt has failed, and the messages that the preamble did
    /// not receive are dropped.
    ///
    /// If the connection ends meanwhile, the preamble still receives what has arrived, and then the end. If it waits for anything
    /// else, it is dropped. Then [`after_close`](Self::after_close) decides, also if the preamble itself has closed the connection,
    /// unless the preamble has returned an [`AttemptError::last`] or [`AttemptError::retry_after`].
    ///
    /// The preamble may receive its messages before the reader has taken those of an earlier connection from the stream.
    ///
    /// For a subscription that changes, let the preamble send the current one, and queue only the newest change:
    /// `queue_limit_messages(1)` with [`WhenFull::DropOldest`]. This drops other queued messages, too.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::reconnect::AttemptError;
    /// use wasm_websocket::{Message, ReconnectOptions};
    ///
    /// # fn token() -> String { String::new() }
    /// let options = ReconnectOptions::new().on_open(async |stream, _| {
    ///     stream.send(token()).await?;
    ///     match stream.try_next().await?.as_ref().and_then(Message::as_text) {
    ///         Some("welcome") => Ok(()), // now queued messages are sent
    ///         Some("busy") => Err("the server is busy".into()), // tried again after a delay
    ///         _ => Err(AttemptError::last("the token is wrong")), // not tried again
    ///     }
    /// });
    /// ```
    pub fn on_open<F>(mut self, preamble: F) -> Self
    where
        F: AsyncFn(&mut WebSocketStream, &Attempt) -> Result<(), AttemptError> + 'static,
    {
        self.preamble = Rc::new(preamble);
        self
    }
}

impl ReconnectOptions {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            backoff: self.backoff.clone(),
            heartbeat: self.heartbeat.as_ref().map(|heartbeat| heartbeat.timing),
            connect_timeout: self.connection.connect_timeout,
            close_timeout: self.connection.close_timeout,
        }
    }

    /// Returns the signal for the end of a connection that the caller has not closed, with what follows.
    pub(crate) fn ended(&self, end: Result<CloseEvent, Error>) -> Signal {
        let after = match &end {
            Ok(event) => (self.after_close)(event),
            Err(error) => AfterClose::of_failure(error),
        };
        Signal::Ended(end, after)
    }
}

impl fmt::Debug for ReconnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectOptions")
            .field("connection", &self.connection)
            .field("backoff", &self.backoff)
            .field("heartbeat", &self.heartbeat)
            .field("queue", &(self.queue, self.when_full))
            .field("unconfirmed", &(self.unconfirmed, self.when_lost))
            .finish_non_exhaustive()
    }
}

//! What can be chosen about connections that come and go.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use super::event::Settings;
use super::kept::Keep;
use crate::{AfterClose, AttemptError, Backoff, CloseEvent, Heartbeat, Options, WebSocketStream, WhenFull};

/// What can be chosen about a [`Reconnecting`](crate::Reconnecting).
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::{AfterClose, Heartbeat, ReconnectOptions, Reconnecting, WhenFull};
///
/// # fn token() -> String { String::new() }
/// let options = ReconnectOptions::new()
///     .on_open(async |stream| {
///         stream.send(token()).await?; // before anything that waits to be sent
///         stream.send("subscribe: news").await?;
///         Ok(())
///     })
///     .after_close(|event| if event.code == 4001 { AfterClose::Stop } else { AfterClose::of(event) })
///     .heartbeat(Heartbeat::new("ping", |message| message.as_text() == Some("pong")))
///     .queue(64 << 10, 100, WhenFull::DropOldest);
/// let feed = Reconnecting::new(options, || async { Ok("wss://example.com/feed") });
/// ```
#[derive(Clone)]
pub struct ReconnectOptions {
    pub(crate) connection: Options,
    pub(crate) backoff: Backoff,
    pub(crate) heartbeat: Option<Heartbeat>,
    pub(crate) queue: Keep,
    pub(crate) when_full: WhenFull,
    pub(crate) unconfirmed: Keep,
    pub(crate) after_close: Rc<dyn Fn(&CloseEvent) -> AfterClose>,
    pub(crate) preamble: Rc<dyn Preamble>,
}

/// What is done on each connection before it is used.
pub(crate) trait Preamble {
    fn run<'a>(&'a self, stream: &'a mut WebSocketStream) -> BoxFuture<'a, Result<(), AttemptError>>;
}

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

impl<F: AsyncFn(&mut WebSocketStream) -> Result<(), AttemptError>> Preamble for F {
    fn run<'a>(&'a self, stream: &'a mut WebSocketStream) -> BoxFuture<'a, Result<(), AttemptError>> {
        Box::pin(async move { self(stream).await })
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
            after_close: Rc::new(AfterClose::of),
            preamble: Rc::new(async |_: &mut WebSocketStream| Ok(())),
        }
    }
}

impl ReconnectOptions {
    /// The defaults, which each method names.
    pub fn new() -> Self {
        Self::default()
    }

    /// The options of each connection. By default those of [`Options::new`].
    ///
    /// The [`connect_timeout`](Options::connect_timeout) is for a whole attempt: to get the URL, to connect, and for the
    /// preamble. The [`receive_limit`](Options::receive_limit) is for all connections together, and with
    /// [`Overflow::Close`](crate::Overflow::Close) it is over for good if more arrives.
    pub fn connection(mut self, options: Options) -> Self {
        self.connection = options;
        self
    }

    /// How long to wait between attempts, and when to give up. By default those of [`Backoff::new`].
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How to find out whether the peer is still there, and what it has received. By default it is not asked.
    ///
    /// Without it, a connection whose peer is gone without a word can look open for many minutes, and forever if nothing is
    /// sent.
    pub fn heartbeat(mut self, heartbeat: Heartbeat) -> Self {
        self.heartbeat = Some(heartbeat);
        self
    }

    /// How much may wait to be sent while there is no connection, and what becomes of more. By default 1 MiB and 1024
    /// messages, and more is rejected.
    ///
    /// There is room while less than both waits; the message that fills it may be of any size.
    pub fn queue(mut self, bytes: u64, messages: usize, when_full: WhenFull) -> Self {
        self.queue = Keep { bytes, messages };
        self.when_full = when_full;
        self
    }

    /// How much is kept of what was handed over and is not confirmed, to be given back if it comes to be in doubt. By default
    /// 1 MiB and 1024 messages.
    ///
    /// Of more the last are kept, and the others are counted. The same bound holds for what is in doubt and was not taken.
    pub fn unconfirmed(mut self, bytes: u64, messages: usize) -> Self {
        self.unconfirmed = Keep { bytes, messages };
        self
    }

    /// Decides whether there is another attempt after a connection was closed. By default [`AfterClose::of`] does.
    ///
    /// It is not asked after the caller's own closing. Attempts that have failed are repeated, but not those that would fail
    /// for the same reason for ever: [`Error::InvalidUrl`](crate::Error::InvalidUrl), `InvalidProtocol`, `DuplicateProtocol`,
    /// `Security`, `Unsupported`, `Thrown`, and what the provider or the preamble says is [final](AttemptError::last).
    pub fn after_close(mut self, decide: impl Fn(&CloseEvent) -> AfterClose + 'static) -> Self {
        self.after_close = Rc::new(decide);
        self
    }

    /// What is done on each connection as soon as it is open, before anything that waits to be sent: for instance to
    /// authenticate, or to subscribe. By default nothing.
    ///
    /// It may also receive; what it leaves comes next in the stream. It takes its time from that of the attempt, which fails
    /// if this does. If the peer closes meanwhile, it is the close that counts, not what this makes of it.
    pub fn on_open<F>(mut self, preamble: F) -> Self
    where
        F: AsyncFn(&mut WebSocketStream) -> Result<(), AttemptError> + 'static,
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
}

impl fmt::Debug for ReconnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectOptions")
            .field("connection", &self.connection)
            .field("backoff", &self.backoff)
            .field("heartbeat", &self.heartbeat)
            .field("queue", &(self.queue, self.when_full))
            .field("unconfirmed", &self.unconfirmed)
            .finish_non_exhaustive()
    }
}

//! Options of a session.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use websocket_session::{Control, Limits, SUBPROTOCOL};

use crate::reconnect::{AttemptError, Backoff, Heartbeat};
use crate::{Options, Overflow, ReconnectOptions};

/// Options of a [`Session`](crate::session::Session).
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::reconnect::AttemptError;
/// use wasm_websocket::session::{Session, SessionOptions};
///
/// # async fn fresh_token() -> Result<String, AttemptError> { Ok(String::new()) }
/// let options = SessionOptions::new()
///     .credentials(async || fresh_token().await) // for each connection, since tokens expire
///     .protocol("orders.v2")
///     .replay(16 << 20); // an hour without a network in the field
/// let orders = Session::new(options, async || Ok("wss://example.com/orders"));
/// ```
#[derive(Clone)]
pub struct SessionOptions {
    pub(crate) limits: Limits,
    pub(crate) protocol: Option<String>,
    pub(crate) credentials: Option<Rc<dyn Credentials>>,
    pub(crate) is_explicit: bool,
    connection: Options,
    backoff: Backoff,
    heartbeat: (Duration, Duration),
}

/// How much later to connect again to a server that has reached a limit.
pub(crate) const LATER: Duration = Duration::from_secs(10);

/// How often an unanswered ping is repeated on a slow line: 32 timeouts are some minutes.
const REPEATS: u32 = 31;

/// Gives the credentials of each attempt.
pub(crate) trait Credentials {
    fn get(&self) -> Pin<Box<dyn Future<Output = Result<String, AttemptError>> + '_>>;
}

impl<T: Into<String>, F: AsyncFn() -> Result<T, AttemptError>> Credentials for F {
    fn get(&self) -> Pin<Box<dyn Future<Output = Result<String, AttemptError>> + '_>> {
        Box::pin(async move { Ok(self().await?.into()) })
    }
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            protocol: None,
            credentials: None,
            is_explicit: false,
            connection: Options::default(),
            backoff: Backoff::default(),
            heartbeat: (Duration::from_secs(25), Duration::from_secs(10)),
        }
    }
}

impl SessionOptions {
    /// Creates options with the defaults, which each method names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a function that returns the credentials of this page, if neither a cookie nor the URL authenticates it. Default: none.
    ///
    /// The function is called before each connection, and its time is part of the attempt's timeout. If it fails, the attempt has
    /// failed; after [`AttemptError::last`], the session is lost, and also if the credentials are too long: the frame that has them
    /// and the protocol may have 16,384 bytes. Credentials are sent in the first frame, not in the URL, since URLs are logged.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::reconnect::AttemptError;
    /// use wasm_websocket::session::SessionOptions;
    ///
    /// # async fn token() -> Result<Option<String>, AttemptError> { Ok(None) }
    /// let options = SessionOptions::new().credentials(async || match token().await? {
    ///     Some(token) => Ok(token), // a fresh one for each connection, since tokens expire
    ///     None => Err(AttemptError::last("logged out")), // no further attempt
    /// });
    /// ```
    pub fn credentials<T, F>(mut self, credentials: F) -> Self
    where
        T: Into<String>,
        F: AsyncFn() -> Result<T, AttemptError> + 'static,
    {
        self.credentials = Some(Rc::new(credentials));
        self
    }

    /// Names the application's protocol, such as `chat.v2`. Default: none. The subprotocol of the WebSocket is that of
    /// sessions, `session.v1`.
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.protocol = Some(protocol.into());
        self
    }

    /// Sets the maximum bytes of messages that are received and not processed. Default: 1 MiB.
    ///
    /// When they are reached, the server waits, in every browser: a slow page slows it down, and memory does not grow. A single
    /// message may be larger. Each message counts 16 bytes more than its size.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_websocket::session::SessionOptions;
    ///
    /// // A map that takes its time to draw each update: the server waits while 64 KiB are not drawn.
    /// let options = SessionOptions::new().window(64 << 10);
    /// ```
    pub fn window(mut self, bytes: u64) -> Self {
        self.limits.window = bytes;
        self
    }

    /// Sets the maximum bytes of a received message. Default: 16 MiB.
    ///
    /// The server learns this limit on each connection, and does not send larger messages.
    pub fn max_message(mut self, bytes: u64) -> Self {
        self.limits.max = bytes;
        self
    }

    /// Sets the maximum bytes of the replay buffer: messages that are sent and not processed by the server. Default: 4 MiB.
    ///
    /// Senders wait while the buffer is full, with and without a connection. A single message may be larger. Each message counts 16
    /// bytes more than its size.
    pub fn replay(mut self, bytes: u64) -> Self {
        self.limits.replay = bytes;
        self
    }

    /// Sets that messages are processed when [`Session::processed`](crate::session::Session::processed) is called. Default: a
    /// message is processed when the stream is polled for the next one.
    ///
    /// The server then learns that this page has finished its work with a message, such as storing it. The end of the server's
    /// messages is processed with the last message, or at once if that is already processed. Until then the session does not
    /// complete. The server stops sending when [`window`](Self::window) bytes are not processed, so do not wait for more than that.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::Error;
    /// use wasm_websocket::session::{Session, SessionOptions};
    ///
    /// async fn receive(store: impl AsyncFn(&str) -> Result<(), Error>) -> Result<(), Error> {
    ///     let mut mail = Session::new(SessionOptions::new().explicit(), async || Ok("wss://example.com/mail"));
    ///     while let Some(message) = mail.try_next().await? {
    ///         store(message.as_text().unwrap_or_default()).await?;
    ///         mail.processed(); // only now may the server delete it
    ///     }
    ///     mail.close().await
    /// }
    /// ```
    pub fn explicit(mut self) -> Self {
        self.is_explicit = true;
        self
    }

    /// Sets the options of each connection. Default: [`Options::new`].
    ///
    /// Subprotocols and limits of the receive queue are ignored: the session has its own.
    pub fn connection(mut self, options: Options) -> Self {
        self.connection = options;
        self
    }

    /// Sets the delays between attempts, and when to give up. Default: [`Backoff::new`].
    ///
    /// A session that gives up is lost. The server keeps a disconnected session only for its time to live, which is some minutes.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets the interval between pings, and how long to wait for an answer. Default: 25 and 10 seconds. See [`Heartbeat`].
    ///
    /// A message that takes longer than both to arrive delays the answer, and the connection is dropped. Each connection that is
    /// dropped without a message after its first 10 seconds makes the next one wait twice as long, up to 32 timeouts, so that the
    /// message arrives in the end.
    pub fn heartbeat(mut self, interval: Duration, timeout: Duration) -> Self {
        self.heartbeat = (interval, timeout);
        self
    }

    /// The options of the connection below the session.
    pub(crate) fn reconnect(&self) -> ReconnectOptions {
        // The credit bounds what is received.
        let connection = self.connection.clone().protocols([SUBPROTOCOL]).overflow(Overflow::Unbounded);
        let (interval, timeout) = self.heartbeat;
        // Whatever comes is an answer; the next ACK is.
        let mut heartbeat = Heartbeat::new(Control::Ping.encode(), |_| false).interval(interval).timeout(timeout);
        heartbeat.timing.repeats = REPEATS;
        ReconnectOptions::new().connection(connection).backoff(self.backoff.clone()).heartbeat(heartbeat)
    }
}

impl fmt::Debug for SessionOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionOptions")
            .field("limits", &self.limits)
            .field("protocol", &self.protocol)
            .field("is_explicit", &self.is_explicit)
            .field("connection", &self.connection)
            .field("backoff", &self.backoff)
            .field("heartbeat", &self.heartbeat)
            .finish_non_exhaustive()
    }
}

//! One attempt to connect.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use super::event::Signal;
use super::options::BoxFuture;
use crate::error::milliseconds;
use crate::redact::PublicUrl;
use crate::sys::Timer;
use crate::{AfterClose, Error, ReconnectOptions, WebSocketStream};

/// Where to connect to: what the provider of a [`Reconnecting`](crate::Reconnecting) gives for each attempt.
///
/// A `&str` or `String` becomes one that offers the subprotocols of the [`Options`](crate::Options).
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::{ReconnectOptions, Reconnecting, Target};
///
/// # async fn fresh_token() -> Result<String, wasm_websocket::Error> { Ok(String::new()) }
/// let feed = Reconnecting::new(ReconnectOptions::new(), async || {
///     let token = fresh_token().await?; // for each attempt, as it may have expired since
///     Ok(Target::new("wss://example.com/feed").protocols(["feed.v1".to_owned(), format!("bearer.{token}")]))
/// });
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    url: String,
    protocols: Option<Vec<String>>,
}

impl Target {
    /// A URL, with the subprotocols of the options.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), protocols: None }
    }

    /// Offers these subprotocols instead, the preferred one first.
    pub fn protocols<T: Into<String>>(mut self, protocols: impl IntoIterator<Item = T>) -> Self {
        self.protocols = Some(protocols.into_iter().map(Into::into).collect());
        self
    }
}

/// Without what may be secret: the query of the URL, and the subprotocols.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("url", &PublicUrl(&self.url))
            .field("protocols", &self.protocols.as_ref().map(Vec::len))
            .finish()
    }
}

impl From<&str> for Target {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<String> for Target {
    fn from(url: String) -> Self {
        Self::new(url)
    }
}

/// Why a provider or a preamble could not do its part of an attempt.
///
/// `?` makes one of any error, and of text. It then is the end of this attempt only, and the [`Backoff`](crate::Backoff) has
/// the next one; [`last`](Self::last) makes it the end of all. In states and in the stream it is [`Error::Attempt`].
///
/// # Examples
///
/// ```
/// use wasm_websocket::AttemptError;
///
/// fn token(status: u16, body: &str) -> Result<&str, AttemptError> {
///     match status {
///         200 => Ok(body),
///         401 => Err(AttemptError::last("the session has expired")), // the user must log in
///         _ => Err("no token now".into()),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptError {
    message: String,
    after: AfterClose,
}

impl AttemptError {
    /// One after which there is no other attempt.
    pub fn last(error: impl fmt::Display) -> Self {
        Self { message: error.to_string(), after: AfterClose::Stop }
    }
}

// It is not `Display` itself, or else it could not be made of all that is.
impl<E: fmt::Display> From<E> for AttemptError {
    fn from(error: E) -> Self {
        Self { message: error.to_string(), after: AfterClose::Retry }
    }
}

impl From<AttemptError> for Signal {
    fn from(error: AttemptError) -> Self {
        Self::Failed(Error::Attempt(error.message), error.after)
    }
}

impl From<Error> for Signal {
    fn from(error: Error) -> Self {
        let after = AfterClose::of_failure(&error);
        Self::Failed(error, after)
    }
}

/// Gives the target of each attempt.
pub(crate) trait Provider {
    fn target(&self) -> BoxFuture<'_, Result<Target, AttemptError>>;
}

impl<T: Into<Target>, F: AsyncFn() -> Result<T, AttemptError>> Provider for F {
    fn target(&self) -> BoxFuture<'_, Result<Target, AttemptError>> {
        Box::pin(async move { Ok(self().await?.into()) })
    }
}

/// Gets a target, connects to it and does the preamble, in the time that one attempt has.
pub(crate) async fn attempt(provider: Rc<dyn Provider>, options: ReconnectOptions) -> Result<WebSocketStream, Signal> {
    let timeout = options.connection.connect_timeout;
    let mut timer = Timer::new(timeout);
    let Some(target) = in_time(&mut timer, provider.target()).await else {
        return Err(Error::Attempt(format!("there was no URL within {} ms", milliseconds(&timeout))).into());
    };
    let Target { url, protocols } = target?;
    let mut connection = options.connection.clone();
    connection.protocols = protocols.unwrap_or(connection.protocols);
    let Some(connected) = in_time(&mut timer, connection.connect(&url)).await else {
        return Err(Error::ConnectTimeout { url, timeout }.into());
    };
    let mut stream = connected?;
    let prepared = in_time(&mut timer, options.preamble.run(&mut stream)).await;
    // A peer that closes is the cause of what the preamble makes of it, and tells more.
    if let (Some(Err(_)), Some(Ok(event))) = (&prepared, stream.ended()) {
        let after = (options.after_close)(&event);
        return Err(Signal::Ended(Ok(event), after));
    }
    match prepared {
        None => Err(Error::ConnectTimeout { url, timeout }.into()),
        Some(prepared) => Ok(prepared.map(|()| stream)?),
    }
}

/// Resolves with what a future gives, or with nothing when its time is over.
async fn in_time<F: Future>(timer: &mut Timer, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Pending => Pin::new(&mut *timer).poll(context).map(|()| None),
        ready => ready.map(Some),
    })
    .await
}

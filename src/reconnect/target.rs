//! The target of an attempt, and the error of a provider or a preamble.

use std::fmt;
use std::time::Duration;

use super::options::BoxFuture;
use crate::AfterClose;
use crate::types::redact::PublicUrl;

/// The URL and subprotocols of an attempt: what the provider of a [`Reconnecting`](crate::Reconnecting) returns.
///
/// A `&str` or `String` is a target with the subprotocols of the [`Options`](crate::Options).
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::reconnect::Target;
/// use wasm_websocket::{ReconnectOptions, Reconnecting};
///
/// # async fn fresh_token() -> Result<String, wasm_websocket::Error> { Ok(String::new()) }
/// let feed = Reconnecting::new(ReconnectOptions::new(), async || {
///     let token = fresh_token().await?; // for each attempt, since tokens expire
///     Ok(Target::new("wss://example.com/feed").protocols(["feed.v1".to_owned(), format!("bearer.{token}")]))
/// });
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    pub(super) url: String,
    pub(crate) protocols: Option<Vec<String>>,
}

impl Target {
    /// Creates a target with the subprotocols of the options.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), protocols: None }
    }

    /// Sets the subprotocols to offer instead of the options' subprotocols, in order of preference.
    pub fn protocols<T: Into<String>>(mut self, protocols: impl IntoIterator<Item = T>) -> Self {
        self.protocols = Some(protocols.into_iter().map(Into::into).collect());
        self
    }
}

/// Hides possible secrets: the query of the URL, and the subprotocols.
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

/// The error of a provider or a preamble.
///
/// `?` converts any error, and text. The attempt then fails, and the next attempt follows after the delay of the
/// [`Backoff`](crate::Backoff); later with [`retry_after`](Self::retry_after), and never with [`last`](Self::last). States and the
/// stream report the error as [`Error::Attempt`](crate::Error::Attempt).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wasm_websocket::reconnect::AttemptError;
///
/// fn token(status: u16, body: &str) -> Result<&str, AttemptError> {
///     match status {
///         200 => Ok(body),
///         401 => Err(AttemptError::last("the session has expired")), // the user must log in
///         429 => Err(AttemptError::retry_after(Duration::from_secs(60), "too many requests")),
///         _ => Err("no token now".into()),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptError {
    pub(super) message: String,
    pub(super) after: AfterClose,
}

impl AttemptError {
    /// Creates an error after which no other attempt follows.
    pub fn last(error: impl fmt::Display) -> Self {
        Self { message: error.to_string(), after: AfterClose::Stop }
    }

    /// Creates an error after which the next attempt follows after `delay` plus the delay of the [`Backoff`](crate::Backoff), as
    /// with [`AfterClose::RetryAfter`].
    pub fn retry_after(delay: Duration, error: impl fmt::Display) -> Self {
        Self { message: error.to_string(), after: AfterClose::RetryAfter(delay) }
    }
}

// `AttemptError` is not `Display`, since it could then not be converted from every type that is.
impl<E: fmt::Display> From<E> for AttemptError {
    fn from(error: E) -> Self {
        Self { message: error.to_string(), after: AfterClose::Retry }
    }
}

/// Returns the target of each attempt.
pub(crate) trait Provider {
    fn target(&self) -> BoxFuture<'_, Result<Target, AttemptError>>;
}

impl<T: Into<Target>, F: AsyncFn() -> Result<T, AttemptError>> Provider for F {
    fn target(&self) -> BoxFuture<'_, Result<Target, AttemptError>> {
        Box::pin(async move { Ok(self().await?.into()) })
    }
}

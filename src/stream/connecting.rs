//! A connection that is not open yet.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::connection::Handle;
use super::end::End;
use crate::sys::{Alarm, RawSocket};
use crate::types::close::ABNORMAL;
use crate::{Error, Options, ReadyState, WebSocketStream};

/// A connection that is not open yet: what [`WebSocketStream::connect`] returns.
///
/// Resolves with the open connection. Until then it returns the URL and the state, and can end the attempt. Dropping it closes
/// the connection; the handshake is completed first, if that takes less than a second. Over `Transport::Streams`, it is aborted.
///
/// # Examples
///
/// ```no_run
/// use futures_util::future::{Either, select};
/// use wasm_websocket::{Error, WebSocketStream};
///
/// /// Connects, unless the user cancels before.
/// async fn connect(url: &str, cancelled: impl Future + Unpin, show: fn(String)) -> Option<Result<WebSocketStream, Error>> {
///     let connecting = WebSocketStream::connect(url);
///     show(format!("connecting to {} …", connecting.url()));
///     match select(connecting, cancelled).await {
///         Either::Left((connected, _)) => Some(connected),
///         Either::Right(_) => None, // drops the future, which closes the connection
///     }
/// }
/// ```
#[must_use = "the connection is closed when this is dropped"]
pub struct Connecting {
    /// The connection, or why there is none; `None` once the future has resolved.
    connection: Option<Result<Handle, Error>>,
    /// `None` until the first poll.
    timeout: Option<Alarm>,
    needs_protocol: bool,
}

impl Connecting {
    /// Attaches the listeners, in the task in which the socket was constructed.
    pub(crate) fn new(socket: Result<RawSocket, Error>, options: &Options) -> Self {
        let connection = socket.map(|socket| Handle::new(socket, options));
        Self { connection: Some(connection), timeout: None, needs_protocol: options.needs_protocol }
    }

    fn connection(&self) -> Option<&Handle> {
        self.connection.as_ref()?.as_ref().ok()
    }

    fn socket(&self) -> Option<&RawSocket> {
        self.connection().map(|connection| connection.socket())
    }

    /// Returns the URL, as the browser has resolved it; empty if the browser refuses it.
    pub fn url(&self) -> String {
        self.socket().map(RawSocket::url).unwrap_or_default()
    }

    /// Returns the state of the connection. It is [`Closed`](ReadyState::Closed) if the browser refuses to connect.
    pub fn ready_state(&self) -> ReadyState {
        self.socket().map_or(ReadyState::Closed, RawSocket::ready_state)
    }

    /// Ends the attempt at once, without completing the handshake.
    ///
    /// Awaiting the future then fails with [`Error::ConnectFailed`]. If the connection was already open, the future resolves with
    /// a stream that ends. Does nothing after the future has resolved.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::future::{Either, select};
    /// use wasm_websocket::{Error, WebSocketStream};
    ///
    /// /// Joins a game, unless the player cancels before. The others hardly ever see a player who joins and leaves at once.
    /// async fn join(url: &str, cancelled: impl Future + Unpin) -> Option<Result<WebSocketStream, Error>> {
    ///     let mut connecting = WebSocketStream::connect(url);
    ///     if let Either::Left((joined, _)) = select(&mut connecting, cancelled).await {
    ///         return Some(joined);
    ///     }
    ///     connecting.close();
    ///     None
    /// }
    /// ```
    pub fn close(&self) {
        if let Some(connection) = self.connection() {
            connection.close();
        }
    }
}

impl Future for Connecting {
    type Output = Result<WebSocketStream, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { connection, timeout, needs_protocol } = &mut *self;
        if let Some(Ok(connection)) = connection {
            ready!(connection.poll_opened(context, timeout));
        }
        *timeout = None;
        match connection.take() {
            Some(connection) => Poll::Ready(connection.and_then(|connection| opened(connection, *needs_protocol))),
            None => Poll::Pending,
        }
    }
}

fn opened(connection: Handle, needs_protocol: bool) -> Result<WebSocketStream, Error> {
    let socket = connection.socket();
    let mut code = ABNORMAL;
    if connection.is_opened() {
        if !needs_protocol || !socket.protocol().is_empty() {
            return Ok(WebSocketStream::new(connection));
        }
        // By the standard the browser fails such a connection before it opens, as Chromium does. Otherwise it is closed here.
        socket.close();
    }
    let url = socket.url();
    match connection.ended() {
        Some(End::ConnectTimeout) => return Err(Error::ConnectTimeout { url, timeout: connection.connect_timeout() }),
        Some(End::Closed(event)) if !event.was_clean => code = event.code,
        _ => {}
    }
    Err(Error::ConnectFailed { url, code })
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").field("socket", &self.socket()).finish_non_exhaustive()
    }
}

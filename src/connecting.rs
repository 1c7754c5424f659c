//! Waiting for a connection to open.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::close::ABNORMAL;
use crate::connection::Connection;
use crate::notify::Waiter;
use crate::sys::{RawSocket, Timer};
use crate::{CloseEvent, Error, Options, ReadyState, WebSocketStream};

/// A connection that is not open yet: what [`WebSocketStream::connect`] returns.
///
/// Awaiting it gives the open connection. Until then it tells what is awaited, and can end it. Dropping it closes the
/// connection.
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
///         Either::Right(_) => None, // what is dropped here is closed
///     }
/// }
/// ```
#[must_use = "the connection is closed when this is dropped"]
pub struct Connecting(Stage);

enum Stage {
    /// There is no socket that could open.
    Failed(Error),
    Waiting(Waiting),
    /// The one who waited for it was told.
    Done,
}

struct Waiting {
    connection: Rc<Connection>,
    waiter: Waiter,
    /// None before somebody waits.
    timer: Option<Timer>,
    timeout: Duration,
    needs_protocol: bool,
}

impl Connecting {
    /// Attaches the listeners, in the task in which the socket was constructed.
    pub(crate) fn new(socket: Result<RawSocket, Error>, options: &Options) -> Self {
        Self(match socket {
            Ok(socket) => Stage::Waiting(Waiting {
                connection: Rc::new(Connection::new(socket, options)),
                waiter: Waiter::default(),
                timer: None,
                timeout: options.connect_timeout,
                needs_protocol: options.needs_protocol,
            }),
            Err(error) => Stage::Failed(error),
        })
    }

    fn socket(&self) -> Option<&RawSocket> {
        if let Stage::Waiting(waiting) = &self.0 { Some(waiting.connection.socket()) } else { None }
    }

    /// Returns the URL, as the browser has completed it; empty if the browser refuses it.
    pub fn url(&self) -> String {
        self.socket().map(RawSocket::url).unwrap_or_default()
    }

    /// Returns the state of the connection. It is [`Closed`](ReadyState::Closed) if the browser refuses to connect.
    pub fn ready_state(&self) -> ReadyState {
        self.socket().map_or(ReadyState::Closed, RawSocket::ready_state)
    }

    /// Ends the attempt.
    ///
    /// Awaiting it then fails with [`Error::ConnectFailed`]. If the connection had opened before, the result is a stream that ends.
    pub fn close(&self) {
        if let Stage::Waiting(waiting) = &self.0 {
            waiting.connection.close();
        }
    }
}

impl Future for Connecting {
    type Output = Result<WebSocketStream, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Stage::Waiting(waiting) = &mut self.0 {
            ready!(waiting.poll(context));
        }
        Poll::Ready(match mem::replace(&mut self.0, Stage::Done) {
            Stage::Failed(error) => Err(error),
            Stage::Waiting(waiting) => waiting.finish(),
            Stage::Done => return Poll::Pending,
        })
    }
}

impl Waiting {
    /// Resolves when it is open, or cannot be any more, or has had its time.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Self { connection, waiter, timer, timeout, .. } = self;
        if connection.lifecycle().poll_opened(context, waiter).is_ready() {
            return Poll::Ready(());
        }
        let timer = timer.get_or_insert_with(|| Timer::new(*timeout));
        Pin::new(timer).poll(context)
    }

    fn finish(self) -> Result<WebSocketStream, Error> {
        let Self { connection, timeout, needs_protocol, .. } = self;
        let (lifecycle, socket) = (connection.lifecycle(), connection.socket());
        let url = socket.url();
        if lifecycle.is_opened() {
            // The standard has the browser fail such a connection, as Chromium does, and as if it had never been open.
            if needs_protocol && socket.protocol().is_empty() {
                socket.close();
                return Err(Error::ConnectFailed { url, code: ABNORMAL });
            }
            return Ok(WebSocketStream::new(connection));
        }
        match lifecycle.ended() {
            Some(Ok(CloseEvent { code, .. })) => Err(Error::ConnectFailed { url, code }),
            Some(Err(error)) => Err(error),
            None => {
                // It has had its time, and gets no more of it for being dropped.
                socket.close();
                Err(Error::ConnectTimeout { url, timeout })
            }
        }
    }
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").field("socket", &self.socket()).finish_non_exhaustive()
    }
}

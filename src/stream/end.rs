//! How a connection ends, and waiting for the end.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::connection::Connection;
use crate::send::backpressure::Wait;
use crate::sys::Timer;
use crate::{CloseEvent, Error};

/// How a connection has ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    Closed(CloseEvent),
    /// The connection could not be opened.
    Failed,
    /// The connection did not open in time.
    ConnectTimeout,
    CloseTimeout(Duration),
    Overflow,
    /// All handles were dropped.
    Dropped,
}

impl End {
    /// Returns whether messages may be missing.
    pub fn is_loss(&self) -> bool {
        !matches!(self, Self::Closed(event) if event.was_clean)
    }

    /// Returns why messages may be missing; `None` if none are.
    pub fn loss(&self) -> Option<Error> {
        Some(match self {
            Self::Closed(event) if event.was_clean => return None,
            Self::Closed(event) => Error::Unclean(event.clone()),
            Self::CloseTimeout(timeout) => Error::CloseTimeout(*timeout),
            Self::Overflow => Error::Overflow,
            // No stream was ever created, or none is left.
            Self::Failed | Self::ConnectTimeout | Self::Dropped => Error::Dropped,
        })
    }

    /// Returns the close event, or why there is none.
    pub fn result(&self) -> Result<CloseEvent, Error> {
        match self {
            Self::Closed(event) => Ok(event.clone()),
            other => Err(other.loss().unwrap_or(Error::Dropped)),
        }
    }
}

/// A future that resolves when a connection has ended: what [`Sender::closed`](crate::Sender::closed) returns.
///
/// # Examples
///
/// ```no_run
/// use wasm_bindgen_futures::spawn_local;
/// use wasm_websocket::WebSocketStream;
///
/// /// Shows how the connection ends, even if another part of the app owns it.
/// fn watch(stream: &WebSocketStream, show: impl Fn(String) + 'static) {
///     let closed = stream.closed(); // does not keep the connection open
///     spawn_local(async move {
///         match closed.await {
///             Ok(event) => show(format!("closed: {event}")),
///             Err(error) => show(error.to_string()),
///         }
///     });
/// }
/// ```
#[must_use = "it waits when it is polled"]
pub struct Closed {
    connection: Rc<Connection>,
    wait: Wait,
}

impl Closed {
    pub(crate) fn of(connection: &Rc<Connection>) -> Self {
        Self { connection: Rc::clone(connection), wait: Wait::default() }
    }
}

impl Future for Closed {
    type Output = Result<CloseEvent, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { connection, wait } = &mut *self;
        connection.poll_ended(context, wait)
    }
}

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").finish_non_exhaustive()
    }
}

/// A wait for the end, which times out when no unsent bytes leave any more.
pub(crate) struct Closing {
    timer: Timer,
    /// The [`progress`](Connection::progress) of the connection when the timer was set.
    progress: (u64, u32),
    /// The number of timeouts without progress.
    timeouts: u64,
    wait: Wait,
}

/// The number of unsent bytes for each of which the timeout starts over, even if none leave: in Firefox, and over streams, a message
/// counts as unsent until all of it has left.
const PART: u64 = 512 << 10;

/// Returns whether a close gives up after so many timeouts in which no byte has left.
pub(crate) fn gives_up(timeouts: u64, unsent: u64, timeout: Duration) -> bool {
    timeouts > unsent / PART || timeout.is_zero()
}

impl Closing {
    pub fn new(connection: &Connection) -> Self {
        let timer = Timer::new(connection.close_timeout());
        Self { timer, progress: connection.progress(), timeouts: 0, wait: Wait::default() }
    }

    /// Resolves when the connection has ended or has timed out.
    pub fn poll(&mut self, context: &mut Context<'_>, connection: &Rc<Connection>) -> Poll<Result<CloseEvent, Error>> {
        loop {
            let ended = connection.poll_ended(context, &mut self.wait);
            if ended.is_ready() || Pin::new(&mut self.timer).poll(context).is_pending() {
                return ended;
            }
            let mut next = Self::new(connection);
            let ((unsent, falls), (last_unsent, last_falls)) = (next.progress, self.progress);
            if unsent >= last_unsent && falls == last_falls {
                next.timeouts = self.timeouts + 1;
            }
            if gives_up(next.timeouts, unsent, connection.close_timeout()) {
                connection.close();
                connection.end(End::CloseTimeout(connection.close_timeout()));
            }
            *self = next;
        }
    }
}

//! Waiting for a connection to open.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::connection::Connection;
use crate::notify::Waiter;
use crate::sys::{RawSocket, Timer};
use crate::{Error, Options, WebSocketStream};

/// A connection that is not open yet: what [`WebSocketStream::connect`] gives. When this is dropped, it is closed.
pub(crate) enum Opening {
    /// There is no socket that could open.
    Failed(Error),
    Connecting(Connecting),
    /// The one who waited for it was told.
    Done,
}

pub(crate) struct Connecting {
    connection: Rc<Connection>,
    waiter: Waiter,
    /// None before somebody waits.
    timer: Option<Timer>,
    timeout: Duration,
}

impl Opening {
    /// Attaches the listeners, in the task in which the socket was constructed.
    pub fn new(socket: Result<RawSocket, Error>, options: &Options) -> Self {
        match socket {
            Ok(socket) => Self::Connecting(Connecting {
                connection: Rc::new(Connection::new(socket, options)),
                waiter: Waiter::default(),
                timer: None,
                timeout: options.connect_timeout,
            }),
            Err(error) => Self::Failed(error),
        }
    }
}

impl Future for Opening {
    type Output = Result<WebSocketStream, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Self::Connecting(connecting) = &mut *self {
            ready!(connecting.poll(context));
        }
        Poll::Ready(match mem::replace(&mut *self, Self::Done) {
            Self::Failed(error) => Err(error),
            Self::Connecting(connecting) => connecting.finish(),
            Self::Done => return Poll::Pending,
        })
    }
}

impl Connecting {
    /// Resolves when it is open, or cannot be any more, or has had its time.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Self { connection, waiter, timer, timeout } = self;
        if connection.lifecycle().poll_opened(context, waiter).is_ready() {
            return Poll::Ready(());
        }
        let timer = timer.get_or_insert_with(|| Timer::new(*timeout));
        Pin::new(timer).poll(context)
    }

    fn finish(self) -> Result<WebSocketStream, Error> {
        let Self { connection, timeout, .. } = self;
        let (lifecycle, socket) = (connection.lifecycle(), connection.socket());
        if lifecycle.is_opened() {
            return Ok(WebSocketStream::new(connection));
        }
        let url = socket.url();
        if lifecycle.has_ended() {
            return Err(Error::ConnectFailed { url });
        }
        // It has had its time, and gets no more of it for being dropped.
        socket.close();
        Err(Error::ConnectTimeout { url, timeout })
    }
}

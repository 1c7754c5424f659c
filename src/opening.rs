//! Waiting for a connection to open.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
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
        let is_open = match &mut *self {
            Self::Connecting(connecting) => match connecting.poll(context) {
                Poll::Ready(is_open) => is_open,
                Poll::Pending => return Poll::Pending,
            },
            _ => false,
        };
        match mem::replace(&mut *self, Self::Done) {
            Self::Failed(error) => Poll::Ready(Err(error)),
            Self::Connecting(Connecting { connection, .. }) if is_open => Poll::Ready(Ok(WebSocketStream::new(connection))),
            Self::Connecting(connecting) => Poll::Ready(Err(connecting.failed())),
            Self::Done => Poll::Pending,
        }
    }
}

impl Connecting {
    /// Resolves with whether it is open, when it is or will not be any more.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let Self { connection, waiter, timer, timeout } = self;
        let opened = connection.lifecycle().poll_opened(context, waiter);
        if opened.is_ready() {
            return opened;
        }
        let timer = timer.get_or_insert_with(|| Timer::new(*timeout));
        Pin::new(timer).poll(context).map(|()| false)
    }

    fn failed(self) -> Error {
        let (socket, timeout) = (self.connection.socket(), self.timeout);
        let url = socket.url();
        if self.connection.lifecycle().has_ended() {
            return Error::ConnectFailed { url };
        }
        // It has had its time, and gets no more of it for being dropped.
        socket.close();
        Error::ConnectTimeout { url, timeout }
    }
}

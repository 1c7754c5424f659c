//! Waiting for a connection to open.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::connection::Connection;
use crate::notify::Waiter;
use crate::sys::{RawSocket, Timer};
use crate::{Error, Options, WebSocketStream};

/// A connection that is not open yet: what [`WebSocketStream::connect`] gives. When this is dropped, it is closed.
pub(crate) struct Opening {
    /// None when it was given to the one who waited for it.
    connection: Option<Result<Rc<Connection>, Error>>,
    wait: Option<Wait>,
    timeout: Duration,
}

/// A wait of limited time.
struct Wait {
    timer: Timer,
    waiter: Waiter,
}

impl Opening {
    /// Attaches the listeners, in the task in which the socket was constructed.
    pub fn new(socket: Result<RawSocket, Error>, options: &Options) -> Self {
        let connection = socket.map(|socket| Rc::new(Connection::new(socket, options)));
        Self { connection: Some(connection), wait: None, timeout: options.connect_timeout }
    }
}

impl Future for Opening {
    type Output = Result<WebSocketStream, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { connection, wait, timeout } = &mut *self;
        let opened = match connection {
            Some(Ok(connection)) => {
                let wait = wait.get_or_insert_with(|| Wait {
                    timer: Timer::new(*timeout),
                    waiter: Waiter::default(),
                });
                ready!(connection.poll_opened(context, &mut wait.waiter, Pin::new(&mut wait.timer), *timeout))
            }
            _ => Ok(()),
        };
        match connection.take() {
            Some(connection) => Poll::Ready(opened.and(connection).map(WebSocketStream::new)),
            None => Poll::Pending,
        }
    }
}

//! The half of a connection that receives.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use crate::connection::Connection;
use crate::{BinaryType, Error, Message, RawMessage};

/// The half of a [`WebSocketStream`](crate::WebSocketStream) that receives: a [`Stream`] of [`Message`]s.
///
/// Messages come in the order in which they were sent. The stream ends with `None` when the connection has ended, however
/// that came about, and stays so; [`Sender::closed`](crate::Sender::closed) says why. The one item that is an `Err` is
/// [`Error::Overflow`], before that end, if more has arrived than may wait.
///
/// Dropping it leaves the senders working; what arrives then is discarded. The connection is closed when they are dropped,
/// too.
#[must_use = "what arrives is discarded when this is dropped"]
pub struct Receiver {
    connection: Rc<Connection>,
}

impl Receiver {
    pub(crate) fn new(connection: Rc<Connection>) -> Self {
        Self { connection }
    }

    /// The next message as the browser delivered it, without a copy: for what goes on to another function of the browser,
    /// such as a decoder or `JSON.parse`.
    ///
    /// Dropping the future loses nothing.
    pub async fn next_raw(&mut self) -> Option<Result<RawMessage, Error>> {
        poll_fn(|context| self.poll_next_raw(context)).await
    }

    fn poll_next_raw(&self, context: &mut Context<'_>) -> Poll<Option<Result<RawMessage, Error>>> {
        loop {
            let Some(data) = ready!(self.connection.poll_next(context)) else { return Poll::Ready(None) };
            if let Some(message) = data.map(|data| data.into_raw()).transpose() {
                return Poll::Ready(Some(message));
            }
        }
    }

    /// How many messages were dropped because too many waited. [`Options::receive_limit`](crate::Options::receive_limit)
    /// says how many are too many, and what is done about it.
    pub fn dropped(&self) -> u64 {
        self.connection.queue().borrow().dropped()
    }

    /// What binary messages arrive as.
    pub fn binary_type(&self) -> BinaryType {
        self.connection.socket().binary_type()
    }

    /// Chooses what binary messages arrive as, from the next one that the browser delivers.
    pub fn set_binary_type(&self, binary_type: BinaryType) {
        self.connection.socket().set_binary_type(binary_type);
    }
}

impl Stream for Receiver {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(data) = ready!(self.connection.poll_next(context)) else { return Poll::Ready(None) };
            if let Some(message) = data.map(|data| data.decode()).transpose() {
                return Poll::Ready(Some(message));
            }
        }
    }
}

impl FusedStream for Receiver {
    fn is_terminated(&self) -> bool {
        self.connection.queue().borrow().is_over()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let waiting = self.connection.queue().borrow_mut().discard();
        drop(waiting);
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("socket", self.connection.socket()).finish_non_exhaustive()
    }
}

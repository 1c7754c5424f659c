//! The half of a connection that receives.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use crate::connection::Connection;
use crate::queue::Taken;
use crate::sys::Data;
use crate::{BinaryType, CloseEvent, Closed, Error, Message, RawMessage};

/// The half of a [`WebSocketStream`](crate::WebSocketStream) that receives: a [`Stream`] of [`Message`]s.
///
/// Messages come in the order in which they were sent. The stream ends with `None` when the connection has ended, and stays
/// so; [`close_event`](Self::close_event) says why. If messages may be missing, an `Err` comes before that, once:
///
/// - [`Error::Unclean`] if the connection was lost,
/// - [`Error::CloseTimeout`] if this page closed it and the peer did not answer in time,
/// - [`Error::Overflow`] if the receive queue has overflowed.
///
/// Two other errors stand for one message, and the stream goes on: there is no memory for it, [`Error::OutOfMemory`], or the
/// page has given its buffer away, [`Error::Thrown`]. What arrives after this page has begun to close, browsers discard.
///
/// After 128 messages without a wait, or up to 1024 if very many wait, it pauses for a turn of the event loop, so that the
/// page can go on. Hence `now_or_never` may find nothing though messages wait.
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
    ///
    /// # Errors
    ///
    /// [`Error::Unclean`], [`Error::CloseTimeout`] or [`Error::Overflow`], once and last, if messages may be missing.
    pub async fn next_raw(&mut self) -> Option<Result<RawMessage, Error>> {
        poll_fn(|context| self.poll_taken(context, |data| data.into_raw().map(Ok))).await
    }

    /// The next message, taken from its data in one way or the other.
    fn poll_taken<T>(
        &self,
        context: &mut Context<'_>,
        take: fn(Data) -> Option<Result<T, Error>>,
    ) -> Poll<Option<Result<T, Error>>> {
        loop {
            let taken = match self.connection.poll_take(context) {
                Taken::Message(data) => take(data),
                Taken::Error(error) => Some(Err(error)),
                Taken::End => return Poll::Ready(None),
                Taken::Empty | Taken::Pause => return Poll::Pending,
            };
            if taken.is_some() {
                return Poll::Ready(taken);
            }
        }
    }

    /// Waits until the connection has ended, and says how. See [`Sender::closed`](crate::Sender::closed).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn closed(&self) -> Closed {
        Closed::of(&self.connection)
    }

    /// Why the connection has ended; `None` while it has not, and after [`Error::CloseTimeout`] and [`Error::Overflow`].
    pub fn close_event(&self) -> Option<CloseEvent> {
        self.connection.lifecycle().close_event()
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
        self.poll_taken(context, Data::decode)
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

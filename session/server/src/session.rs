//! The session of a handler: a stream and a sink that outlive connections.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;
use websocket_session::{End, Lost, SendError, Violation, code};

use crate::Message;
use crate::core::{Core, Shared};

/// Why a session ends for its handler without the client's END.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Gone {
    /// The session is lost: the client did not reconnect in time, or one end has given the session up.
    Lost(Lost<Message>),
    /// This server does not own the session any more: it shuts down, another one has taken the session over, or the store is not
    /// available. Return from the handler. With a store, the client's messages arrive at the next handler; messages that were sent, and
    /// that the store did not have yet, are not sent: the next handler continues after [`Progress::sent`].
    Moved,
}

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost(lost) => {
                write!(f, "the session is lost with {} unacknowledged messages", lost.unacknowledged.len())
            }
            Self::Moved => f.write_str("the session has left this server"),
        }
    }
}

impl std::error::Error for Gone {}

/// The progress of a session when its handler started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The number of the client's last message that was processed durably.
    pub processed: u64,
    /// The number of the last message that was sent.
    pub sent: u64,
}

/// A session with one client: a `Stream` of the client's messages and a `Sink` of messages to it.
///
/// A message counts as processed, and does not arrive again, when the handler takes the next one, calls [`commit`](Self::commit),
/// or returns. When the handler returns, the session ends: the client gets everything that was sent, then END.
pub struct Session {
    receiver: Receiver,
    sender: Sender,
    progress: Progress,
}

/// The receiving half of a [`Session`].
pub struct Receiver {
    shared: Arc<Shared>,
}

/// The sending half of a [`Session`]. Clones send in the same session.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Shared>,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let snapshot = shared.core().machine.snapshot();
        // END has a number, and is no message.
        let processed = snapshot.processed.saturating_sub(snapshot.peer_ended.into());
        let sent = snapshot.last_sent().saturating_sub(snapshot.ended.into());
        let sender = Sender { shared: shared.clone() };
        Self { receiver: Receiver { shared }, sender, progress: Progress { processed, sent } }
    }

    /// Returns the principal, as `authenticate` returned it.
    pub fn principal(&self) -> &str {
        &self.receiver.shared.key.principal
    }

    /// Returns the id of the session: 128 random bits, in hexadecimal digits. A restored session has the same id. A session that begins
    /// anew, after the server has forgotten the old one, has another id.
    pub fn id(&self) -> &str {
        &self.receiver.shared.first.0
    }

    /// Returns the application's protocol that the client has named.
    pub fn protocol(&self) -> Option<&str> {
        self.receiver.shared.protocol.as_deref()
    }

    /// Returns whether an earlier handler had this session, on this or another server. Also true if a server ended just before it
    /// would have run its handler.
    pub fn is_restored(&self) -> bool {
        self.receiver.shared.is_restored
    }

    /// Returns the progress of the session when this handler started: both numbers are 0 unless it [is restored](Self::is_restored).
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Returns the number of the message that this handler has taken last, from 1; `None` before the first.
    ///
    /// An application that stores the number under the [id](Self::id), in the same transaction as its own data, recognizes a
    /// message that arrives again after a crash.
    pub fn number(&self) -> Option<u64> {
        self.receiver.number()
    }

    /// Returns the next message; `None` after the client's END. If the session is lost after END, the next call returns the loss.
    ///
    /// The previous message then counts as processed. Dropping this future loses no message.
    pub async fn recv(&mut self) -> Option<Result<Message, Gone>> {
        self.receiver.recv().await
    }

    /// Sends a message, waiting while the replay buffer is full.
    ///
    /// # Errors
    ///
    /// A [`SendError`] with the message, if the session has ended, or the client does not accept messages of this size.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError<Message>> {
        self.sender.send(message).await
    }

    /// Marks the last taken message as processed and sends the replies, in one change of the store: after a crash, either both or
    /// neither has happened. Without replies it does not fail: if the session has left this server, the message arrives again at another.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send), and [`SendError::Full`] if all replies together exceed the replay buffer.
    pub async fn commit(&mut self, replies: impl IntoIterator<Item = Message>) -> Result<(), SendError<Message>> {
        let mut replies: Vec<_> = replies.into_iter().collect();
        let shared = &self.receiver.shared;
        poll_fn(|context| shared.change(|core| core.poll_send(&mut replies, Core::finish_taken, context))).await
    }

    /// Waits until the client has processed everything that was sent.
    ///
    /// # Errors
    ///
    /// - [`Gone::Lost`] if the session is lost after the client's END. The messages are reported once: here, or by
    ///   [`recv`](Self::recv).
    /// - [`Gone::Moved`] if the session has left this server, or is lost and `recv` reports the messages.
    pub async fn acknowledged(&mut self) -> Result<(), Gone> {
        self.sender.acknowledged().await
    }

    /// Ends this direction: no message follows. The client's messages still arrive.
    ///
    /// # Errors
    ///
    /// [`Violation::Invalid`] if the code is neither 1000 nor 3000 to 4999, or the reason is longer than 123 bytes.
    pub fn end(&mut self, code: u16, reason: impl Into<String>) -> Result<(), Violation> {
        self.sender.end(code, reason)
    }

    /// Gives the session up. The client gets an error.
    pub fn give_up(self) {
        self.receiver.shared.change(Core::give_up);
    }

    /// Returns both halves, for two tasks. The handler should not return before both are done.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

impl Receiver {
    /// Returns the next message. See [`Session::recv`].
    pub async fn recv(&mut self) -> Option<Result<Message, Gone>> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// Returns the number of the message that was taken last. See [`Session::number`].
    pub fn number(&self) -> Option<u64> {
        self.shared.core().number
    }

    /// Returns the code and the reason of the client's END, once the stream has ended by it. They are not stored: `None` in a session that
    /// was restored after END.
    pub fn peer_end(&self) -> Option<End> {
        self.shared.core().peer_end.clone()
    }

    fn poll_recv(&mut self, context: &Context<'_>) -> Poll<Option<Result<Message, Gone>>> {
        self.shared.change(|core| core.poll_take(context))
    }
}

impl Sender {
    /// Sends a message. See [`Session::send`].
    ///
    /// # Errors
    ///
    /// The [`SendError`] has the message.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError<Message>> {
        let mut messages = vec![message.into()];
        poll_fn(|context| self.shared.change(|core| core.poll_send(&mut messages, |_| (), context))).await
    }

    /// Waits until the client has processed everything that was sent. See [`Session::acknowledged`].
    ///
    /// # Errors
    ///
    /// As for [`Session::acknowledged`].
    pub async fn acknowledged(&mut self) -> Result<(), Gone> {
        poll_fn(|context| self.shared.core().poll_acknowledged(context)).await
    }

    /// Ends this direction. See [`Session::end`].
    ///
    /// # Errors
    ///
    /// As for [`Session::end`].
    pub fn end(&mut self, code: u16, reason: impl Into<String>) -> Result<(), Violation> {
        let end = End::new(code, reason)?;
        self.shared.change(|core| core.end(end));
        Ok(())
    }
}

impl Stream for Receiver {
    type Item = Result<Message, Gone>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(context)
    }
}

/// Sends a message when there is some room in the replay buffer, so one message of each sink may be above its limit. `start_send` itself puts the
/// message into the buffer, so `poll_flush` is immediate. Closing ends this direction.
impl Sink<Message> for Sender {
    type Error = SendError<Message>;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.shared.core().poll_room(0, context).map(Ok)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Self::Error> {
        self.shared.change(|core| core.send_above_limit(message))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let _valid = self.get_mut().end(code::COMPLETE, "");
        Poll::Ready(Ok(()))
    }
}

impl Stream for Session {
    type Item = Result<Message, Gone>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().receiver.poll_recv(context)
    }
}

impl Sink<Message> for Session {
    type Error = SendError<Message>;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.get_mut().sender).poll_ready(context)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Self::Error> {
        Pin::new(&mut self.get_mut().sender).start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.get_mut().sender).poll_flush(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.get_mut().sender).poll_close(context)
    }
}

impl std::fmt::Debug for Session {
    /// Leaves out names, which do not belong in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("progress", &self.progress).finish_non_exhaustive()
    }
}

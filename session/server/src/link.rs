//! One connection of a session.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::ws::Message as Frame;
use futures_core::Stream;
use futures_sink::Sink;
use tokio::time::Instant;
use websocket_session::{Connection, Incoming, Violation};

use crate::socket::Socket;
use crate::{Message, message};

/// A WebSocket whose HELLO was accepted.
pub(crate) struct Link {
    pub socket: Socket,
    pub connection: Connection,
    outgoing: VecDeque<Frame>,
    /// When a frame last arrived.
    pub heard: Instant,
    /// When the client was pinged; `None` once a frame has arrived since.
    pub pinged: Option<Instant>,
    max_message: u64,
}

/// An event of a connection.
pub(crate) enum Turn {
    /// A frame has arrived.
    Frame(Result<Incoming<Message>, Violation>),
    /// The WebSocket has taken all frames: there is room for more.
    Room,
    /// The client has closed the connection, with this code if there was one.
    Ended(Option<u16>),
    /// The connection has failed.
    Failed,
}

impl Link {
    pub fn new(socket: Socket, connection: Connection, max_message: u64) -> Self {
        Self { socket, connection, outgoing: VecDeque::new(), heard: Instant::now(), pinged: None, max_message }
    }

    /// Returns whether frames wait for the WebSocket.
    pub fn is_full(&self) -> bool {
        !self.outgoing.is_empty()
    }

    pub fn push(&mut self, frame: Frame) {
        self.outgoing.push_back(frame);
    }

    /// Sends queued frames, and waits for the next event. Dropping the future loses nothing.
    pub async fn turn(&mut self) -> Turn {
        poll_fn(|context| self.poll_turn(context)).await
    }

    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<Turn> {
        let was_full = self.is_full();
        if let Poll::Ready(Err(_)) = self.poll_outgoing(context) {
            return Poll::Ready(Turn::Failed);
        }
        if was_full && !self.is_full() {
            return Poll::Ready(Turn::Room);
        }
        // The WebSocket itself answers pings.
        loop {
            let frame = ready!(Pin::new(&mut self.socket.inner).poll_next(context));
            self.heard = Instant::now();
            self.pinged = None;
            match frame {
                Some(Ok(Frame::Text(text))) => return Poll::Ready(Turn::Frame(message::decode(text))),
                Some(Ok(Frame::Binary(bytes))) => return Poll::Ready(Turn::Frame(Ok(message::decode_binary(bytes)))),
                Some(Ok(Frame::Ping(_))) if self.socket.is_flooded(context) => return Poll::Ready(Turn::Failed),
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => (),
                Some(Ok(Frame::Close(close))) => return Poll::Ready(Turn::Ended(close.map(|close| close.code))),
                Some(Err(error)) => return Poll::Ready(self.failed(&error)),
                None => return Poll::Ready(Turn::Failed),
            }
        }
    }

    /// Returns the event for an error. If the WebSocket refuses to read a message above its size limit, only the text of the error
    /// says so, since axum hides its kind.
    fn failed(&self, error: &axum::Error) -> Turn {
        if error.to_string().contains("too long") {
            let (len, max) = (self.max_message.saturating_add(1), self.max_message);
            return Turn::Frame(Err(Violation::TooLarge { len, max }));
        }
        Turn::Failed
    }

    fn poll_outgoing(&mut self, context: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        loop {
            // Flushes before there is more to send, too: the buffer of a client that reads may be empty only then.
            ready!(self.socket.poll_flush(context))?;
            if self.outgoing.is_empty() {
                // Of small messages, a batch has thousands.
                self.outgoing.shrink_to(64);
                return Poll::Ready(Ok(()));
            }
            while !self.outgoing.is_empty() {
                ready!(Pin::new(&mut self.socket.inner).poll_ready(context))?;
                let Some(frame) = self.outgoing.pop_front() else { break };
                Pin::new(&mut self.socket.inner).start_send(frame)?;
            }
        }
    }

    /// Sends queued frames and closes the connection, in a task of its own: the session does not wait for it.
    pub fn close(self, code: u16, reason: String) {
        self.socket.close(self.outgoing, code, reason);
    }

    /// Works as [`close`](Self::close), and waits until the connection is closed.
    pub async fn close_and_wait(self, code: u16, reason: String) {
        self.socket.close_and_wait(self.outgoing, code, reason).await;
    }
}

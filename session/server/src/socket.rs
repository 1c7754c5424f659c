//! The WebSocket of a client, and how it is closed.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket};
use futures_sink::Sink;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::task::unconstrained;
use tokio::time::timeout;
use websocket_session::code;

use crate::crowd::{Crowd, Member};

/// How long a closing handshake may take.
const CLOSE: Duration = Duration::from_secs(10);

/// How many answers to pings may wait for a client that does not read.
pub(crate) const PONGS: usize = 60;

/// The WebSocket of a client.
pub(crate) struct Socket {
    pub inner: WebSocket,
    /// Where the client has connected from.
    pub address: Option<IpAddr>,
    /// The connections that are closing.
    closing: Arc<Crowd>,
    /// The answers to pings since the WebSocket's buffer was last empty.
    pongs: usize,
}

impl Socket {
    pub fn new(inner: WebSocket, address: Option<IpAddr>, closing: Arc<Crowd>) -> Self {
        Self { inner, address, closing, pongs: 0 }
    }

    /// Sends what the WebSocket has buffered.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        let flush = Pin::new(&mut self.inner).poll_flush(context);
        if let Poll::Ready(Ok(())) = flush {
            self.pongs = 0;
        }
        flush
    }

    /// Records that a ping has arrived. Returns whether too many answers wait for the client to read: the WebSocket answers each ping,
    /// and buffers the answers without a limit.
    pub fn is_flooded(&mut self, context: &mut Context<'_>) -> bool {
        self.pongs += 1;
        // A task without budget is not a client that does not read.
        let flush = unconstrained(std::future::poll_fn(|context| self.poll_flush(context)));
        let _flushed = pin!(flush).poll(context);
        self.pongs > PONGS
    }

    /// Sends frames and closes the connection, in a task of its own: the session does not wait for it. If too many connections are
    /// closing, it does not wait for the client either.
    pub fn close(mut self, outgoing: VecDeque<Frame>, code: u16, reason: String) {
        if let Some(place) = self.closing.enter(self.address) {
            return wait(place, self.closed(outgoing, code, reason));
        }
        // The frames leave now, also if this task has no budget left. The budget ends the reading: a client may send without end.
        let _sent = unconstrained(self.send_close(outgoing, code, reason)).now_or_never();
        let _read = self.drain().now_or_never();
    }

    /// Works as [`close`](Self::close), and waits for the client, without the limit: for a shutdown, when the limits on sessions are
    /// enough.
    pub async fn close_and_wait(self, outgoing: VecDeque<Frame>, code: u16, reason: String) {
        let _is_closed = timeout(CLOSE, self.closed(outgoing, code, reason)).await;
    }

    async fn closed(mut self, outgoing: VecDeque<Frame>, code: u16, reason: String) {
        if self.send_close(outgoing, code, reason).await.is_ok() {
            self.drain().await;
        }
    }

    async fn send_close(&mut self, outgoing: VecDeque<Frame>, code: u16, reason: String) -> Result<(), axum::Error> {
        let close = Frame::Close(Some(CloseFrame { code, reason: reason.into() }));
        for frame in outgoing.into_iter().chain([close]) {
            self.inner.send(frame).await?;
        }
        Ok(())
    }

    /// Reads everything that arrives: closing a socket with unread bytes resets it, and the peer misses the close code.
    async fn drain(&mut self) {
        while let Some(Ok(_)) = self.inner.next().await {}
    }

    /// Closes a connection whose client has a newer one. If the client does not read, the connection is dropped: a client could make many
    /// of them, each with large buffers.
    pub fn supersede(mut self) {
        if unconstrained(self.inner.flush()).now_or_never().is_some() {
            self.close([].into(), code::SUPERSEDED, "superseded by a newer connection".into());
        }
    }

    /// Answers a close, in a task of its own.
    pub fn leave(mut self) {
        match self.closing.enter(self.address) {
            Some(place) => wait(place, async move { self.drain().await }),
            None => drop(self.drain().now_or_never()),
        }
    }
}

/// Runs `closing` to its end in a task of its own, as long as a closing handshake may take.
fn wait(place: Member, closing: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(async move {
        let _is_closed = timeout(CLOSE, closing).await;
        drop(place);
    });
}

//! TCP connections: a bounded number, each of which can be reset, before its request is answered or later.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{self, IncomingStream};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The maximum number of connections at a time: few enough for the usual limit of 1,024 open files.
static FREE: Semaphore = Semaphore::const_new(800);

/// A place among the open connections. The next client gets it when this is dropped.
pub type Permit = SemaphorePermit<'static>;

/// Accepts connections. Clients beyond the maximum number wait until a connection ends.
pub struct Listener(pub TcpListener);

impl serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let permit = FREE.acquire().await.expect("nobody closes the semaphore");
        let (stream, address) = serve::Listener::accept(&mut self.0).await;
        (Connection { stream, breaker: Breaker::default(), permit }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Resets or silences its connection, until the connection is taken [out of reach](Connection::into_stream).
#[derive(Clone, Default)]
pub struct Breaker(Arc<Reach>);

struct Reach {
    /// The number of bytes that may still go out.
    left: AtomicUsize,
    is_cut: AtomicBool,
    is_silent: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Default for Reach {
    fn default() -> Self {
        let (is_cut, is_silent, reader, writer) = Default::default();
        Self { left: usize::MAX.into(), is_cut, is_silent, reader, writer }
    }
}

impl Breaker {
    /// Lets this many more bytes out, and then resets the connection.
    pub fn reset_after(&self, bytes: usize) {
        self.0.left.store(bytes, Ordering::Relaxed);
    }

    /// Resets the connection now.
    pub fn cut(&self) {
        self.0.is_cut.store(true, Ordering::Release);
        self.0.reader.wake();
        self.0.writer.wake();
    }

    /// Stops reading and writing on the connection.
    pub fn silence(&self) {
        self.0.is_silent.store(true, Ordering::Release);
    }
}

impl Connected<IncomingStream<'_, Listener>> for Breaker {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        stream.io().breaker.clone()
    }
}

/// A connection that its [`Breaker`] can reset.
pub struct Connection {
    stream: TcpStream,
    breaker: Breaker,
    permit: Permit,
}

impl Connection {
    /// Returns the bare stream, out of reach of the breaker, and the permit of the connection.
    pub fn into_stream(self) -> (TcpStream, Permit) {
        (self.stream, self.permit)
    }

    /// Returns `Pending` while the connection is silent, and an error once it is cut.
    fn poll_reach(&self, waker: fn(&Reach) -> &AtomicWaker, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let reach = &*self.breaker.0;
        waker(reach).register(cx.waker());
        if reach.is_cut.load(Ordering::Acquire) {
            return Poll::Ready(Err(self.reset()));
        }
        if reach.is_silent.load(Ordering::Acquire) { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    /// Returns the error that makes the caller drop the connection, which resets it.
    fn reset(&self) -> io::Error {
        self.stream.set_zero_linger().err().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_reach(|reach| &reach.reader, cx))?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_reach(|reach| &reach.writer, cx))?;
        let left = self.breaker.0.left.load(Ordering::Relaxed);
        if left == 0 {
            return Poll::Ready(Err(self.reset()));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &buf[..buf.len().min(left)]))?;
        self.breaker.reset_after(left - written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

//! TCP connections that can be broken off before their request is answered.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{self, IncomingStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Accepts connections.
pub struct Listener(pub TcpListener);

impl serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = serve::Listener::accept(&mut self.0).await;
        (Connection { stream, breaker: Breaker(Arc::new(usize::MAX.into())) }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Resets its connection, while that still speaks HTTP.
#[derive(Clone)]
pub struct Breaker(Arc<AtomicUsize>);

impl Breaker {
    /// Lets only so many more bytes out, and resets the connection then.
    pub fn reset_after(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
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
}

impl Connection {
    /// The bare stream, out of reach of the breaker.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let left = self.breaker.0.load(Ordering::Relaxed);
        if left == 0 {
            // hyper drops the connection for the error, and only then does it end.
            self.stream.set_zero_linger()?;
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
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

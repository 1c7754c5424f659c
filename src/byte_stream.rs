//! A connection as a stream of bytes.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};
use futures_sink::Sink;

use crate::{BinaryType, Chunks, Error, Message, WebSocketStream};

/// A connection as [`AsyncRead`] and [`AsyncWrite`]: what [`WebSocketStream::into_byte_stream`] gives.
///
/// What is written is sent in binary messages, what binary messages bring is read; where one ends and the next begins is not
/// seen. An empty message is not the end: that is the connection's, if it was clean. To read text is an error.
///
/// Writing waits for room as [`Sink::poll_ready`] does, and flushing until everything has gone to the network.
///
/// # Examples
///
/// ```no_run
/// use futures_util::{AsyncReadExt, AsyncWriteExt};
/// use wasm_websocket::WebSocketStream;
///
/// # async fn example() -> std::io::Result<()> {
/// let stream = WebSocketStream::connect("wss://example.com/tunnel").await.map_err(std::io::Error::other)?;
/// let mut bytes = stream.into_byte_stream();
/// bytes.write_all(b"HELO example.com\r\n").await?;
/// let mut answer = [0; 3];
/// bytes.read_exact(&mut answer).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "the connection is closed when this is dropped"]
pub struct ByteStream {
    stream: WebSocketStream,
    /// What has arrived and was not yet read, and how much of it was.
    chunk: Vec<u8>,
    read: usize,
    /// A Blob that had arrived before the bytes of messages were asked for.
    blob: Option<Chunks>,
}

/// The most bytes that are sent in one message.
const LARGEST_MESSAGE: usize = 256 << 10;

impl ByteStream {
    pub(crate) fn new(stream: WebSocketStream) -> Self {
        stream.set_binary_type(BinaryType::ArrayBuffer);
        Self { stream, chunk: Vec::new(), read: 0, blob: None }
    }

    /// Waits until there are bytes to read, or none for ever: then it is false.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.read == self.chunk.len() {
            let chunk = match &mut self.blob {
                Some(blob) => ready!(Pin::new(blob).poll_next(context)),
                None => match ready!(Pin::new(&mut self.stream).poll_next(context)) {
                    None => return Poll::Ready(self.end()),
                    Some(message) => self.open(message.map_err(io_error)?)?,
                },
            };
            match chunk {
                Some(bytes) => (self.chunk, self.read) = (bytes.map_err(io_error)?, 0),
                None => self.blob = None,
            }
        }
        Poll::Ready(Ok(true))
    }

    /// The bytes of a message; none of a Blob, which is read first.
    fn open(&mut self, message: Message) -> io::Result<Option<Result<Vec<u8>, Error>>> {
        match message {
            Message::Binary(bytes) => Ok(Some(Ok(bytes))),
            Message::Blob(blob) => {
                self.blob = Some(blob.chunks(LARGEST_MESSAGE as u64));
                Ok(Some(Ok(Vec::new())))
            }
            Message::Text(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "a text message in a stream of bytes")),
        }
    }

    /// The end: orderly, or an error, since some bytes may be missing.
    fn end(&self) -> io::Result<bool> {
        match self.stream.close_event() {
            Some(event) if !event.was_clean => Err(io_error(Error::Unclean(event))),
            _ => Ok(false),
        }
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        if into.is_empty() || !ready!(self.poll_fill(context))? {
            return Poll::Ready(Ok(0));
        }
        let len = into.len().min(self.chunk.len() - self.read);
        into[..len].copy_from_slice(&self.chunk[self.read..self.read + len]);
        self.read += len;
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for ByteStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let bytes = &bytes[..bytes.len().min(LARGEST_MESSAGE)];
        ready!(Pin::new(&mut self.stream).poll_ready(context)).map_err(io_error)?;
        if !bytes.is_empty() {
            self.stream.socket().send(bytes).map_err(|unsent| io_error(unsent.error))?;
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context).map_err(io_error)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context).map_err(io_error)
    }
}

fn io_error(error: Error) -> io::Error {
    let kind = match error {
        Error::NotOpen(_) => io::ErrorKind::NotConnected,
        Error::Unclean(_) => io::ErrorKind::ConnectionAborted,
        Error::CloseTimeout(_) => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream").field("stream", &self.stream).finish_non_exhaustive()
    }
}

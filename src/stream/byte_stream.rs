//! A connection as a byte stream.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};
use futures_sink::Sink;

use crate::{BinaryType, Chunks, Error, Message, WebSocketStream};

/// A connection as [`AsyncBufRead`] and [`AsyncWrite`]: what [`WebSocketStream::into_byte_stream`] returns.
///
/// Bytes are sent and received in binary messages, without message boundaries. An empty message is not the end.
///
/// Reading ends when the peer has closed the connection, with any code. If bytes may be missing, reading fails instead, at the
/// first missing byte or before it, and from then on, while writing continues if the connection is open. Every
/// [`io::Error`](std::io::Error) wraps an [`Error`]. Reading fails with
///
/// - [`Error::Unclean`] if the connection was lost, or [`Error::CloseTimeout`] if the peer did not answer,
/// - [`Error::ClosedHere`] if this page closed the connection first, since browsers discard messages that arrive after that,
/// - [`Error::Overflow`] if the receive queue has overflowed, even if [`Overflow`](crate::Overflow) only drops messages,
/// - [`Error::UnexpectedText`] if a text message has arrived,
/// - [`Error::OutOfMemory`], [`Error::Thrown`] or [`Error::UnreadableBlob`] if a message cannot be read.
///
/// Writing to a connection that is not open fails with [`Error::NotOpen`], or with `Overflow`. The kind of the `io::Error` is
/// `ConnectionAborted` for `Unclean` and `ClosedHere`, `TimedOut` for `CloseTimeout`, `InvalidData` for `UnexpectedText`,
/// `NotConnected` for `NotOpen`, and `Other` for all others.
///
/// Each write sends one message of at most 256 KiB, so wrap the stream in a `BufWriter` for small writes. An empty write sends
/// nothing. Writing waits for room as [`WebSocketStream::send`] does. Flushing is immediate, since nothing is buffered here.
/// Closing ends both directions, as the sink of [`Sender`](crate::Sender) does; bytes that had arrived before can still be read.
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
    /// The current message. `read` is the number of its bytes that were read.
    chunk: Vec<u8>,
    read: usize,
    /// A Blob that had arrived before the conversion into a byte stream.
    blob: Option<Chunks>,
    /// Why no more bytes can be read in order.
    failure: Option<Error>,
}

/// The largest size of a sent message, in bytes.
const LARGEST_MESSAGE: usize = 256 << 10;

impl ByteStream {
    pub(crate) fn new(stream: WebSocketStream) -> Self {
        stream.set_binary_type(BinaryType::ArrayBuffer);
        Self { stream, chunk: Vec::new(), read: 0, blob: None, failure: None }
    }

    /// Returns a reference to the connection, for instance to ask for its [`close_event`](WebSocketStream::close_event).
    pub fn get_ref(&self) -> &WebSocketStream {
        &self.stream
    }

    /// Returns the connection, to continue with messages. Its binary type is now [`BinaryType::ArrayBuffer`].
    ///
    /// The unread bytes of the current message are lost, and so is the rest of a Blob that is being read. To keep the unread bytes,
    /// take them with [`poll_fill_buf`](AsyncBufRead::poll_fill_buf) first.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::{AsyncReadExt, AsyncWriteExt};
    /// use wasm_websocket::WebSocketStream;
    ///
    /// /// Greets a gateway that speaks bytes, before the messages of the chat.
    /// async fn greet(stream: WebSocketStream) -> std::io::Result<WebSocketStream> {
    ///     let mut bytes = stream.into_byte_stream();
    ///     bytes.write_all(b"CONNECT chat\n").await?;
    ///     let mut answer = [0; 3];
    ///     bytes.read_exact(&mut answer).await?; // "OK\n", a message of its own
    ///     Ok(bytes.into_inner())
    /// }
    /// ```
    pub fn into_inner(self) -> WebSocketStream {
        self.stream
    }

    /// Waits until there are bytes to read. Resolves with false if the stream has ended.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        while self.read == self.chunk.len() {
            if let Some(failure) = &self.failure {
                return Poll::Ready(Err(failure.clone()));
            }
            let chunk = self.poll_chunk(context);
            if self.stream.connection().queue().has_gap() {
                self.failure = Some(Error::Overflow);
                continue;
            }
            match ready!(chunk) {
                Some(Ok(bytes)) => (self.chunk, self.read) = (bytes, 0),
                Some(Err(error)) => self.failure = Some(error),
                None if self.stream.connection().is_closed_here() => self.failure = Some(Error::ClosedHere),
                None => return Poll::Ready(Ok(false)),
            }
        }
        Poll::Ready(Ok(true))
    }

    /// Polls for the next bytes, possibly none, of a message or of the Blob that is being read.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>, Error>>> {
        if let Some(blob) = &mut self.blob {
            let chunk = ready!(Pin::new(blob).poll_next(context));
            if chunk.is_none() {
                self.blob = None;
            }
            return Poll::Ready(Some(chunk.unwrap_or_else(|| Ok(Vec::new()))));
        }
        let message = ready!(Pin::new(&mut self.stream).poll_next(context));
        Poll::Ready(message.map(|message| match message? {
            Message::Binary(bytes) => Ok(bytes),
            Message::Blob(blob) => {
                self.blob = Some(blob.chunks(LARGEST_MESSAGE as u64));
                Ok(Vec::new())
            }
            Message::Text(_) => Err(Error::UnexpectedText),
        }))
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        if into.is_empty() || !ready!(self.poll_fill(context)).map_err(io_error)? {
            return Poll::Ready(Ok(0));
        }
        let len = into.len().min(self.chunk.len() - self.read);
        into[..len].copy_from_slice(&self.chunk[self.read..self.read + len]);
        self.read += len;
        Poll::Ready(Ok(len))
    }
}

/// The buffer is the rest of the current message.
impl AsyncBufRead for ByteStream {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.poll_fill(context)).map_err(io_error)?;
        Poll::Ready(Ok(&this.chunk[this.read..]))
    }

    fn consume(mut self: Pin<&mut Self>, len: usize) {
        self.read = self.read.saturating_add(len).min(self.chunk.len());
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

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context).map_err(io_error)
    }
}

fn io_error(error: Error) -> io::Error {
    let kind = match error {
        Error::NotOpen(_) => io::ErrorKind::NotConnected,
        Error::Unclean(_) | Error::ClosedHere => io::ErrorKind::ConnectionAborted,
        Error::CloseTimeout(_) => io::ErrorKind::TimedOut,
        Error::UnexpectedText => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream").field("stream", &self.stream).finish_non_exhaustive()
    }
}

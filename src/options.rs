//! Options of a connection.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::queue::Limit;
use crate::sys::RawSocket;
use crate::{BinaryType, Error, WebSocketStream, protocol};

/// Options of a connection, for [`WebSocket`](crate::WebSocket) and [`WebSocketStream`].
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::{BinaryType, Options};
///
/// # async fn example() -> Result<(), wasm_websocket::Error> {
/// let options = Options::new().protocols(["chat.v2", "chat.v1"]).binary_type(BinaryType::Blob);
/// let stream = options.connect("wss://example.com/chat").await?;
/// let is_new = stream.protocol() == "chat.v2"; // what the server selected
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    pub(crate) protocols: Vec<String>,
    pub(crate) binary_type: BinaryType,
    pub(crate) high_water_mark: u64,
    pub(crate) low_water_mark: u64,
    pub(crate) receive_limit: Limit,
    pub(crate) connect_timeout: Duration,
    pub(crate) close_timeout: Duration,
}

/// What happens to a message that arrives while the receive queue is full.
///
/// Browsers read from the network whether the page keeps up or not. [`Receiver::dropped`](crate::Receiver::dropped) counts
/// the dropped messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The connection is closed. After what waits, the stream has [`Error::Overflow`], and ends. Sending fails with it, too, and
    /// [`closed`](crate::Sender::closed) resolves with it, without waiting for the peer.
    #[default]
    Close,
    /// Drops the oldest queued messages. For data where only recent values matter.
    DropOldest,
    /// Drops the message that has just arrived.
    DropNewest,
    /// Queues without a limit.
    Unbounded,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            protocols: Vec::new(),
            binary_type: BinaryType::default(),
            high_water_mark: 1 << 20,
            low_water_mark: 256 << 10,
            receive_limit: Limit { bytes: 64 << 20, messages: 1 << 18, overflow: Overflow::default() },
            connect_timeout: Duration::from_secs(20),
            close_timeout: Duration::from_secs(5),
        }
    }
}

impl Options {
    /// Creates options with the defaults, which each method names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the subprotocols to offer, in order of preference. Default: none.
    ///
    /// If the server selects none of them, the standard and Chromium fail the connection; Firefox opens it, with an empty
    /// [`protocol`](WebSocketStream::protocol).
    pub fn protocols<T: Into<String>>(mut self, protocols: impl IntoIterator<Item = T>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the type in which binary messages are delivered. Default: [`BinaryType::ArrayBuffer`].
    pub fn binary_type(mut self, binary_type: BinaryType) -> Self {
        self.binary_type = binary_type;
        self
    }

    /// Sets the number of unsent bytes above which senders of a [`WebSocketStream`] wait. Default: 1 MiB.
    ///
    /// The default keeps a fast network busy. In hidden tabs timers fire late, so the mark is raised, up to 64 times, for as
    /// long as each late timer finds the buffer empty. A [`WebSocket`](crate::WebSocket) never waits.
    pub fn high_water_mark(mut self, bytes: u64) -> Self {
        self.high_water_mark = bytes;
        self
    }

    /// Sets the number of unsent bytes at which waiting senders continue. Default: 256 KiB.
    ///
    /// A value above the high water mark counts as the high water mark.
    pub fn low_water_mark(mut self, bytes: u64) -> Self {
        self.low_water_mark = bytes;
        self
    }

    /// The most that may wait to be taken from a [`WebSocketStream`], and what becomes of more. By default 64 MiB and 262,144
    /// messages, beyond which the connection is closed.
    ///
    /// Empty messages count as messages. A message of any size is taken if none waits. With [`Overflow::Unbounded`] there is
    /// no limit, whatever the numbers. A [`WebSocket`](crate::WebSocket) keeps nothing.
    ///
    /// - Binary messages count by their bytes.
    /// - Text counts by its length in UTF-16 units, as its bytes are not known before it is taken.
    /// - Blobs count as messages without bytes, since their bytes are not in the page's memory.
    pub fn receive_limit(mut self, bytes: u64, messages: usize, overflow: Overflow) -> Self {
        self.receive_limit = Limit { bytes, messages, overflow };
        self
    }

    /// Sets how long [`connect`](Self::connect) waits for the connection to open. Default: 20 seconds.
    ///
    /// Browsers themselves wait between 20 seconds and some minutes for a silent peer. A [`WebSocket`](crate::WebSocket) has
    /// no timeout of its own.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long [`WebSocketStream::close`] waits for the peer. By default 5 seconds.
    ///
    /// It starts over while unsent bytes leave, so that a slow upload comes to its end. Browsers themselves wait 20 to 60 seconds
    /// for a silent peer.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// Starts to connect.
    pub(crate) fn socket(&self, url: &str) -> Result<RawSocket, Error> {
        protocol::check(&self.protocols)?;
        RawSocket::new(url, &self.protocols, self.binary_type)
    }

    /// Connects to `url` and resolves with the open connection, like [`WebSocketStream::connect`].
    ///
    /// # Errors
    ///
    /// The errors of [`WebSocketStream::connect`], and [`Error::InvalidProtocol`] or [`Error::DuplicateProtocol`].
    pub fn connect(&self, url: &str) -> impl Future<Output = Result<WebSocketStream, Error>> + use<> {
        WebSocketStream::connect_with(url, self)
    }
}

/// With the number of subprotocols alone, since one may be a secret token.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            protocols,
            binary_type,
            high_water_mark,
            low_water_mark,
            receive_limit,
            connect_timeout,
            close_timeout,
        } = self;
        f.debug_struct("Options")
            .field("protocols", &protocols.len())
            .field("binary_type", binary_type)
            .field("high_water_mark", high_water_mark)
            .field("low_water_mark", low_water_mark)
            .field("receive_limit", receive_limit)
            .field("connect_timeout", connect_timeout)
            .field("close_timeout", close_timeout)
            .finish()
    }
}

//! What can be chosen about a connection.

use std::future::Future;
use std::time::Duration;

use crate::queue::Limit;
use crate::sys::RawSocket;
use crate::{BinaryType, Error, WebSocketStream, protocol};

/// What can be chosen about a connection: one value for [`WebSocket`](crate::WebSocket) and [`WebSocketStream`].
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(crate) protocols: Vec<String>,
    pub(crate) binary_type: BinaryType,
    pub(crate) high_water_mark: u64,
    pub(crate) low_water_mark: u64,
    pub(crate) receive_limit: Limit,
    pub(crate) connect_timeout: Duration,
    pub(crate) close_timeout: Duration,
}

/// What becomes of messages that arrive when as many wait to be taken as may.
///
/// Browsers read from the network whether a page keeps up or not, so something must become of them. What is dropped is
/// counted by [`Receiver::dropped`](crate::Receiver::dropped).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The connection is closed. After what waits, the stream has [`Error::Overflow`], and ends. Of a peer that does not
    /// answer, [`closed`](crate::Sender::closed) hears when the browser gives it up.
    #[default]
    Close,
    /// The oldest that wait make room: for what is of interest only as long as it is new.
    DropOldest,
    /// The message that has arrived is dropped.
    DropNewest,
    /// Nothing: memory is the limit.
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
    /// The defaults, which each method names.
    pub fn new() -> Self {
        Self::default()
    }

    /// The subprotocols to offer, the preferred one first. By default none.
    ///
    /// If any are offered and the server selects none of them, the standard and Chromium fail the connection. Firefox
    /// opens it all the same, with an empty [`protocol`](WebSocketStream::protocol).
    pub fn protocols<T: Into<String>>(mut self, protocols: impl IntoIterator<Item = T>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// What binary messages arrive as. By default [`BinaryType::ArrayBuffer`].
    pub fn binary_type(mut self, binary_type: BinaryType) -> Self {
        self.binary_type = binary_type;
        self
    }

    /// The unsent bytes above which a [`WebSocketStream`] makes senders wait. By default 1 MiB.
    ///
    /// Enough to keep a fast network busy, and little enough for the browser to hold. In hidden tabs, where timers come late,
    /// it is raised, up to 64 times, while everything was gone when one came. A [`WebSocket`](crate::WebSocket) never waits.
    pub fn high_water_mark(mut self, bytes: u64) -> Self {
        self.high_water_mark = bytes;
        self
    }

    /// The unsent bytes at which waiting senders go on. By default 256 KiB.
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
    /// no limit, whatever the numbers. Text counts by its length in UTF-16 units, as its bytes are not known before it is
    /// taken. A [`WebSocket`](crate::WebSocket) keeps nothing.
    pub fn receive_limit(mut self, bytes: u64, messages: usize, overflow: Overflow) -> Self {
        self.receive_limit = Limit { bytes, messages, overflow };
        self
    }

    /// How long [`connect`](Self::connect) waits for a connection to open. By default 20 seconds.
    ///
    /// Left alone, browsers wait for a silent peer for 20 seconds or some minutes. A [`WebSocket`](crate::WebSocket) waits
    /// as long as they do.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long [`WebSocketStream::close`] waits for the peer. By default 5 seconds.
    ///
    /// The time that it takes to send what is still buffered counts. Left alone, browsers wait 20 to 60 seconds for a
    /// silent peer.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// Starts to connect.
    pub(crate) fn socket(&self, url: &str) -> Result<RawSocket, Error> {
        protocol::check(&self.protocols)?;
        RawSocket::new(url, &self.protocols, self.binary_type)
    }

    /// Connects to `url` and gives the open connection, as [`WebSocketStream::connect`] does.
    ///
    /// # Errors
    ///
    /// As there, and [`Error::InvalidProtocol`] or [`Error::DuplicateProtocol`].
    pub fn connect(&self, url: &str) -> impl Future<Output = Result<WebSocketStream, Error>> + use<> {
        WebSocketStream::connect_with(url, self)
    }
}

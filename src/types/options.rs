//! Options of a connection.

use std::fmt;
use std::time::Duration;

use super::protocol;
#[cfg(feature = "streams")]
use crate::Transport;
use crate::receive::queue::Limit;
use crate::sys::RawSocket;
use crate::trace::trace;
use crate::{BinaryType, Connecting, Error};

/// Options of a connection, for [`WebSocket`](crate::WebSocket) and [`WebSocketStream`](crate::WebSocketStream).
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::{BinaryType, Options};
///
/// # async fn example() -> Result<(), wasm_websocket::Error> {
/// let options = Options::new().protocols(["chat.v2", "chat.v1"]).binary_type(BinaryType::Blob);
/// let stream = options.connect("wss://example.com/chat").await?;
/// let is_new = stream.protocol() == "chat.v2"; // the subprotocol that the server selected
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    pub(crate) protocols: Vec<String>,
    pub(crate) needs_protocol: bool,
    pub(crate) binary_type: BinaryType,
    pub(crate) high_water_mark: u64,
    pub(crate) low_water_mark: u64,
    pub(crate) receive_limit: Limit,
    pub(crate) connect_timeout: Duration,
    pub(crate) close_timeout: Duration,
    #[cfg(feature = "streams")]
    pub(crate) transport: Transport,
    #[cfg(feature = "streams")]
    pub(crate) read_ahead: u64,
}

/// What happens to a message that arrives while the receive queue is full.
///
/// Browsers read from the network even if the page does not keep up, except over `Transport::Streams` with [`Close`](Self::Close).
/// [`Receiver::dropped`](crate::Receiver::dropped) counts the dropped messages. Answers and acknowledgements are dropped like any other
/// message.
///
/// # Examples
///
/// ```ignore-wasm32
/// # use wasm_websocket::testing::Page;
/// use futures_util::TryStreamExt;
/// use wasm_websocket::{Options, Overflow};
/// # let page = Page::new();
/// # page.serve("wss://example.com/prices", async |handshake| {
/// #     let Some(mut peer) = handshake.accept() else { return };
/// #     (1..=100).for_each(|price| peer.send(price.to_string()));
/// #     peer.drain().await;
/// # });
/// # page.run(async {
///
/// // Only the latest prices matter.
/// let options = Options::new().receive_limit_messages(10).overflow(Overflow::DropOldest);
/// let mut prices = options.connect("wss://example.com/prices").await?;
/// # page.sleep(std::time::Duration::from_secs(1)).await;
///
/// // 100 prices have arrived while the page was busy: it continues with the last ten.
/// assert_eq!(prices.try_next().await?, Some("91".into()));
/// assert_eq!(prices.dropped(), 90);
/// # Ok::<(), wasm_websocket::Error>(())
/// # })?;
/// # Ok::<(), wasm_websocket::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Closes the connection without a code, which the peer sees as 1005. After the queued messages the stream yields
    /// [`Error::Overflow`] and ends. Sending fails with the same error (over a [`Reconnecting`](crate::Reconnecting) with
    /// [`Error::NotOpen`]), and [`closed`](crate::Sender::closed) resolves with it, without waiting for the peer.
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
            needs_protocol: false,
            binary_type: BinaryType::default(),
            high_water_mark: 1 << 20,
            low_water_mark: 256 << 10,
            receive_limit: Limit { bytes: 64 << 20, messages: 1 << 18, overflow: Overflow::default() },
            connect_timeout: Duration::from_secs(20),
            close_timeout: Duration::from_secs(5),
            #[cfg(feature = "streams")]
            transport: Transport::default(),
            #[cfg(feature = "streams")]
            read_ahead: 2 << 20,
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
    /// If the server selects none of them, the standard says that the connection fails, as it does in Chromium. Firefox opens it,
    /// with an empty [`protocol`](crate::WebSocketStream::protocol). With [`needs_protocol`](Self::needs_protocol) it fails in
    /// every browser.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::{Error, Options, WebSocketStream};
    ///
    /// /// Connects to servers of two versions. Each server selects the first subprotocol that it knows.
    /// async fn connect(url: &str) -> Result<(WebSocketStream, bool), Error> {
    ///     let stream = Options::new().protocols(["chat.v2", "chat.v1"]).connect(url).await?;
    ///     let has_reactions = stream.protocol() == "chat.v2";
    ///     Ok((stream, has_reactions))
    /// }
    /// ```
    pub fn protocols<T: Into<String>>(mut self, protocols: impl IntoIterator<Item = T>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Sets whether [`connect`](Self::connect) fails if the server selects no subprotocol, in every browser. Default: false.
    ///
    /// The error is [`Error::ConnectFailed`], as in Chromium; in Firefox the server sees a connection that opens and closes at
    /// once. Without a subprotocol to offer, here or in a [`Target`](crate::Target), every connection fails. To recognise this cause
    /// in Firefox, leave the option out and check [`protocol`](crate::WebSocketStream::protocol); Chromium hides the cause.
    ///
    /// # Examples
    ///
    /// ```ignore-wasm32
    /// # use wasm_websocket::testing::{Engine, Page};
    /// use wasm_websocket::{Error, Options};
    /// # let page = Page::new().engine(Engine::Firefox);
    /// # page.serve("wss://example.com/chat", async |handshake| {
    /// #     if let Some(mut peer) = handshake.accept() { peer.drain().await }
    /// # });
    /// # page.run(async {
    ///
    /// // An old server ignores subprotocols. Firefox would open the connection, and the server would misunderstand messages.
    /// let options = Options::new().protocols(["chat.v2"]).needs_protocol(true);
    /// let connected = options.connect("wss://example.com/chat").await;
    /// assert!(matches!(connected, Err(Error::ConnectFailed { .. })));
    /// # });
    /// ```
    pub fn needs_protocol(mut self, needs_protocol: bool) -> Self {
        self.needs_protocol = needs_protocol;
        self
    }

    /// Sets the type in which binary messages are delivered. Default: [`BinaryType::ArrayBuffer`].
    pub fn binary_type(mut self, binary_type: BinaryType) -> Self {
        self.binary_type = binary_type;
        self
    }

    /// Sets the number of unsent bytes above which senders of a [`WebSocketStream`](crate::WebSocketStream) wait. Default: 1 MiB.
    ///
    /// The default keeps a fast network busy. A [`WebSocket`](crate::WebSocket) never waits. In WebKit, all bytes soon count as
    /// sent, so senders hardly wait.
    ///
    /// Browsers fire no event when bytes have left, so timers check the number of unsent bytes while senders wait. In hidden tabs
    /// timers fire late, so the mark is raised: each late timer that finds the buffer empty doubles the mark, up to 64 times the
    /// configured value. When timers fire in time again, the configured value applies again.
    ///
    /// Over `Transport::Streams`, a mark above 128 KiB counts as 128 KiB: each message that waits behind another is copied, and a
    /// higher mark does not keep the network busier.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_websocket::Options;
    ///
    /// // A game: senders wait early, so that the newest move does not wait behind old moves.
    /// let game = Options::new().high_water_mark(16 << 10).low_water_mark(4 << 10);
    ///
    /// // An upload: much is buffered, so that a fast network never idles.
    /// let upload = Options::new().high_water_mark(8 << 20).low_water_mark(4 << 20);
    /// ```
    pub fn high_water_mark(mut self, bytes: u64) -> Self {
        self.high_water_mark = bytes;
        self
    }

    /// Sets the number of unsent bytes at which waiting senders continue. Default: 256 KiB.
    ///
    /// They continue one after another, up to the high water mark. After a large message they continue earlier, so that the network
    /// does not idle: when as many bytes have left as lie between both marks, and at most the high water mark is unsent.
    ///
    /// A value above the high water mark counts as the high water mark. Over `Transport::Streams`, a value above 32 KiB counts as
    /// 32 KiB.
    pub fn low_water_mark(mut self, bytes: u64) -> Self {
        self.low_water_mark = bytes;
        self
    }

    /// Sets the maximum size of the receive queue of a [`WebSocketStream`](crate::WebSocketStream), in bytes. Default: 64 MiB.
    ///
    /// [`overflow`](Self::overflow) decides what happens to a message that exceeds the limit. An empty queue accepts a message of
    /// any size, unless [`receive_limit_messages`](Self::receive_limit_messages) is zero. A [`WebSocket`](crate::WebSocket) has no
    /// queue.
    ///
    /// - Binary messages count by their bytes.
    /// - Text counts by its length in UTF-16 units, since the number of bytes is unknown until the text is decoded.
    /// - Blobs count as messages without bytes, since their bytes are not in the page's memory. Over `Transport::Streams` they are,
    ///   and count.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::{Error, Message, Options};
    ///
    /// /// Follows a feed on devices with little memory.
    /// async fn follow(feed: &str, show: impl AsyncFn(Message)) -> Result<(), Error> {
    ///     let mut stream = Options::new().receive_limit(4 << 20).connect(feed).await?;
    ///     while let Some(message) = stream.try_next().await? {
    ///         show(message).await; // if it is too slow, the stream ends with `Error::Overflow`
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn receive_limit(mut self, bytes: u64) -> Self {
        self.receive_limit.bytes = bytes;
        self
    }

    /// Sets the maximum number of messages in the receive queue of a [`WebSocketStream`](crate::WebSocketStream). Default: 262,144.
    ///
    /// [`overflow`](Self::overflow) decides what happens to a message that exceeds this limit or
    /// [`receive_limit`](Self::receive_limit). Empty messages count, too. With zero, every message exceeds the limit.
    pub fn receive_limit_messages(mut self, messages: usize) -> Self {
        self.receive_limit.messages = messages;
        self
    }

    /// Sets what happens to a message that arrives while the receive queue is full. Default: [`Overflow::Close`].
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.receive_limit.overflow = overflow;
        self
    }

    /// Sets how long [`connect`](Self::connect) waits for the connection to open. Default: 20 seconds.
    ///
    /// With [`Duration::MAX`] only the browser ends the wait: browsers give up a silent peer after 20 seconds to some minutes. The
    /// time begins when the future is first polled. With zero, it is over in one of the next turns of the event loop. A
    /// [`WebSocket`](crate::WebSocket) has no timeout of its own.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use wasm_websocket::{Error, Options, WebSocketStream};
    ///
    /// # async fn chat(_: WebSocketStream) {}
    /// # async fn chat_by_polling() {}
    /// # async fn example() -> Result<(), Error> {
    /// // Some proxies never answer the handshake: after three seconds, use plain HTTP instead.
    /// let options = Options::new().connect_timeout(Duration::from_secs(3));
    /// match options.connect("wss://example.com/chat").await {
    ///     Ok(stream) => chat(stream).await,
    ///     Err(Error::ConnectTimeout { .. } | Error::ConnectFailed { .. }) => chat_by_polling().await,
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long [`close`](crate::WebSocketStream::close) waits for the peer. Default: 5 seconds.
    ///
    /// It begins when the future is first polled, and ends only if the future is polled. For a [`Reconnecting`](crate::Reconnecting) it
    /// begins with the call, and ends by itself.
    ///
    /// Whenever unsent bytes are seen to leave, the wait starts over, so that a slow upload is completed. Otherwise `close` gives up
    /// after one timeout, and one more for each full 512 KiB that are unsent, since some bytes leave unseen: in Firefox, and over
    /// `Transport::Streams`, a message counts as unsent until all of it has left. So a large message is completed there if more than
    /// 512 KiB leave in each timeout, and in every browser a dead peer with 10 MiB unsent is reported after up to 21 timeouts. In
    /// WebKit, all bytes soon count as sent: there, choose a timeout in which the largest message can leave.
    ///
    /// - With [`Duration::MAX`] only the browser ends the wait, after 20 to 60 seconds.
    /// - With zero, `close` fails with [`Error::CloseTimeout`] at once, and the browser sends what is unsent and completes the
    ///   closing by itself.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use wasm_websocket::{Error, Options};
    ///
    /// # async fn example() -> Result<(), Error> {
    /// let options = Options::new().close_timeout(Duration::from_millis(500));
    /// let mut stream = options.connect("wss://example.com/game").await?;
    /// stream.send("leave").await?;
    /// match stream.close().await {
    ///     Ok(_) | Err(Error::CloseTimeout(_)) => {} // do not wait longer for a silent server
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// Sets the browser's interface that the connection uses. Default: [`Transport::Events`].
    ///
    /// Needs the feature `streams`. A [`WebSocket`](crate::WebSocket) always uses events: with [`Transport::Streams`], creating it
    /// fails with [`Error::Unsupported`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::{Error, Message, Options, Transport};
    ///
    /// async fn follow(feed: &str, show: impl AsyncFn(Message)) -> Result<(), Error> {
    ///     let mut stream = Options::new().transport(Transport::Best).read_ahead(256 << 10).connect(feed).await?;
    ///     while let Some(message) = stream.try_next().await? {
    ///         show(message).await; // while it is slow, the server has to wait, in browsers that have `Streams`
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[cfg(feature = "streams")]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Sets the number of queued bytes at which a connection over [`Transport::Streams`] stops reading. Default: 2 MiB.
    ///
    /// Needs the feature `streams`. The message that reaches the limit may exceed it. Reading also stops at
    /// [`receive_limit_messages`](Self::receive_limit_messages), and continues below half of both limits. Meanwhile messages fill
    /// the buffers of the browser and of both operating systems; then the peer has to wait.
    ///
    /// When the peer closes, all that is left in these buffers is read at once, even above the limits. The browser may have dropped some
    /// messages, see [`Transport`](crate::Transport); then the stream ends with [`Error::Unclean`](crate::Error::Unclean). When this page
    /// closes, the messages in these buffers are dropped.
    ///
    /// - With [`Overflow::Close`], this limit takes the place of [`receive_limit`](Self::receive_limit), which then has no effect:
    ///   reading stops, and the queue never overflows.
    /// - With the other policies, this limit has no effect: reading does not stop, and [`overflow`](Self::overflow) says what happens
    ///   at [`receive_limit`](Self::receive_limit).
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_websocket::{Options, Transport};
    ///
    /// // Each message is a picture of about 200 KB that takes a second to analyse: queue two, and let the server wait.
    /// let options = Options::new().transport(Transport::Best).read_ahead(400_000);
    /// ```
    #[cfg(feature = "streams")]
    pub fn read_ahead(mut self, bytes: u64) -> Self {
        self.read_ahead = bytes;
        self
    }

    /// Starts to connect.
    pub(crate) fn socket(&self, url: &str) -> Result<RawSocket, Error> {
        protocol::check(&self.protocols)?;
        #[cfg(not(feature = "streams"))]
        let socket = RawSocket::new(url, &self.protocols, self.binary_type)?;
        #[cfg(feature = "streams")]
        let socket = RawSocket::by(self.transport, url, &self.protocols, self.binary_type)?;
        trace!(DEBUG, url = %super::redact::PublicUrl(&socket.url()), "connecting");
        Ok(socket)
    }

    /// Starts to connect over events. Fails if the options ask for `Transport::Streams`.
    pub(crate) fn events_socket(&self, url: &str) -> Result<RawSocket, Error> {
        #[cfg(feature = "streams")]
        if self.transport == Transport::Streams {
            return Err(Error::Unsupported);
        } else if self.transport == Transport::Best {
            return self.clone().transport(Transport::Events).socket(url);
        }
        self.socket(url)
    }

    /// Connects to `url` and resolves with the open connection, like [`WebSocketStream::connect`](crate::WebSocketStream::connect).
    ///
    /// # Errors
    ///
    /// The errors of [`WebSocketStream::connect`](crate::WebSocketStream::connect), and [`Error::InvalidProtocol`] or
    /// [`Error::DuplicateProtocol`].
    pub fn connect(&self, url: &str) -> Connecting {
        Connecting::new(self.socket(url), self)
    }
}

/// Shows only the number of subprotocols, since a subprotocol may be a secret token.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            protocols,
            needs_protocol,
            binary_type,
            high_water_mark,
            low_water_mark,
            receive_limit,
            connect_timeout,
            close_timeout,
            #[cfg(feature = "streams")]
            transport,
            #[cfg(feature = "streams")]
            read_ahead,
        } = self;
        let mut options = f.debug_struct("Options");
        options
            .field("protocols", &protocols.len())
            .field("needs_protocol", needs_protocol)
            .field("binary_type", binary_type)
            .field("high_water_mark", high_water_mark)
            .field("low_water_mark", low_water_mark)
            .field("receive_limit", receive_limit)
            .field("connect_timeout", connect_timeout)
            .field("close_timeout", close_timeout);
        #[cfg(feature = "streams")]
        options.field("transport", transport).field("read_ahead", read_ahead);
        options.finish()
    }
}

//! A simulated page, for tests of your own code on the host: `cargo test`, with no browser and no waiting.
//!
//! A [`Page`] runs async code with an event loop, timers and a clock of its own: time passes as fast as the test can run.
//! WebSockets that the code opens lead to a [`Server`] in the test. The server accepts or refuses, receives and sends, and ends
//! connections in every way in which real connections end. A seed decides what the standard leaves open, such as the order of
//! independent events: the same seed gives the same run.
//!
//! The simulated socket behaves as browsers do in the cases of `tests/cases.md`; the crate's own tests check that. There is no
//! JavaScript: `spawn_local` and the functions of `web_sys` and `js_sys` panic on the host, and `as_raw` and `next_raw` return
//! `undefined`. Let code take a function that spawns: `spawn_local` in a browser, [`Page::spawn`] in a test.
//!
//! # Examples
//!
//! ```
//! use wasm_websocket::testing::Page;
//! use wasm_websocket::{Error, WebSocketStream};
//!
//! /// The code to test.
//! async fn greet(name: &str) -> Result<(), Error> {
//!     let mut stream = WebSocketStream::connect("wss://example.com/chat").await?;
//!     stream.send(format!("hello, {name}")).await?;
//!     Ok(())
//! }
//!
//! let page = Page::new();
//! let server = page.server("wss://example.com/chat");
//! page.run(async {
//!     let (greeted, mut peer) = futures_util::join!(greet("Ada"), server.accept());
//!     greeted?;
//!     assert_eq!(peer.receive().await, Some("hello, Ada".into()));
//!     Ok::<(), Error>(())
//! })?;
//! # Ok::<(), Error>(())
//! ```

use std::fmt;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::time::Duration;

use crate::sys::Timer;
use crate::sys::simulation::page::{self, PageEvent};
use crate::sys::simulation::server::{self, Listening, Reading};
use crate::sys::simulation::wire::{Frame, Wire};
use crate::sys::simulation::world;
use crate::{Blob, Message, ReadyState};

pub use crate::sys::simulation::page::Engine;
pub use crate::sys::simulation::wire::Network;

/// A simulated page and the world around it.
///
/// A clone is another handle of the same page.
///
/// # Examples
///
/// ```
/// use wasm_websocket::testing::Page;
/// use wasm_websocket::{Error, WebSocketStream};
///
/// let page = Page::new();
/// let _silent = page.server("wss://example.com/chat"); // answers no handshake
/// let connected = page.run(async { WebSocketStream::connect("wss://example.com/chat").await });
/// assert!(matches!(connected, Err(Error::ConnectTimeout { .. })));
/// assert_eq!(page.elapsed().as_secs(), 20); // for the page; the test itself does not wait
/// ```
#[derive(Clone)]
pub struct Page(Rc<page::Page>);

impl Page {
    /// Opens a visible page in an engine like Chromium's, on a fast network, with seed 0.
    pub fn new() -> Self {
        Self::with_seed(0)
    }

    /// Opens a page with another seed: delays differ, and so does the order of independent events.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_websocket::WebSocketStream;
    /// use wasm_websocket::testing::Page;
    ///
    /// for seed in 0..20 {
    ///     let page = Page::with_seed(seed); // the two connections open in either order
    ///     page.serve("wss://example.com/", async |handshake| {
    ///         if let Some(mut peer) = handshake.accept() { peer.drain().await }
    ///     });
    ///     page.run(async {
    ///         let connect = |path: &str| WebSocketStream::connect(&format!("wss://example.com/{path}"));
    ///         let (chat, feed) = futures_util::join!(connect("chat"), connect("feed"));
    ///         assert!(chat.is_ok() && feed.is_ok(), "with seed {seed}");
    ///     });
    /// }
    /// ```
    pub fn with_seed(seed: u64) -> Self {
        Self(page::Page::new(seed))
    }

    /// Sets the engine that the page behaves like, where engines differ.
    pub fn engine(self, engine: Engine) -> Self {
        self.0.engine.set(engine);
        self
    }

    /// Sets how long a [`run`](Self::run) may take, in the page's time. Default: 31 days.
    ///
    /// # Examples
    ///
    /// ```should_panic
    /// use std::time::Duration;
    ///
    /// use wasm_websocket::testing::Page;
    /// use wasm_websocket::{ReconnectOptions, Reconnecting};
    ///
    /// let page = Page::new().time_limit(Duration::from_secs(3600));
    /// page.run(async {
    ///     // No server listens at this URL, so each attempt fails. By default, the test would simulate 31 days of attempts.
    ///     let feed = Reconnecting::new(ReconnectOptions::new(), async || Ok("wss://example.com/fed"));
    ///     feed.closed().await
    /// });
    /// ```
    pub fn time_limit(self, limit: Duration) -> Self {
        self.0.time_limit.set(limit);
        self
    }

    /// Sets the network of connections that are opened from now on.
    pub fn set_network(&self, network: Network) {
        self.0.servers.network.set(network);
    }

    /// Runs a future until it resolves, and with it the rest of the page, servers and networks.
    ///
    /// Spawned tasks, servers and connections end with the run: another run needs new ones. Outside of a run there is
    /// no `WebSocket`: connecting fails with [`Error::Unsupported`](crate::Error::Unsupported).
    ///
    /// # Panics
    ///
    /// Panics if nothing can wake the future any more, if two million other events do not wake it, if it does not resolve within
    /// the [time limit](Self::time_limit), or if the page runs two million tasks in a row without a wait. In a browser, such a page
    /// hangs. A panic in a task or a server of the test, such as a failed assertion, goes on through `run`.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.0.run(future)
    }

    /// Spawns a task in the page. It runs while [`run`](Self::run) runs.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.0.executor.spawn(future);
    }

    /// Serves each connection to `url` by a future. URLs are matched as by [`server`](Self::server).
    ///
    /// The futures run outside of the page: also while the page is [frozen](Self::freeze) or [busy](Self::block).
    ///
    /// # Panics
    ///
    /// Panics if `url` is not a WebSocket URL.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_websocket::testing::Page;
    /// use wasm_websocket::{Error, WebSocketStream};
    ///
    /// let page = Page::new();
    /// page.serve("wss://example.com/echo", async |handshake| {
    ///     let Some(mut peer) = handshake.accept() else { return };
    ///     while let Some(message) = peer.receive().await {
    ///         peer.send(message);
    ///     }
    /// });
    /// page.run(async {
    ///     let mut stream = WebSocketStream::connect("wss://example.com/echo").await?;
    ///     stream.send("hello").await?;
    ///     Ok::<(), Error>(())
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn serve(&self, url: &str, behave: impl AsyncFn(Handshake) + 'static) {
        let (page, server, behave) = (Rc::downgrade(&self.0), self.server(url), Rc::new(behave));
        self.0.world.spawn(async move {
            loop {
                let (handshake, behave) = (server.handshake().await, Rc::clone(&behave));
                let Some(page) = page.upgrade() else { return };
                page.world.spawn(async move { behave(handshake).await });
            }
        });
    }

    /// Listens for connections to `url`, in every spelling that is the same URL for browsers: `https://Example.com:443/chat` is
    /// `wss://example.com/chat`.
    ///
    /// - A URL without a query matches every query. A URL with a query matches only this query.
    /// - A URL that ends with `/` matches all URLs below it. So does `wss://example.com`, which is `wss://example.com/`.
    /// - A relative URL, such as `/chat`, is resolved as in the page, whose own URL is `http://127.0.0.1/`.
    ///
    /// The longest URL that matches is chosen, and a second server at one URL replaces the first. Connections to a URL at which
    /// no server listens are refused.
    ///
    /// # Panics
    ///
    /// Panics if `url` is [not a WebSocket URL](crate::Error::InvalidUrl): no page can connect to it.
    #[track_caller]
    pub fn server(&self, url: &str) -> Server {
        Server { listening: self.0.listen(url) }
    }

    /// Resolves after `delay`, even if the page is hidden or frozen, or its timers are held: for the test itself.
    pub fn sleep(&self, delay: Duration) -> impl Future<Output = ()> + use<> {
        world::sleep(&self.0, delay)
    }

    /// Resolves after `delay` as a timer of the page does: for the code under test, in place of its `setTimeout`.
    ///
    /// It is late while the page is hidden, does not resolve while the page is frozen or its timers are [held](Self::hold_timers),
    /// and counts in [`Leftovers::timers`]. The time begins when the future is first polled, in [`run`](Self::run) or a
    /// [spawned](Self::spawn) task.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures_util::join;
    /// use wasm_websocket::testing::Page;
    ///
    /// /// The code to test gives up after five seconds.
    /// async fn give_up(page: &Page) {
    ///     page.timeout(Duration::from_secs(5)).await; // in a browser, a timer of gloo-timers
    /// }
    ///
    /// let page = Page::new();
    /// page.run(async {
    ///     let frozen = async {
    ///         page.freeze();
    ///         page.sleep(Duration::from_secs(60)).await;
    ///         page.resume();
    ///     };
    ///     join!(give_up(&page), frozen);
    /// });
    /// assert!(page.elapsed() >= Duration::from_secs(60)); // it has given up only after the page was resumed
    /// ```
    pub fn timeout(&self, delay: Duration) -> impl Future<Output = ()> + use<> {
        async move { Timer::new(delay).await }
    }

    /// Blocks the page's event loop for `time`: events and timers that are due wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use wasm_websocket::reconnect::{Heartbeat, State};
    /// use wasm_websocket::testing::Page;
    /// use wasm_websocket::{ReconnectOptions, Reconnecting};
    ///
    /// let page = Page::new();
    /// page.serve("wss://example.com/feed", async |handshake| {
    ///     let Some(mut peer) = handshake.accept() else { return };
    ///     while peer.receive().await.is_some() { peer.send("pong") }
    /// });
    /// page.run(async {
    ///     let heartbeat = Heartbeat::new("ping", |message| message.as_text() == Some("pong"));
    ///     let options = ReconnectOptions::new().heartbeat(heartbeat);
    ///     let feed = Reconnecting::new(options, async || Ok("wss://example.com/feed"));
    ///     page.sleep(Duration::from_secs(25)).await; // now a ping is sent
    ///     page.block(Duration::from_secs(60)); // a long computation: when this returns, a minute has passed
    ///     page.sleep(Duration::from_secs(1)).await;
    ///     assert_eq!(feed.state(), State::Open); // the server does not count as dead
    /// });
    /// ```
    pub fn block(&self, time: Duration) {
        self.0.block(time);
    }

    /// Returns the time since the page was opened. It includes the [delay](Network::delay) of the network.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Sets the clock of the device forward by `milliseconds`, or back if negative.
    ///
    /// A [`Reconnecting`](crate::Reconnecting) measures backoff and heartbeat by this clock. Timers and [`elapsed`](Self::elapsed)
    /// do not follow it.
    pub fn set_clock(&self, milliseconds: i64) {
        self.0.set_clock(milliseconds);
    }

    /// Hides the page, as behind another tab: timers fire at most once a second.
    pub fn hide(&self) {
        self.0.set_hidden(true);
    }

    /// Shows the page again, and fires `visibilitychange`.
    pub fn show(&self) {
        self.0.set_hidden(false);
    }

    /// Holds timers back, or releases them, to test that nothing waits for a timer.
    pub fn hold_timers(&self, hold: bool) {
        self.0.set_held(hold);
    }

    /// Freezes the page: no event is delivered and no timer fires before [`resume`](Self::resume). The future of [`run`](Self::run)
    /// and [spawned](Self::spawn) tasks continue when [`sleep`](Self::sleep) or a peer wakes them.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::testing::Page;
    /// use wasm_websocket::{Error, WebSocketStream};
    ///
    /// let page = Page::new();
    /// let server = page.server("wss://example.com/feed");
    /// page.run(async {
    ///     let feed = WebSocketStream::connect("wss://example.com/feed");
    ///     let (feed, mut peer) = futures_util::join!(feed, server.accept());
    ///     let mut feed = feed?;
    ///     page.freeze(); // as a phone does with a tab in the background
    ///     peer.send("news");
    ///     page.sleep(Duration::from_secs(3600)).await;
    ///     page.resume();
    ///     assert_eq!(feed.try_next().await?, Some("news".into())); // nothing was lost
    ///     Ok::<(), Error>(())
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn freeze(&self) {
        self.0.set_frozen(true);
    }

    /// Resumes a frozen page. Overdue timers may fire before events that have arrived meanwhile.
    pub fn resume(&self) {
        self.0.set_frozen(false);
    }

    /// Resumes a frozen page whose connections have ended, as Chromium 149 and newer do when a frozen tab is shown, or when a
    /// page comes back from the browser's cache. Each connection delivers at most one more message, and then `error` and `close`
    /// with 1006.
    ///
    /// The page is shown first if it is hidden, and [restored](Self::restore) otherwise. The server receives 1001 when the
    /// connection ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use wasm_websocket::testing::Page;
    /// use wasm_websocket::{Error, ReconnectOptions, Reconnecting};
    ///
    /// let page = Page::new();
    /// let server = page.server("wss://example.com/feed");
    /// page.run(async {
    ///     let feed = Reconnecting::new(ReconnectOptions::new(), async || Ok("wss://example.com/feed"));
    ///     let _first = server.accept().await;
    ///     page.freeze();
    ///     page.sleep(Duration::from_secs(3600)).await;
    ///     page.resume_without_connections(); // a user comes back to a tab that was frozen for an hour
    ///     let back = page.elapsed();
    ///     let mut second = server.accept().await;
    ///     assert!(page.elapsed() - back < Duration::from_secs(1)); // the app need not wait for its backoff
    ///     feed.send("hello").await?;
    ///     assert_eq!(second.receive().await, Some("hello".into()));
    ///     Ok::<(), Error>(())
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn resume_without_connections(&self) {
        self.0.end_connections();
        self.0.set_frozen(false);
        if self.0.is_hidden() { self.show() } else { self.restore() }
    }

    /// Disconnects the page from the network: new connections fail, and on open connections nothing leaves either end until the
    /// page [comes online](Self::come_online).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use wasm_websocket::reconnect::State;
    /// use wasm_websocket::testing::Page;
    /// use wasm_websocket::{ReconnectOptions, Reconnecting};
    ///
    /// let page = Page::new();
    /// page.serve("wss://example.com/feed", async |handshake| {
    ///     if let Some(mut peer) = handshake.accept() { peer.drain().await }
    /// });
    /// page.run(async {
    ///     page.go_offline(); // in a tunnel
    ///     let feed = Reconnecting::new(ReconnectOptions::new(), async || Ok("wss://example.com/feed"));
    ///     page.sleep(Duration::from_secs(600)).await;
    ///     assert_ne!(feed.state(), State::Open);
    ///     page.come_online();
    ///     page.sleep(Duration::from_secs(1)).await; // it does not wait for the next attempt
    ///     assert_eq!(feed.state(), State::Open);
    /// });
    /// ```
    pub fn go_offline(&self) {
        self.0.is_offline.set(true);
    }

    /// Reconnects the page to the network and fires `online`.
    pub fn come_online(&self) {
        self.0.come_online();
    }

    /// Fires `pageshow`, as when the page comes back from the browser's cache.
    pub fn restore(&self) {
        self.0.emit(PageEvent::Restored);
    }

    /// Limits memory: a message of more than `bytes` fails with [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::testing::Page;
    /// use wasm_websocket::{Error, WebSocketStream};
    ///
    /// let page = Page::new();
    /// let server = page.server("wss://example.com/feed");
    /// page.run(async {
    ///     let feed = WebSocketStream::connect("wss://example.com/feed");
    ///     let (feed, mut peer) = futures_util::join!(feed, server.accept());
    ///     let mut feed = feed?;
    ///     page.set_memory(1000);
    ///     peer.send([0; 2000].as_slice());
    ///     peer.send("small");
    ///     assert_eq!(feed.try_next().await, Err(Error::OutOfMemory(2000)));
    ///     assert_eq!(feed.try_next().await, Ok(Some("small".into()))); // the app can go on
    ///     Ok::<(), Error>(())
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn set_memory(&self, bytes: u64) {
        self.0.memory_limit.set(bytes);
    }

    /// Makes the browser's `send` throw for messages that `throws` selects: they fail with [`Error::Thrown`](crate::Error::Thrown).
    pub fn throw_on_send(&self, throws: impl Fn(&Message) -> bool + 'static) {
        self.0.throws.replace(Some(Rc::new(throws)));
    }

    /// Returns the number of bytes that the page has sent and that have not left it, over all connections.
    ///
    /// Unlike `buffered_amount`, the number is right after the end, too: bytes that were unsent when a connection ended count for
    /// ever.
    pub fn unsent(&self) -> u64 {
        self.0.unsent.get()
    }

    /// Returns counts of the objects that are left in the page. All counts are 0 when every handle was dropped and every connection
    /// has ended.
    pub fn leftovers(&self) -> Leftovers {
        Leftovers {
            listeners: self.0.live_listeners.get() + self.0.listeners.borrow().len(),
            sockets: self.0.sockets.borrow().len(),
            tasks: self.0.executor.len(),
            timers: self.0.timeouts(),
        }
    }

    /// Returns the states of all sockets that are not closed, the oldest first, even if their handles were dropped.
    pub fn sockets(&self) -> Vec<ReadyState> {
        self.0.sockets.borrow().values().map(|socket| socket.ready_state()).collect()
    }

    /// Returns the number of polls of tasks, to test that nothing is polled in vain.
    pub fn polls(&self) -> u64 {
        self.0.executor.polls()
    }

    /// Returns the number of turns that the event loop has made.
    pub fn turns(&self) -> u64 {
        self.0.tasks_run()
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("elapsed", &self.elapsed()).finish_non_exhaustive()
    }
}

/// The objects that are left in a page: what [`Page::leftovers`] returns.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wasm_websocket::testing::{Leftovers, Page};
/// use wasm_websocket::{Error, WebSocketStream};
///
/// /// The code to test: does it clean up?
/// async fn greet(url: &str) -> Result<(), Error> {
///     let mut stream = WebSocketStream::connect(url).await?;
///     Ok(stream.send("hello").await.map_err(Error::from)?)
/// }
///
/// let page = Page::new();
/// page.serve("wss://example.com/chat", async |handshake| {
///     if let Some(mut peer) = handshake.accept() { while peer.receive().await.is_some() {} }
/// });
/// page.run(async {
///     greet("wss://example.com/chat").await?;
///     page.sleep(Duration::from_secs(1)).await; // for the closing handshake
///     assert_eq!(page.leftovers(), Leftovers::default());
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// The number of listeners, of sockets and of the page.
    pub listeners: usize,
    /// The number of sockets that are not closed.
    pub sockets: usize,
    /// The number of spawned tasks that have not ended.
    pub tasks: usize,
    /// The number of timeouts that are set.
    pub timers: usize,
}

/// A server at one URL. Connections are refused when it is dropped.
///
/// # Examples
///
/// ```
/// use wasm_websocket::testing::Page;
/// use wasm_websocket::{Error, ReconnectOptions, Reconnecting};
///
/// let page = Page::new();
/// let server = page.server("wss://example.com/chat");
/// page.run(async {
///     let chat = Reconnecting::new(ReconnectOptions::new(), async || Ok("wss://example.com/chat"));
///     chat.send("hello").await?;
///     server.handshake().await.refuse(); // as a server that is restarting
///     let mut peer = server.accept().await; // the app has tried again
///     assert_eq!(peer.receive().await, Some("hello".into()));
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub struct Server {
    listening: Rc<Listening>,
}

impl Server {
    /// Waits for the next connection, and accepts it without a subprotocol. If the page has given the connection up, skips it, or
    /// returns a peer whose connection ends.
    pub async fn accept(&self) -> Peer {
        loop {
            if let Some(peer) = self.handshake().await.accept() {
                return peer;
            }
        }
    }

    /// Waits for the next handshake, to accept or to refuse it. Dropping the future loses no handshake: in a `select` with
    /// [`Page::sleep`], it shows that nobody connects.
    pub async fn handshake(&self) -> Handshake {
        Handshake(self.listening.next().await)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

/// A handshake that the server has not answered yet. Dropping it refuses the connection.
///
/// # Examples
///
/// ```
/// use wasm_websocket::WebSocketStream;
/// use wasm_websocket::testing::Page;
///
/// let page = Page::new();
/// page.serve("wss://example.com/chat", async |handshake| {
///     if !handshake.url().ends_with("?token=right") {
///         return handshake.refuse();
///     }
///     let Some(mut peer) = handshake.accept() else { return };
///     peer.drain().await;
/// });
/// page.run(async {
///     assert!(WebSocketStream::connect("wss://example.com/chat?token=wrong").await.is_err());
///     assert!(WebSocketStream::connect("wss://example.com/chat?token=right").await.is_ok());
/// });
/// ```
pub struct Handshake(server::Handshake);

impl Handshake {
    /// Returns the URL with its query, as browsers normalise it: `wss://example.com/` for `https://example.com`.
    pub fn url(&self) -> &str {
        self.0.url()
    }

    /// Returns the subprotocols that the page offers.
    pub fn protocols(&self) -> &[String] {
        self.0.protocols()
    }

    /// Accepts the connection, without a subprotocol. If the page has given it up, returns `None`, or a peer whose connection [has
    /// ended](Peer::is_ended).
    pub fn accept(self) -> Option<Peer> {
        self.0.accept(None).map(Peer::new)
    }

    /// Accepts the connection and selects a subprotocol. If the page has given it up, returns `None`, or a peer whose connection
    /// [has ended](Peer::is_ended).
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_websocket::testing::Page;
    /// use wasm_websocket::{Error, Options};
    ///
    /// let page = Page::new();
    /// page.serve("wss://example.com/chat", async |handshake| {
    ///     assert_eq!(handshake.protocols(), ["chat.v2", "chat.v1"]);
    ///     let Some(mut peer) = handshake.accept_with("chat.v1") else { return }; // an old server
    ///     peer.drain().await;
    /// });
    /// page.run(async {
    ///     let options = Options::new().protocols(["chat.v2", "chat.v1"]);
    ///     let chat = options.connect("wss://example.com/chat").await?;
    ///     assert_eq!(chat.protocol(), "chat.v1"); // the app must not send what is new in v2
    ///     Ok::<(), Error>(())
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn accept_with(self, protocol: &str) -> Option<Peer> {
        self.0.accept(Some(protocol.to_owned())).map(Peer::new)
    }

    /// Refuses the connection. The page cannot tell why.
    pub fn refuse(self) {}
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("url", &self.url()).finish_non_exhaustive()
    }
}

/// The server's end of a connection.
///
/// Dropping it ends the connection; what was sent before still arrives. If a Close frame was sent, by [`close`](Self::close),
/// [`close_with`](Self::close_with) or [`receive`](Self::receive), the page sees a clean end, otherwise a lost connection.
///
/// # Examples
///
/// ```
/// use futures_util::StreamExt;
/// use wasm_websocket::testing::Page;
/// use wasm_websocket::{Error, WebSocketStream};
///
/// /// The code to test: shows why a chat has ended.
/// async fn end_of(mut chat: WebSocketStream) -> String {
///     while chat.next().await.is_some() {}
///     chat.close_event().map(|event| event.to_string()).unwrap_or_default()
/// }
///
/// let page = Page::new();
/// let server = page.server("wss://example.com/chat");
/// page.run(async {
///     let chat = WebSocketStream::connect("wss://example.com/chat");
///     let (chat, mut peer) = futures_util::join!(chat, server.accept());
///     peer.send("welcome");
///     peer.close_with(1012, "back in a minute");
///     assert_eq!(end_of(chat?).await, "1012 (service restart): back in a minute");
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub struct Peer {
    wire: Rc<Wire>,
    closed_with: Option<(u16, String)>,
}

impl Peer {
    fn new(wire: Rc<Wire>) -> Self {
        Self { wire, closed_with: None }
    }

    /// Receives the next message; `None` when the connection has ended.
    ///
    /// It answers the page's Close frame. While the server does not receive, that frame is not answered, and bytes that do not
    /// fit into the sockets stay buffered in the page. Dropping this future before it resolves loses no message.
    pub async fn receive(&mut self) -> Option<Message> {
        match self.next().await? {
            Frame::Text(text) => Some(Message::from(&*text)),
            Frame::Binary(bytes) => Some(Message::from(bytes.as_slice())),
            Frame::Close(close) => {
                self.closed_with = Some(close.clone().unwrap_or((1005, String::new())));
                self.wire.answer_close(close);
                None
            }
            // Nothing else waits.
            Frame::Ping | Frame::Pong | Frame::Raw(_) => None,
        }
    }

    async fn next(&self) -> Option<Frame> {
        let reading = Reading(&self.wire.inbox);
        poll_fn(|context| {
            let next = reading.poll_next(context);
            self.wire.resume();
            next
        })
        .await
    }

    /// Receives and ignores everything, including Close frames, until the connection has ended.
    ///
    /// No Close frame is answered, so a page that closes waits for its timeout, and the connection ends when the browser gives up,
    /// after 60 seconds, or 20 in Firefox. To answer, call [`receive`](Self::receive) until it returns `None`.
    pub async fn drain(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Waits until a frame or a part of it has arrived, or the connection has ended. It takes nothing.
    pub async fn readable(&mut self) {
        poll_fn(|context| self.wire.inbox.poll_begun(context)).await;
    }

    /// Returns the code and the reason of the page's Close frame, once [`receive`](Self::receive) has received it. The code is 1005
    /// if the frame has none.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_websocket::testing::Page;
    /// use wasm_websocket::{Error, WebSocketStream};
    ///
    /// let page = Page::new();
    /// let server = page.server("wss://example.com/game");
    /// page.run(async {
    ///     let game = WebSocketStream::connect("wss://example.com/game");
    ///     let (game, mut peer) = futures_util::join!(game, server.accept());
    ///     let game = game?;
    ///     let (closed, received) = futures_util::join!(game.close_with(4000, "gave up"), peer.receive());
    ///     assert_eq!(received, None);
    ///     assert_eq!(peer.closed_with(), Some((4000, "gave up"))); // what the server learns
    ///     assert!(closed?.was_clean);
    ///     Ok::<(), Error>(())
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn closed_with(&self) -> Option<(u16, &str)> {
        self.closed_with.as_ref().map(|(code, reason)| (*code, reason.as_str()))
    }

    /// Sends a ping, and waits for the browser's pong. Takes no message. Returns false if the connection ends before that.
    pub async fn ping(&mut self) -> bool {
        self.wire.send_down(Frame::Ping);
        poll_fn(|context| self.wire.inbox.poll_pong(context)).await
    }

    /// Sends bytes as they are, such as frames that break the protocol.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.wire.send_down(Frame::Raw(bytes.into()));
    }

    /// Sends a message; does nothing if the connection has ended or a Close frame was sent. The server's buffer has no limit.
    pub fn send(&mut self, message: impl Into<Message>) {
        self.wire.send_down(match message.into() {
            Message::Text(text) => Frame::Text(text.into()),
            Message::Binary(bytes) => Frame::Binary(bytes.as_slice().into()),
            Message::Blob(blob) => Frame::Binary(blob.shared().clone()),
        });
    }

    /// Begins to close the connection without a code. What was sent before goes out first.
    pub fn close(&mut self) {
        self.wire.send_down(Frame::Close(None));
    }

    /// Begins to close the connection with any code, such as 1012.
    pub fn close_with(&mut self, code: u16, reason: &str) {
        self.wire.send_down(Frame::Close(Some((code, reason.to_owned()))));
    }

    /// Resets the connection, as when the server's process is killed. The page learns of it after the delay of the network.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::testing::Page;
    /// use wasm_websocket::{Error, WebSocketStream};
    ///
    /// let page = Page::new();
    /// let server = page.server("wss://example.com/chat");
    /// page.run(async {
    ///     let chat = WebSocketStream::connect("wss://example.com/chat");
    ///     let (chat, peer) = futures_util::join!(chat, server.accept());
    ///     let mut chat = chat?;
    ///     peer.reset();
    ///     assert!(matches!(chat.try_next().await, Err(Error::Unclean(event)) if event.code == 1006));
    ///     Ok::<(), Error>(())
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn reset(self) {
        self.wire.break_off(false);
    }

    /// Stops or resumes reading. While the server does not read, the network takes only what fits into the sockets, and
    /// [`receive`](Self::receive) and [`drain`](Self::drain) wait, even if messages have arrived.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_websocket::testing::Page;
    /// use wasm_websocket::{Error, WebSocketStream};
    ///
    /// let page = Page::new();
    /// let server = page.server("wss://example.com/upload");
    /// page.run(async {
    ///     let upload = WebSocketStream::connect("wss://example.com/upload");
    ///     let (upload, mut peer) = futures_util::join!(upload, server.accept());
    ///     let upload = upload?;
    ///     peer.set_stalled(true); // a server that is overloaded
    ///     let sent = (0..100).take_while(|_| upload.try_send(vec![0; 64 << 10]).is_ok()).count();
    ///     assert!(sent < 100); // the page has to wait, instead of filling the browser's memory
    ///     Ok::<(), Error>(())
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn set_stalled(&mut self, stalled: bool) {
        self.wire.inbox.set_stalled(stalled);
        self.wire.resume();
    }

    /// Drops everything from now on, in both directions, without an event: a half-open connection.
    ///
    /// Bytes in flight are lost, too: for what was sent to arrive, wait with [`Page::sleep`] first. A later close or
    /// [`reset`](Self::reset), or dropping the peer, does not reach the page.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::reconnect::Heartbeat;
    /// use wasm_websocket::testing::Page;
    /// use wasm_websocket::{Error, ReconnectOptions, Reconnecting};
    ///
    /// let page = Page::new();
    /// let server = page.server("wss://example.com/feed");
    /// page.run(async {
    ///     let heartbeat = Heartbeat::new("ping", |message| message.as_text() == Some("pong"));
    ///     let options = ReconnectOptions::new().heartbeat(heartbeat);
    ///     let mut feed = Reconnecting::new(options, async || Ok("wss://example.com/feed"));
    ///     let mut peer = server.accept().await;
    ///     peer.vanish(); // as when a router restarts: neither end is told
    ///     let mut peer = server.accept().await; // the heartbeat has found out
    ///     peer.send("news");
    ///     assert_eq!(feed.try_next().await?, Some("news".into()));
    ///     Ok::<(), Error>(())
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn vanish(&mut self) {
        self.wire.fall_silent();
    }

    /// Changes the network of this connection.
    pub fn set_network(&mut self, network: Network) {
        self.wire.network.set(network);
        self.wire.resume();
    }

    /// Returns the number of bytes that were sent and have not left the server.
    pub fn unsent(&self) -> u64 {
        self.wire.peer_unsent()
    }

    /// Returns whether the connection has ended.
    pub fn is_ended(&self) -> bool {
        self.wire.is_ended()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if self.wire.is_closing() {
            // The closing comes to its end, whatever the page has sent before its answer.
            self.wire.inbox.abandon();
            self.wire.resume();
        } else {
            self.wire.break_off(true);
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("is_ended", &self.is_ended()).finish_non_exhaustive()
    }
}

/// Returns a Blob that cannot be read, such as one of a file that was removed.
///
/// # Examples
///
/// ```
/// use wasm_websocket::Error;
/// use wasm_websocket::testing::{Page, unreadable_blob};
///
/// let file = unreadable_blob(100); // the user has deleted it after choosing it
/// let read = Page::new().run(file.bytes());
/// assert!(matches!(read, Err(Error::UnreadableBlob(_))));
/// ```
pub fn unreadable_blob(len: usize) -> Blob {
    Blob::unreadable(&vec![0; len])
}

//! A simulated page, for tests of your own code on the host: `cargo test`, with no browser and no waiting.
//!
//! A [`Page`] runs async code with an event loop, timers and a clock of its own: time passes as fast as the test can run.
//! WebSockets that this code opens lead to a [`Server`] of the test, which accepts or refuses, receives and sends, and ends
//! connections in every way in which real ones end. All that is left open by the standard, such as the order of independent
//! events, comes from a seed: the same seed gives the same run.
//!
//! The simulated socket behaves as browsers do, in the cases of `tests/cases.md`; the crate's own tests hold it to that.
//! JavaScript does not exist in it: `web_sys` and `js_sys` objects cannot be made on the host, and `as_raw` and `next_raw`
//! return `undefined` objects.
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

use crate::sys::simulation::page::{self, PageEvent};
use crate::sys::simulation::server::{self, Listening};
use crate::sys::simulation::wire::{Frame, Wire};
use crate::sys::simulation::world;
use crate::{Blob, Message, ReadyState};

pub use crate::sys::simulation::page::Engine;
pub use crate::sys::simulation::wire::Network;

/// A simulated page and the world around it.
///
/// A clone is one more handle of the same page.
#[derive(Clone)]
pub struct Page(Rc<page::Page>);

impl Page {
    /// A visible page in an engine like Chromium's, on a fast network, with seed 0.
    pub fn new() -> Self {
        Self::with_seed(0)
    }

    /// The same, with another seed: other delays, and another order of what is not ordered.
    pub fn with_seed(seed: u64) -> Self {
        Self(page::Page::new(seed))
    }

    /// Chooses the engine whose behaviour the page has, where engines differ.
    pub fn engine(self, engine: Engine) -> Self {
        self.0.engine.set(engine);
        self
    }

    /// Chooses what the network is like, for connections that are opened from now on.
    pub fn set_network(&self, network: Network) {
        self.0.servers.network.set(network);
    }

    /// Runs a future to its end, and everything else that happens in the page and the world meanwhile.
    ///
    /// What is still there at the end, such as spawned tasks, is dropped.
    ///
    /// # Panics
    ///
    /// Panics if the future waits and nothing can ever wake it, and if the page never comes to rest: both are bugs that a
    /// browser would show as a page that hangs.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.0.run(future)
    }

    /// Runs a future beside the one that [`run`](Self::run) runs.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.0.executor.spawn(future);
    }

    /// Serves connections to `url` by a future for each, with the rules of [`server`](Self::server) for URLs.
    ///
    /// It runs in the world: also while the page is [frozen](Self::freeze) or [busy](Self::block).
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

    /// Listens for connections to `url`, with whatever query. A URL that ends with `/` stands for all URLs below it.
    ///
    /// Connections to a URL at which no server listens are refused.
    pub fn server(&self, url: &str) -> Server {
        Server { listening: self.0.servers.listen(url) }
    }

    /// Resolves after a time, however hidden or frozen the page is.
    pub fn sleep(&self, delay: Duration) -> impl Future<Output = ()> + use<> {
        world::sleep(&self.0, delay)
    }

    /// Keeps the page busy for a time: what arrives meanwhile waits, and timers that are due, too.
    pub fn block(&self, time: Duration) {
        self.0.block(time);
    }

    /// The time since the page was opened.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Sets the clock of the device forward, or back, by milliseconds.
    pub fn set_clock(&self, milliseconds: i64) {
        self.0.set_clock(milliseconds);
    }

    /// Hides the page, as behind another tab: timers fire once a second.
    pub fn hide(&self) {
        self.0.set_hidden(true);
    }

    /// Shows the page again.
    pub fn show(&self) {
        self.0.set_hidden(false);
    }

    /// Holds timers back, or lets those fire that are due: for tests that nothing waits for a timer.
    pub fn hold_timers(&self, hold: bool) {
        self.0.set_held(hold);
    }

    /// Freezes the page: none of its tasks run before [`resume`](Self::resume).
    pub fn freeze(&self) {
        self.0.set_frozen(true);
    }

    /// Resumes a frozen page. Overdue timers may fire before the events that have arrived meanwhile.
    pub fn resume(&self) {
        self.0.set_frozen(false);
    }

    /// Ends all connections and resumes a frozen page, as Chromium 149 and newer do when a tab that was frozen is shown, or a
    /// page comes back from the browser's cache: each gets one more message at most, and then `error` and `close` with 1006.
    ///
    /// First the page is told that it is back: a hidden page is shown, and any other one is [restored](Self::restore). The
    /// server gets 1001 when the connection ends, and not before.
    pub fn resume_without_connections(&self) {
        self.0.end_connections();
        self.0.set_frozen(false);
        if self.0.is_hidden() { self.show() } else { self.restore() }
    }

    /// Takes the network from the page: connections cannot be opened, and what is sent on open ones is on its way until it
    /// [comes back](Self::come_online).
    pub fn go_offline(&self) {
        self.0.is_offline.set(true);
    }

    /// Gives the network back, and tells the page so: the event `online`.
    pub fn come_online(&self) {
        self.0.is_offline.set(false);
        self.0.tell(PageEvent::Online);
    }

    /// Tells the page that it has come back from the browser's cache: the event `pageshow`.
    pub fn restore(&self) {
        self.0.tell(PageEvent::Restored);
    }

    /// Makes a message an error, [`Error::OutOfMemory`](crate::Error::OutOfMemory), if it has more than so many bytes.
    pub fn set_memory(&self, bytes: u64) {
        self.0.memory_limit.set(bytes);
    }

    /// Makes the browser's `send` throw for some messages, [`Error::Thrown`](crate::Error::Thrown).
    pub fn throw_on_send(&self, throws: impl Fn(&Message) -> bool + 'static) {
        self.0.throws.replace(Some(Box::new(throws)));
    }

    /// The bytes that the page has sent and that have not left it, on all of its connections together.
    ///
    /// It is the truth, where `buffered_amount` is what a browser tells: what was sent on a connection that ended before
    /// it left counts for ever.
    pub fn unsent(&self) -> u64 {
        self.0.unsent.get()
    }

    /// What the page has left: all 0 when every handle was dropped and every connection has ended.
    pub fn leftovers(&self) -> Leftovers {
        Leftovers {
            listeners: self.0.live_listeners.get() + self.0.listeners.borrow().len(),
            sockets: self.0.sockets.borrow().len(),
            tasks: self.0.executor.len(),
            timers: self.0.timeouts(),
        }
    }

    /// The states of all sockets that are not closed, the oldest first: also of those whose handles have gone.
    pub fn sockets(&self) -> Vec<ReadyState> {
        self.0.sockets.borrow().values().map(|socket| socket.ready_state()).collect()
    }

    /// How often tasks were polled, for tests that nothing polls in vain.
    pub fn polls(&self) -> u64 {
        self.0.executor.polls()
    }

    /// How many turns the event loop has made.
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

/// What a page has left of connections.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Listeners, of sockets and of the page.
    pub listeners: usize,
    /// Sockets that are not closed.
    pub sockets: usize,
    /// Spawned tasks that have not ended.
    pub tasks: usize,
    /// Timeouts that are set.
    pub timers: usize,
}

/// A server at one URL. Connections are refused when it is dropped.
pub struct Server {
    listening: Rc<Listening>,
}

impl Server {
    /// Accepts the next connection, without a subprotocol. If the page has given it up meanwhile, the one after it.
    pub async fn accept(&self) -> Peer {
        loop {
            if let Some(peer) = self.handshake().await.accept() {
                return peer;
            }
        }
    }

    /// Waits for the next connection, to accept or to refuse it.
    pub async fn handshake(&self) -> Handshake {
        Handshake(self.listening.next().await)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

/// A connection that the server has not answered yet. Dropping it refuses the connection.
pub struct Handshake(server::Handshake);

impl Handshake {
    /// The URL, with its query.
    pub fn url(&self) -> &str {
        self.0.url()
    }

    /// The subprotocols that the page offers.
    pub fn protocols(&self) -> &[String] {
        self.0.protocols()
    }

    /// Accepts the connection, without a subprotocol. `None` if the page has gone.
    pub fn accept(self) -> Option<Peer> {
        self.0.accept(None).map(Peer::new)
    }

    /// Accepts the connection and selects a subprotocol. `None` if the page has gone.
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

/// The server's end of a connection. Dropping it ends the connection without a Close frame, unless it has sent one.
pub struct Peer {
    wire: Rc<Wire>,
    closed_with: Option<(u16, String)>,
}

impl Peer {
    fn new(wire: Rc<Wire>) -> Self {
        Self { wire, closed_with: None }
    }

    /// The next message, or `None` when the connection has ended.
    ///
    /// A Close frame of the page is answered when it is its turn. As long as nobody receives, it is not answered, and
    /// what does not fit into the sockets stays with the page.
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
        poll_fn(|context| {
            let next = self.wire.inbox.poll_next(context);
            self.wire.resume();
            next
        })
        .await
    }

    /// Receives and ignores everything, Close frames too, until the connection has ended.
    pub async fn drain(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Waits until something has arrived, even a part of a message, or the connection has ended. It takes nothing.
    pub async fn readable(&mut self) {
        poll_fn(|context| self.wire.inbox.poll_begun(context)).await;
    }

    /// The code and the reason of the page's Close frame, once [`receive`](Self::receive) has come to it. Without a code it is
    /// 1005.
    pub fn closed_with(&self) -> Option<(u16, &str)> {
        self.closed_with.as_ref().map(|(code, reason)| (*code, reason.as_str()))
    }

    /// Sends a ping, and waits for the answer, which browsers give by themselves. False if the connection ends before that.
    pub async fn ping(&mut self) -> bool {
        self.wire.send_down(Frame::Ping);
        poll_fn(|context| self.wire.inbox.poll_pong(context)).await
    }

    /// Sends bytes as they are, such as frames that break the protocol.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.wire.send_down(Frame::Raw(bytes.into()));
    }

    /// Sends a message. What the network does not take waits without a limit.
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

    /// Breaks the connection off at once, as a process that is killed.
    pub fn reset(self) {
        self.wire.break_off(false);
    }

    /// Reads nothing, or goes on reading. A peer that does not read takes only what fits into the sockets.
    pub fn set_stalled(&mut self, stalled: bool) {
        self.wire.inbox.set_stalled(stalled);
        self.wire.resume();
    }

    /// Lets nothing through from now on, in both directions, without telling the page: a network that is gone.
    pub fn vanish(&mut self) {
        self.wire.fall_silent();
    }

    /// Changes what the network of this connection is like.
    pub fn set_network(&mut self, network: Network) {
        self.wire.network.set(network);
        self.wire.resume();
    }

    /// The bytes that were sent and have not left yet.
    pub fn unsent(&self) -> u64 {
        self.wire.peer_unsent()
    }

    /// Whether the connection has ended.
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

/// A Blob that cannot be read, such as one for a file that was removed.
pub fn unreadable_blob(len: usize) -> Blob {
    Blob::unreadable(&vec![0; len])
}

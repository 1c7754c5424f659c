//! A connection between the browser's socket and a peer: frames, bandwidth, delay and faults of the network.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::bytes::Bytes;
use super::frames::{Read, Reader};
use super::page::{Engine, Page};
use super::server::Inbox;
use super::socket::Inner;

/// A network.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wasm_websocket::testing::{Network, Page};
/// use wasm_websocket::{Error, WebSocketStream};
///
/// let page = Page::new();
/// let phone = Network { bandwidth: 20_000, delay: Duration::from_millis(300), ..Network::default() };
/// page.set_network(phone); // for connections from now on
/// page.serve("wss://example.com/upload", async |handshake| {
///     if let Some(mut peer) = handshake.accept() { peer.drain().await }
/// });
/// page.run(async {
///     let mut upload = WebSocketStream::connect("wss://example.com/upload").await?;
///     upload.send(vec![0; 200_000]).await?;
///     upload.flush().await?;
///     assert!(page.elapsed() > Duration::from_secs(10));
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// Bytes of messages per second, each way; handshakes and the headers of frames take no time. Default: 12,500,000.
    pub bandwidth: u64,
    /// The latency of each byte. Default: 5 milliseconds.
    pub delay: Duration,
    /// The number of bytes that TCP buffers for a peer that does not read. Default: 128 KiB.
    pub window: u64,
}

impl Default for Network {
    fn default() -> Self {
        Self { bandwidth: 12_500_000, delay: Duration::from_millis(5), window: 128 << 10 }
    }
}

/// The code and the reason of a Close frame, if it has any.
pub type Close = Option<(u16, String)>;

/// A frame.
#[derive(Clone)]
pub enum Frame {
    Text(Rc<str>),
    Binary(Bytes),
    Close(Close),
    Ping,
    Pong,
    /// Raw bytes of the peer.
    Raw(Bytes),
}

impl Frame {
    /// Returns the number of payload bytes. Browsers count only these as buffered.
    pub fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Binary(bytes) => bytes.len(),
            Self::Close(_) | Self::Ping | Self::Pong | Self::Raw(_) => 0,
        }
    }
}

/// Ends a connection.
type End = fn(&Rc<Wire>);

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    /// From the page to the peer.
    Up,
    Down,
}

/// One direction of a connection.
#[derive(Default)]
struct Pipe {
    /// The frames that are not completely on the wire.
    waiting: VecDeque<Frame>,
    /// The number of remaining bytes of the first of these frames.
    left: u64,
    unsent: u64,
    /// Whether a message counts as unsent until all of it is on the wire, as in Firefox and over streams.
    counts_whole: bool,
    is_pumping: bool,
    last_arrival: Duration,
}

impl Pipe {
    fn push(&mut self, frame: Frame) {
        if self.waiting.is_empty() {
            self.left = frame.len();
        }
        self.unsent += frame.len();
        self.waiting.push_back(frame);
    }

    /// Puts up to `budget` bytes on the wire. Returns the frames that are complete, and the number of bytes.
    fn take(&mut self, mut budget: u64) -> (Vec<Frame>, u64) {
        let (mut complete, before) = (Vec::new(), self.unsent);
        while let Some(frame) = self.waiting.front() {
            let taken = self.left.min(budget);
            self.left -= taken;
            self.unsent -= taken;
            budget -= taken;
            // A frame has a header: without budget not even an empty frame goes out.
            if self.left > 0 || (budget == 0 && taken == 0 && frame.len() == 0) {
                break;
            }
            complete.extend(self.waiting.pop_front());
            self.left = self.waiting.front().map_or(0, Frame::len);
        }
        (complete, before - self.unsent)
    }

    /// Returns the number of bytes that the browser counts as unsent.
    fn counted(&self) -> u64 {
        let begun = self.waiting.front().filter(|_| self.counts_whole).map_or(0, |frame| frame.len() - self.left);
        self.unsent + begun
    }

    fn clear(&mut self) {
        self.waiting.clear();
        (self.left, self.unsent) = (0, 0);
    }
}

/// A connection, shared by its two ends.
pub struct Wire {
    page: Weak<Page>,
    pub network: Cell<Network>,
    up: RefCell<Pipe>,
    down: RefCell<Pipe>,
    client: Weak<Inner>,
    pub inbox: Inbox,
    /// Whether the connection is half-open: nothing goes through, and neither end knows.
    is_silent: Cell<bool>,
    /// Whether each end knows that the connection has ended.
    is_ended: Cell<bool>,
    /// Whether the page has sent a Close frame, and the Close frame that the peer has sent.
    page_closed: Cell<bool>,
    peer_closed: RefCell<Option<Close>>,
    /// Whether the page's Close frame is on the wire, and whether the peer's has arrived.
    is_page_closed: Cell<bool>,
    has_peer_closed: Cell<bool>,
    /// A moment, and the number of bytes that left in it. To the page they count as unsent until the next moment.
    untold: Cell<(u64, u64)>,
    reader: RefCell<Reader>,
    /// How the peer ends the connection once everything that it has sent has arrived.
    end: Cell<Option<End>>,
}

/// The interval in which bytes move.
const TICK: Duration = Duration::from_millis(1);
/// The time that browsers wait for the end of TCP after both Close frames.
const LONGEST_END: Duration = Duration::from_secs(2);

impl Wire {
    pub fn new(page: &Rc<Page>, client: &Rc<Inner>, network: Network) -> Rc<Self> {
        // Messages arrive after the answer to the handshake.
        let down = Pipe { last_arrival: page.elapsed() + network.delay, ..Pipe::default() };
        let counts_whole = client.engine() == Engine::Firefox || client.unread().is_some();
        let up = Pipe { counts_whole, ..Pipe::default() };
        Rc::new(Self {
            page: Rc::downgrade(page),
            network: Cell::new(network),
            up: RefCell::new(up),
            down: RefCell::new(down),
            client: Rc::downgrade(client),
            inbox: Inbox::default(),
            is_silent: Cell::default(),
            is_ended: Cell::default(),
            page_closed: Cell::default(),
            peer_closed: RefCell::default(),
            is_page_closed: Cell::default(),
            has_peer_closed: Cell::default(),
            untold: Cell::default(),
            reader: RefCell::default(),
            end: Cell::default(),
        })
    }

    /// Returns the page's unsent payload bytes, as the page sees them: within a task the number does not fall.
    pub fn unsent(&self) -> u64 {
        self.up.borrow().counted() + self.untold()
    }

    fn untold(&self) -> u64 {
        let (moment, bytes) = self.untold.get();
        if self.page.upgrade().is_some_and(|page| page.moment() == moment) { bytes } else { 0 }
    }

    /// Returns the peer's unsent payload bytes.
    pub fn peer_unsent(&self) -> u64 {
        self.down.borrow().unsent
    }

    /// Returns whether the peer has sent a Close frame.
    pub fn is_closing(&self) -> bool {
        self.peer_closed.borrow().is_some()
    }

    pub fn is_ended(&self) -> bool {
        self.is_ended.get()
    }

    /// Sends a frame of the page.
    pub fn send_up(self: &Rc<Self>, frame: Frame) {
        if matches!(frame, Frame::Close(_)) && self.page_closed.replace(true) {
            return;
        }
        self.up.borrow_mut().push(frame);
        self.start(Direction::Up);
    }

    /// Sends a frame of the peer.
    pub fn send_down(self: &Rc<Self>, frame: Frame) {
        if self.is_ended.get() || self.peer_closed.borrow().is_some() {
            return;
        }
        if let Frame::Close(close) = &frame {
            self.peer_closed.replace(Some(close.clone()));
        }
        self.down.borrow_mut().push(frame);
        self.start(Direction::Down);
    }

    /// Moves bytes again after a pause.
    pub fn resume(self: &Rc<Self>) {
        self.start(Direction::Up);
        self.start(Direction::Down);
    }

    fn pipe(&self, direction: Direction) -> &RefCell<Pipe> {
        if direction == Direction::Up { &self.up } else { &self.down }
    }

    fn start(self: &Rc<Self>, direction: Direction) {
        let mut pipe = self.pipe(direction).borrow_mut();
        let Some(page) = self.page.upgrade().filter(|_| !pipe.is_pumping && !pipe.waiting.is_empty()) else { return };
        pipe.is_pumping = true;
        let wire = Rc::clone(self);
        // Not before the current task ends: the number of unsent bytes falls only between tasks.
        page.after(Duration::ZERO, move || wire.pump(direction));
    }

    fn pump(self: &Rc<Self>, direction: Direction) {
        let Some(page) = self.page.upgrade() else { return };
        let mut pipe = self.pipe(direction).borrow_mut();
        pipe.is_pumping = false;
        if self.is_silent.get() || self.is_ended.get() {
            return;
        }
        if page.is_offline.get() {
            pipe.is_pumping = true;
            let wire = Rc::clone(self);
            return page.when_online(move || wire.pump(direction));
        }
        let network = self.network.get();
        let per_tick = (u128::from(network.bandwidth) * TICK.as_nanos() / 1_000_000_000) as u64;
        let client = self.client.upgrade();
        let room = match (direction, &client) {
            (Direction::Up, _) => self.inbox.room(network.window),
            (Direction::Down, Some(client)) => client.room(network.window),
            (Direction::Down, None) => u64::MAX,
        };
        let counted = pipe.counted();
        let (complete, taken) = pipe.take(per_tick.max(1).min(room));
        if direction == Direction::Up {
            page.unsent.set(page.unsent.get() - taken);
            self.untold.set((page.moment(), self.untold() + counted - pipe.counted()));
            self.bytes_come(&page, taken);
            client.filter(|_| !complete.is_empty()).iter().for_each(Inner::has_sent);
            if complete.iter().any(|frame| matches!(frame, Frame::Close(_))) {
                self.is_page_closed.set(true);
                self.wait_for_end(&page);
            }
        } else {
            client.iter().for_each(|client| client.bytes_come(taken));
        }
        for frame in complete {
            let arrival = (page.elapsed() + network.delay).max(pipe.last_arrival);
            pipe.last_arrival = arrival;
            let wire = Rc::clone(self);
            page.after(arrival - page.elapsed(), move || wire.arrive(direction, frame));
        }
        // Without room, sending continues when the peer reads.
        if !pipe.waiting.is_empty() && room > 0 && network.bandwidth > 0 {
            pipe.is_pumping = true;
            let wire = Rc::clone(self);
            page.after(TICK, move || wire.pump(direction));
        }
        drop(pipe);
        self.end_in_order();
    }

    /// Counts bytes that have left the page.
    fn bytes_come(self: &Rc<Self>, page: &Page, bytes: u64) {
        self.inbox.comes(bytes);
        if bytes > 0 {
            let wire = Rc::clone(self);
            page.after(self.network.get().delay, move || wire.inbox.begins());
        }
    }

    /// Ends the connection a short time after both Close frames, if the peer does not end TCP first.
    fn wait_for_end(self: &Rc<Self>, page: &Page) {
        if self.is_page_closed.get() && self.has_peer_closed.get() {
            self.end_soon(page);
        }
    }

    fn end_soon(self: &Rc<Self>, page: &Page) {
        let wire = Rc::clone(self);
        page.after(LONGEST_END, move || wire.finish());
    }

    fn arrive(self: &Rc<Self>, direction: Direction, frame: Frame) {
        if self.is_silent.get() || self.is_ended.get() {
            return;
        }
        match direction {
            Direction::Up => self.arrive_at_peer(frame),
            Direction::Down => self.arrive_at_page(frame),
        }
    }

    fn arrive_at_peer(self: &Rc<Self>, frame: Frame) {
        if matches!(frame, Frame::Pong) {
            return self.inbox.pong();
        }
        let is_close = matches!(frame, Frame::Close(_));
        self.inbox.push(frame);
        // A peer that has begun to close reads until the answer arrives.
        if is_close && self.peer_closed.borrow().is_some() {
            self.finish();
        }
    }

    fn arrive_at_page(self: &Rc<Self>, frame: Frame) {
        let Some(client) = self.client.upgrade() else { return };
        match frame {
            Frame::Raw(bytes) => self.read(&client, bytes.as_slice()),
            Frame::Close(close) => self.peer_closes(&client, close),
            Frame::Ping => self.send_up(Frame::Pong),
            Frame::Pong => {}
            Frame::Text(_) | Frame::Binary(_) => client.receive(frame),
        }
    }

    fn read(self: &Rc<Self>, client: &Rc<Inner>, bytes: &[u8]) {
        self.reader.borrow_mut().push(bytes);
        loop {
            let read = self.reader.borrow_mut().next(client.engine());
            match read {
                Some(Read::Frame(frame)) => self.arrive_at_page(frame),
                Some(Read::Breach) => return self.fail(client),
                None => return,
            }
        }
    }

    /// Handles the peer's Close frame, which may be an answer to the page's.
    fn peer_closes(self: &Rc<Self>, client: &Rc<Inner>, close: Close) {
        self.peer_closed.borrow_mut().get_or_insert_with(|| close.clone());
        self.has_peer_closed.set(true);
        let drops = client.engine() == Engine::Chromium;
        // Chromium's time begins with the peer's Close frame, even if its own cannot leave, because the peer does not read. (Over streams,
        // it first waits until the page has read everything.)
        let end = if drops && client.unread().is_none() { Self::end_soon } else { Self::wait_for_end };
        self.page.upgrade().iter().for_each(|page| end(self, page));
        if self.page_closed.get() {
            return;
        }
        // Chromium discards its unsent bytes; other browsers send them before the answer.
        client.peer_closes(if drops { self.up.borrow().counted() } else { 0 });
        if drops {
            self.up.borrow_mut().clear();
        }
        self.send_up(Frame::Close(close.map(|(code, _)| (code, String::new()))));
    }

    /// Ends the connection with a Close frame, since the peer has violated the protocol.
    fn fail(self: &Rc<Self>, client: &Rc<Inner>) {
        if !self.is_ended.get() {
            self.leave(1002);
            client.is_lost(true);
        }
    }

    /// Sends a Close frame on behalf of the browser, and ends the connection at once.
    pub fn leave(self: &Rc<Self>, code: u16) {
        let Some(page) = self.page.upgrade().filter(|_| !self.is_ended.replace(true)) else { return };
        let wire = Rc::clone(self);
        page.after(self.network.get().delay, move || {
            wire.inbox.push(Frame::Close(Some((code, String::new()))));
            wire.inbox.end();
        });
    }

    /// Answers the page's Close frame on behalf of the peer, and ends the connection. Does nothing if the peer has sent a Close
    /// frame before.
    pub fn answer_close(self: &Rc<Self>, close: Option<(u16, String)>) {
        if self.peer_closed.borrow().is_none() {
            self.send_down(Frame::Close(close));
            self.end.set(Some(Self::finish));
        }
    }

    /// Ends the connection as `end` says, once everything that the peer has sent has arrived.
    fn end_in_order(self: &Rc<Self>) {
        let down = self.down.borrow();
        let Some(page) = self.page.upgrade().filter(|_| down.waiting.is_empty()) else { return };
        if let Some(end) = self.end.take() {
            let wire = Rc::clone(self);
            page.after(down.last_arrival.saturating_sub(page.elapsed()), move || {
                if !wire.is_silent.get() {
                    end(&wire);
                }
            });
        }
    }

    /// Ends TCP cleanly, after both Close frames.
    fn finish(self: &Rc<Self>) {
        if self.is_ended.replace(true) {
            return;
        }
        let close = self.peer_closed.borrow().clone().flatten();
        if let Some(client) = self.client.upgrade() {
            let (code, reason) = close.unwrap_or((1005, String::new()));
            client.has_closed(code, reason);
        }
        self.inbox.end();
    }

    /// Ends TCP without a closing handshake. If `in_order`, messages that the peer has sent before still arrive; else TCP is
    /// reset at once.
    pub fn break_off(self: &Rc<Self>, in_order: bool) {
        if self.is_ended.get() {
            return;
        }
        if in_order && !self.is_silent.get() {
            self.end.set(Some(|wire| wire.break_off(false)));
            return self.end_in_order();
        }
        self.is_ended.set(true);
        self.inbox.end();
        let (Some(page), Some(client)) = (self.page.upgrade(), self.client.upgrade()) else { return };
        let is_silent = self.is_silent.get();
        page.after(self.network.get().delay, move || {
            if !is_silent {
                client.is_lost(false);
            }
        });
    }

    /// Makes the connection half-open: nothing goes through, and neither end knows.
    pub fn fall_silent(&self) {
        self.is_silent.set(true);
    }

    /// Ends the connection on behalf of the browser, which has given it up.
    pub fn give_up(&self) {
        self.is_ended.set(true);
        self.inbox.end();
    }
}

//! The browser's socket, as `tests/cases.md` says that it behaves.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::{JsCast, JsValue};

use super::super::socket::{Event as Told, UNKNOWN};
use super::blob::Blob;
use super::data::Data;
use super::page::{Engine, Page, Source, current};
use super::server::Handshake;
use super::streams::Unread;
use super::wire::{Frame, Wire};
use crate::{BinaryType, CloseEvent, Error, Message, ReadyState};

/// A handle of the browser's `WebSocket`.
pub struct Socket {
    /// None for one that was not made in a page.
    inner: Option<Rc<Inner>>,
    /// `undefined`.
    raw: web_sys::WebSocket,
}

/// The object itself, which the page keeps until it is closed, whether anybody has a handle or not.
pub struct Inner {
    id: u64,
    page: Rc<Page>,
    url: String,
    protocols: Vec<String>,
    protocol: RefCell<String>,
    state: Cell<ReadyState>,
    binary_type: Cell<BinaryType>,
    listeners: RefCell<Vec<Rc<Registered>>>,
    wire: RefCell<Option<Rc<Wire>>>,
    /// The bytes that count as buffered and will never be sent.
    discarded: Cell<u64>,
    /// The peer's Close frame has arrived, though no task has told so yet.
    is_peer_closing: Cell<bool>,
    /// Closed while it connected, or given up.
    is_given_up: Cell<bool>,
    /// What waits to be read, by streams.
    unread: Option<Unread>,
    /// Whether the page has begun to close, after which it gets no message.
    is_closed_here: Cell<bool>,
    /// By streams, the browser may have dropped messages when the peer closed.
    may_have_dropped: Cell<bool>,
    /// The browser ends it, and nothing more is heard of its peer.
    is_cut_off: Cell<bool>,
}

struct Registered {
    id: u64,
    kind: Kind,
    call: RefCell<Callback>,
}

type Callback = Box<dyn FnMut(&Event)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Open,
    Message,
    Error,
    Close,
    All,
}

impl Kind {
    fn includes(self, event: &Event) -> bool {
        self == event.kind() || self == Self::All
    }
}

enum Event {
    Open,
    Message(Cell<Option<Frame>>, BinaryType),
    Error,
    Close(CloseEvent),
    /// By streams, something was sent, or the state has changed.
    #[cfg(feature = "streams")]
    Sent,
}

impl Event {
    fn kind(&self) -> Kind {
        match self {
            Self::Open => Kind::Open,
            Self::Message(..) => Kind::Message,
            Self::Error => Kind::Error,
            Self::Close(_) => Kind::Close,
            #[cfg(feature = "streams")]
            Self::Sent => Kind::All,
        }
    }

    fn data(&self) -> Option<Data> {
        let Self::Message(frame, binary_type) = self else { return None };
        let taken = frame.take();
        frame.set(taken.clone());
        match (taken?, binary_type) {
            (Frame::Text(text), _) => Some(Data::Text(text)),
            (Frame::Binary(bytes), BinaryType::ArrayBuffer) => Some(Data::Binary(bytes)),
            (Frame::Binary(bytes), BinaryType::Blob) => Some(Data::Blob(bytes)),
            _ => None,
        }
    }
}

/// Listens until it is dropped.
#[must_use = "the listener is removed when this is dropped"]
pub struct Listener(Option<(Rc<Inner>, u64)>);

impl Drop for Listener {
    fn drop(&mut self) {
        let Some((socket, id)) = &self.0 else { return };
        let listeners = socket.listeners.take();
        let (removed, kept) = listeners.into_iter().partition::<Vec<_>, _>(|listener| listener.id == *id);
        socket.listeners.replace(kept);
        socket.page.live_listeners.set(socket.page.live_listeners.get() - removed.len());
        drop(removed);
    }
}

impl Socket {
    pub fn new(url: &str, protocols: &[String]) -> Result<Self, Error> {
        Self::connect(url, protocols, None)
    }

    /// Connects by events, or, with what waits to be read, by streams.
    pub fn connect(url: &str, protocols: &[String], unread: Option<Unread>) -> Result<Self, Error> {
        let Some(page) = current() else { return Err(Error::Unsupported) };
        let url = super::url::resolve(url, page.engine.get()).ok_or_else(|| Error::InvalidUrl(url.to_owned()))?;
        let inner = Rc::new(Inner {
            id: page.next_id(),
            page: Rc::clone(&page),
            url,
            protocols: protocols.to_vec(),
            protocol: RefCell::default(),
            state: Cell::new(ReadyState::Connecting),
            binary_type: Cell::new(BinaryType::Blob),
            listeners: RefCell::default(),
            wire: RefCell::default(),
            discarded: Cell::default(),
            is_peer_closing: Cell::default(),
            is_given_up: Cell::default(),
            unread,
            is_closed_here: Cell::default(),
            may_have_dropped: Cell::default(),
            is_cut_off: Cell::default(),
        });
        page.sockets.borrow_mut().insert(inner.id, Rc::clone(&inner));
        if page.sockets.borrow().len() > inner.most_sockets() {
            inner.fail(1006);
        } else {
            page.servers.connect(&page, Handshake::new(&page, &inner, protocols));
            inner.give_up_connecting_later();
        }
        Ok(Self { inner: Some(inner), raw: undefined() })
    }

    #[cfg(feature = "streams")]
    pub fn inner(&self) -> Option<&Rc<Inner>> {
        self.inner.as_ref()
    }

    pub fn from_raw(raw: web_sys::WebSocket) -> Self {
        Self { inner: None, raw }
    }

    pub fn as_raw(&self) -> &web_sys::WebSocket {
        &self.raw
    }

    /// An `undefined`, as nothing of JavaScript can be cloned here.
    pub fn to_raw(&self) -> web_sys::WebSocket {
        undefined()
    }

    pub fn ready_state(&self) -> ReadyState {
        self.inner.as_ref().map_or(ReadyState::Closed, |inner| inner.state.get())
    }

    pub fn url(&self) -> String {
        self.inner.as_ref().map_or_else(String::new, |inner| inner.url.clone())
    }

    pub fn protocol(&self) -> String {
        self.inner.as_ref().map_or_else(String::new, |inner| inner.protocol.borrow().clone())
    }

    pub fn extensions(&self) -> String {
        String::new()
    }

    pub fn buffered_amount(&self) -> u64 {
        self.inner.as_ref().map_or(0, |inner| inner.buffered_amount())
    }

    pub fn binary_type(&self) -> BinaryType {
        self.inner.as_ref().map_or(BinaryType::Blob, |inner| inner.binary_type.get())
    }

    pub fn set_binary_type(&self, binary_type: BinaryType) {
        if let Some(inner) = &self.inner {
            inner.binary_type.set(binary_type);
        }
    }

    pub fn send_text(&self, text: &str) -> Result<u64, Error> {
        self.send(|| Message::from(text), Frame::Text(text.into()))?;
        Ok(text.len() as u64)
    }

    pub fn send_bytes(&self, bytes: &[u8]) -> Result<u64, Error> {
        self.send(|| Message::from(bytes), Frame::Binary(bytes.into()))?;
        Ok(bytes.len() as u64)
    }

    pub fn send_blob(&self, blob: &Blob) -> Result<u64, Error> {
        let frame = Frame::Binary(blob.shared().clone());
        self.send(|| Message::Blob(blob.clone()), frame)?;
        let is_open = |inner: &&Rc<Inner>| inner.state.get() == ReadyState::Open;
        if let Some(inner) = self.inner.as_ref().filter(is_open).filter(|_| !blob.is_readable()) {
            inner.cannot_read();
        }
        Ok(UNKNOWN)
    }

    pub fn send_image(&self, _image: &web_sys::ImageData) -> Result<u64, Error> {
        Err(Error::Unsupported)
    }

    pub fn send_object(&self, _object: &JsValue) -> Result<u64, Error> {
        Err(Error::Unsupported)
    }

    pub fn send_view(&self, _view: &js_sys::Object) -> Result<u64, Error> {
        Err(Error::Unsupported)
    }

    fn send(&self, message: impl Fn() -> Message, frame: Frame) -> Result<(), Error> {
        let Some(inner) = &self.inner else { return Ok(()) };
        if inner.page.throws.borrow().as_ref().is_some_and(|throws| throws(&message())) {
            return Err(Error::Thrown { name: "TypeError".into(), message: "the browser refuses this message".into() });
        }
        inner.send(frame);
        Ok(())
    }

    pub fn close(&self) {
        if let Some(inner) = &self.inner {
            inner.close(None);
        }
    }

    pub fn close_with(&self, code: u16, reason: &str) -> Result<(), Error> {
        if let Some(inner) = &self.inner {
            inner.close(Some((code, reason.to_owned())));
        }
        Ok(())
    }

    /// Closes the socket when it has opened, or after so many milliseconds, whether there is a handle still or not.
    pub fn close_when_open(&self, milliseconds: u32) {
        let Some(inner) = &self.inner else { return };
        let close = |inner: &Rc<Inner>| {
            let inner = Rc::clone(inner);
            move || inner.close(Some((1000, String::new())))
        };
        let on_open = close(inner);
        let listener = Registered { id: 0, kind: Kind::Open, call: RefCell::new(Box::new(move |_| on_open())) };
        inner.listeners.borrow_mut().push(Rc::new(listener));
        inner.page.after(Duration::from_millis(milliseconds.into()), close(inner));
    }

    pub fn on_open(&self, mut closure: impl FnMut() + 'static) -> Listener {
        self.listen(Kind::Open, move |_| closure())
    }

    pub fn on_message(&self, mut closure: impl FnMut(Data) + 'static) -> Listener {
        self.listen(Kind::Message, move |event| {
            if let Some(data) = event.data() {
                closure(data);
            }
        })
    }

    pub fn on_error(&self, mut closure: impl FnMut() + 'static) -> Listener {
        self.listen(Kind::Error, move |_| closure())
    }

    pub fn on_close(&self, mut closure: impl FnMut(CloseEvent) + 'static) -> Listener {
        self.listen(Kind::Close, move |event| {
            if let Event::Close(event) = event {
                closure(event.clone());
            }
        })
    }

    pub fn on_event(&self, mut closure: impl FnMut(Told) + 'static) -> Listener {
        self.listen(Kind::All, move |event| match event {
            Event::Open => closure(Told::Opened),
            Event::Message(..) => event.data().into_iter().for_each(|data| closure(Told::Message(data))),
            Event::Error => closure(Told::Failed),
            Event::Close(event) => closure(Told::Closed(event.clone())),
            #[cfg(feature = "streams")]
            Event::Sent => closure(Told::Sent),
        })
    }

    fn listen(&self, kind: Kind, call: impl FnMut(&Event) + 'static) -> Listener {
        let Some(inner) = &self.inner else { return Listener(None) };
        let id = inner.page.next_id();
        inner.listeners.borrow_mut().push(Rc::new(Registered { id, kind, call: RefCell::new(Box::new(call)) }));
        inner.page.live_listeners.set(inner.page.live_listeners.get() + 1);
        Listener(Some((Rc::clone(inner), id)))
    }
}

fn undefined<T: JsCast>() -> T {
    JsValue::UNDEFINED.unchecked_into()
}

impl Inner {
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn engine(&self) -> Engine {
        self.page.engine.get()
    }

    pub fn ready_state(&self) -> ReadyState {
        self.state.get()
    }

    pub fn page(&self) -> Rc<Page> {
        Rc::clone(&self.page)
    }

    pub fn unread(&self) -> Option<&Unread> {
        self.unread.as_ref()
    }

    /// How many more bytes may come, with sockets that hold so many. By events the browser takes what comes.
    pub fn room(&self, window: u64) -> u64 {
        self.unread.as_ref().map_or(u64::MAX, |unread| unread.room(window))
    }

    /// So many bytes are on their way to the page.
    pub fn bytes_come(&self, bytes: u64) {
        self.unread.iter().for_each(|unread| unread.comes(bytes));
    }

    /// Lets bytes move that had no room.
    pub fn resume_wire(&self) {
        let wire = self.wire.borrow().clone();
        wire.iter().for_each(Wire::resume);
    }

    /// Some of what was sent has left. By streams the page is told.
    pub fn has_sent(self: &Rc<Self>) {
        #[cfg(feature = "streams")]
        if self.unread.is_some() {
            let socket = Rc::clone(self);
            self.queue(move || socket.dispatch(Event::Sent));
        }
    }

    /// Does something with the page in its turn: by streams, when all before it was read.
    fn queue_in_order(self: &Rc<Self>, bytes: u64, task: impl FnOnce() + 'static) {
        match &self.unread {
            Some(unread) => {
                unread.push(bytes, task);
                self.read();
            }
            None => self.queue(task),
        }
    }

    /// How many sockets there may be in the browser.
    fn most_sockets(&self) -> usize {
        match self.engine() {
            Engine::Chromium => 255,
            Engine::Firefox => 200,
        }
    }

    /// The socket has not got its answer yet, and wants one.
    pub fn is_waiting(&self) -> bool {
        self.state.get() == ReadyState::Connecting
    }

    fn buffered_amount(&self) -> u64 {
        self.discarded.get() + self.wire.borrow().as_ref().map_or(0, |wire| wire.unsent())
    }

    fn discard(&self, bytes: u64) {
        self.discarded.set(self.discarded.get() + bytes);
    }

    fn send(self: &Rc<Self>, frame: Frame) {
        self.page.unsent.set(self.page.unsent.get() + frame.len());
        let wire = self.wire.borrow().clone();
        // What is sent after the closing has begun is counted, and nothing else: also if the page cannot know of it yet.
        let is_discarded = self.state.get() != ReadyState::Open || self.is_peer_closing.get();
        match wire.filter(|_| !is_discarded) {
            Some(wire) => wire.send_up(frame),
            None => {
                self.discard(frame.len());
                // By streams, the browser refuses it.
                self.unread.iter().for_each(|_| self.queue(self.begins_to_close()));
            }
        }
    }

    /// The page learns that the peer has begun to close.
    fn begins_to_close(self: &Rc<Self>) -> impl FnOnce() + use<> {
        let socket = Rc::clone(self);
        move || {
            if socket.state.get() == ReadyState::Open {
                socket.state.set(ReadyState::Closing);
                socket.has_sent();
            }
        }
    }

    fn close(self: &Rc<Self>, close: Option<(u16, String)>) {
        match self.state.get() {
            ReadyState::Connecting => {
                self.state.set(ReadyState::Closing);
                self.is_given_up.set(true);
                self.fail(1006);
            }
            ReadyState::Open => {
                self.state.set(ReadyState::Closing);
                self.is_closed_here.set(true);
                let wire = self.wire.borrow().clone();
                if let Some(wire) = wire.filter(|_| !self.is_peer_closing.get()) {
                    wire.send_up(Frame::Close(close));
                    self.give_up_later();
                }
            }
            ReadyState::Closing | ReadyState::Closed => {}
        }
        // What the peer has sent before its Close frame is read, whoever wants it.
        self.unread.iter().for_each(Unread::abandon);
        self.read();
        self.resume_wire();
    }

    /// Browsers give up a peer that does not answer the handshake.
    fn give_up_connecting_later(self: &Rc<Self>) {
        let patience = match self.engine() {
            Engine::Chromium => 240,
            Engine::Firefox => 20,
        };
        let socket = Rc::downgrade(self);
        self.page.after(Duration::from_secs(patience), move || {
            // A frozen page has not heard of an answer that has arrived.
            let is_unanswered = |socket: &Rc<Self>| socket.is_waiting() && socket.wire.borrow().is_none();
            if let Some(socket) = socket.upgrade().filter(is_unanswered) {
                socket.is_given_up.set(true);
                socket.fail(1006);
            }
        });
    }

    /// Browsers give up a peer that does not answer the Close frame.
    fn give_up_later(self: &Rc<Self>) {
        let patience = match self.engine() {
            Engine::Chromium => 60,
            Engine::Firefox => 20,
        };
        let socket = Rc::downgrade(self);
        self.page.after(Duration::from_secs(patience), move || {
            if let Some(socket) = socket.upgrade().filter(|socket| socket.state.get() != ReadyState::Closed) {
                socket.wire.borrow().iter().for_each(|wire| wire.give_up());
                socket.is_lost(false);
            }
        });
    }

    /// The server has accepted, with a subprotocol or without.
    pub fn opens(self: &Rc<Self>, wire: Rc<Wire>, protocol: Option<String>) {
        let (offered, is_firefox) = (&self.protocols, self.engine() == Engine::Firefox);
        let is_right = match &protocol {
            Some(protocol) => offered.contains(protocol) || offered.is_empty() && is_firefox,
            None => offered.is_empty() || is_firefox,
        };
        // The browser may have ended it while it was connecting.
        if !is_right || self.is_given_up.get() || self.state.get() == ReadyState::Closed {
            wire.break_off(false);
            return self.fail(1006);
        }
        let protocol = protocol.filter(|protocol| offered.contains(protocol));
        self.wire.replace(Some(wire));
        let socket = Rc::clone(self);
        self.queue(move || {
            if socket.state.get() == ReadyState::Connecting {
                socket.state.set(ReadyState::Open);
                socket.protocol.replace(protocol.unwrap_or_default());
                socket.dispatch(Event::Open);
            } else if let Some(wire) = &*socket.wire.borrow() {
                wire.break_off(false);
            }
        });
    }

    /// The connection cannot be opened.
    pub fn fail(self: &Rc<Self>, code: u16) {
        let socket = Rc::clone(self);
        self.queue(move || socket.end(CloseEvent { code, reason: String::new(), was_clean: false }, true));
    }

    /// A frame of the peer has arrived.
    pub fn receive(self: &Rc<Self>, frame: Frame) {
        let (socket, bytes) = (Rc::clone(self), frame.len());
        self.queue_in_order(bytes, move || {
            // By streams, messages are read also when the peer is known to close.
            let is_read = socket.unread.is_some() && socket.state.get() == ReadyState::Closing;
            if socket.state.get() == ReadyState::Open || is_read && !socket.is_closed_here.get() {
                let binary_type = socket.binary_type.get();
                socket.dispatch(Event::Message(Cell::new(Some(frame)), binary_type));
            }
        });
    }

    /// The peer's Close frame has arrived. The page is told in a task.
    pub fn peer_closes(self: &Rc<Self>, discarded: u64) {
        self.is_peer_closing.set(true);
        self.discard(discarded);
        let drops = self.unread.is_some() && self.page.random_below(2) == 0;
        self.may_have_dropped.set(self.unread.as_ref().is_some_and(|unread| unread.close(drops)));
        // By streams, those who wait to send are told at once.
        if self.unread.is_some() && self.buffered_amount() > 0 {
            self.queue(self.begins_to_close());
        }
        self.queue_in_order(0, self.begins_to_close());
    }

    /// The connection has ended with both Close frames.
    pub fn has_closed(self: &Rc<Self>, code: u16, reason: String) {
        let socket = Rc::clone(self);
        let was_clean = !self.may_have_dropped.get();
        self.queue_in_order(0, move || socket.leave_wire(false, CloseEvent { code, reason, was_clean }, false));
    }

    /// The connection has broken, or the peer has broken the protocol.
    pub fn is_lost(self: &Rc<Self>, is_breach: bool) {
        let (socket, is_chromium) = (Rc::clone(self), self.engine() == Engine::Chromium);
        // What was unsent stays counted, but not always: Chromium may forget it.
        let forgets = is_chromium && self.unread.is_none() && self.page.random_below(2) == 0;
        self.unread.iter().for_each(Unread::clear);
        self.queue(move || {
            let event = CloseEvent { code: 1006, reason: String::new(), was_clean: false };
            socket.leave_wire(forgets, event, is_breach || !is_chromium);
        });
    }

    /// The browser ends the connection, and tells the page after a delay. What was unsent stays counted.
    pub fn is_ended_by_browser(self: &Rc<Self>, delay: Duration) {
        self.is_cut_off.set(true);
        let socket = Rc::clone(self);
        self.page.after(delay, move || {
            socket.unread.iter().for_each(Unread::clear);
            let (page, id) = (Rc::clone(&socket.page), socket.id);
            page.queue(
                Source::Socket(id),
                Box::new(move || {
                    // Also if the server has accepted meanwhile.
                    socket.wire.borrow().iter().for_each(|wire| wire.leave(1001));
                    let event = CloseEvent { code: 1006, reason: String::new(), was_clean: false };
                    socket.leave_wire(false, event, true);
                }),
            );
        });
    }

    fn leave_wire(self: &Rc<Self>, forgets: bool, event: CloseEvent, has_error: bool) {
        let unsent = self.buffered_amount();
        self.wire.take();
        self.discarded.set(if forgets { 0 } else { unsent });
        // Closed before it opened, it has failed, whatever has arrived by then.
        let event = if self.is_given_up.get() {
            CloseEvent { code: 1006, reason: String::new(), was_clean: false }
        } else {
            event
        };
        self.end(event, has_error || self.is_given_up.get());
    }

    fn end(self: &Rc<Self>, event: CloseEvent, has_error: bool) {
        if self.state.replace(ReadyState::Closed) == ReadyState::Closed {
            return;
        }
        self.page.sockets.borrow_mut().remove(&self.id);
        if has_error {
            self.dispatch(Event::Error);
        }
        self.dispatch(Event::Close(event));
        // The ones that were added for good.
        let socket = Rc::clone(self);
        self.page.call_back(move || {
            let gone = socket.listeners.take();
            let (gone, kept) = gone.into_iter().partition::<Vec<_>, _>(|listener| listener.id == 0);
            socket.listeners.replace(kept);
            drop(gone);
        });
    }

    /// A Blob that was sent cannot be read: the browser fails the connection.
    fn cannot_read(self: &Rc<Self>) {
        self.wire.borrow().iter().for_each(|wire| wire.give_up());
        self.is_lost(false);
    }

    pub fn queue(&self, task: impl FnOnce() + 'static) {
        if !self.is_cut_off.get() {
            self.page.queue(Source::Socket(self.id), Box::new(task));
        }
    }

    /// Calls those who listen now, each in a callback of its own; not those who have ceased to by then.
    fn dispatch(self: &Rc<Self>, event: Event) {
        let event = Rc::new(event);
        let listeners = self.listeners.borrow().clone();
        for listener in listeners.into_iter().filter(|listener| listener.kind.includes(&event)) {
            let (socket, event) = (Rc::clone(self), Rc::clone(&event));
            self.page.call_back(move || {
                let is_listening = socket.listeners.borrow().iter().any(|other| Rc::ptr_eq(other, &listener));
                if is_listening {
                    (listener.call.borrow_mut())(&event);
                }
            });
        }
    }
}

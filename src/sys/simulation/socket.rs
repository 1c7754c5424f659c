//! The browser's socket, with the behaviour that `tests/cases.md` describes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::{JsCast, JsValue};

use super::super::socket::{Event as Told, LONGEST_CONNECTING, UNKNOWN};
use super::blob::Blob;
use super::data::Data;
use super::page::{Engine, Page, Source, current};
use super::server::Handshake;
use super::streams::Unread;
use super::wire::{Frame, Wire};
use crate::{BinaryType, CloseEvent, Error, Message, ReadyState};

/// A handle of the browser's `WebSocket`.
pub struct Socket {
    /// `None` if the socket was not created in a page.
    inner: Option<Rc<Inner>>,
    /// The value `undefined`.
    raw: web_sys::WebSocket,
}

/// The browser's object, which the page keeps until the socket is closed, even without a handle.
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
    /// The number of bytes that count as buffered and will never be sent.
    discarded: Cell<u64>,
    /// Whether the peer's Close frame has arrived, even if no task has told the page yet.
    is_peer_closing: Cell<bool>,
    /// Whether the socket was closed while it was connecting, or the handshake has timed out.
    is_given_up: Cell<bool>,
    /// The messages that wait to be read; `None` over events.
    unread: Option<Unread>,
    /// Whether the page has begun to close, after which it receives no message.
    is_closed_here: Cell<bool>,
    /// Whether the browser may have dropped messages when the peer closed; only over streams.
    may_have_dropped: Cell<bool>,
    /// Whether the browser is ending the connection, so that nothing more arrives from the peer.
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
    /// A message was sent, or the state has changed; only over streams.
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

    /// Starts to connect, over streams if there is an `unread`, else over events.
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

    /// Returns `undefined`, since no JavaScript object can be cloned here.
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
        let throws = inner.page.throws.borrow().clone();
        if throws.is_some_and(|throws| throws(&message())) {
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

    /// Closes a socket without a handle: a connecting one when it has opened, or after [`LONGEST_CONNECTING`].
    pub fn leave(&self, state: ReadyState) {
        let Some(inner) = &self.inner else { return };
        if state != ReadyState::Connecting {
            return self.close();
        }
        let close = |inner: &Rc<Inner>| {
            let inner = Rc::clone(inner);
            move || inner.close(Some((1000, String::new())))
        };
        let on_open = close(inner);
        let listener = Registered { id: 0, kind: Kind::Open, call: RefCell::new(Box::new(move |_| on_open())) };
        inner.listeners.borrow_mut().push(Rc::new(listener));
        inner.page.after(Duration::from_millis(LONGEST_CONNECTING.into()), close(inner));
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

    /// Returns the number of bytes for which there is room, if TCP buffers `window` bytes. Over events, the browser accepts
    /// everything.
    pub fn room(&self, window: u64) -> u64 {
        self.unread.as_ref().map_or(u64::MAX, |unread| unread.room(window))
    }

    /// Counts bytes in flight to the page.
    pub fn bytes_come(&self, bytes: u64) {
        self.unread.iter().for_each(|unread| unread.comes(bytes));
    }

    /// Moves bytes for which there was no room before.
    pub fn resume_wire(&self) {
        let wire = self.wire.borrow().clone();
        wire.iter().for_each(Wire::resume);
    }

    /// Tells the page that bytes have left; only over streams.
    pub fn has_sent(self: &Rc<Self>) {
        #[cfg(feature = "streams")]
        if self.unread.is_some() {
            let socket = Rc::clone(self);
            self.queue(move || socket.dispatch(Event::Sent));
        }
    }

    /// Queues a task for the page. Over streams it runs when everything before it was read.
    fn queue_in_order(self: &Rc<Self>, bytes: u64, task: impl FnOnce() + 'static) {
        match &self.unread {
            Some(unread) => {
                unread.push(bytes, task);
                self.read();
            }
            None => self.queue(task),
        }
    }

    /// Returns the highest number of sockets that the browser allows.
    fn most_sockets(&self) -> usize {
        match self.engine() {
            Engine::Chromium => 255,
            Engine::Firefox => 200,
        }
    }

    /// Returns whether the socket waits for the answer to its handshake.
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
        // Once either side has begun to close, messages are only counted, even if the page cannot know of the peer's close yet.
        let is_discarded = self.state.get() != ReadyState::Open || self.is_peer_closing.get();
        match wire.filter(|_| !is_discarded) {
            Some(wire) => wire.send_up(frame),
            None => {
                self.discard(frame.len());
                // Over streams, the browser refuses the message, which tells the page that the peer has begun to close.
                self.unread.iter().for_each(|_| self.queue(self.begins_to_close()));
            }
        }
    }

    /// Returns a task that tells the page that the peer has begun to close.
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
        // The browser reads and discards the messages before the peer's Close frame.
        self.unread.iter().for_each(Unread::abandon);
        self.read();
        self.resume_wire();
    }

    /// Ends the attempt after the browser's own timeout for the handshake.
    fn give_up_connecting_later(self: &Rc<Self>) {
        let patience = match self.engine() {
            Engine::Chromium => 240,
            Engine::Firefox => 20,
        };
        let socket = Rc::downgrade(self);
        self.page.after(Duration::from_secs(patience), move || {
            // In a frozen page, the socket is still connecting when the answer has arrived.
            let is_unanswered = |socket: &Rc<Self>| socket.is_waiting() && socket.wire.borrow().is_none();
            if let Some(socket) = socket.upgrade().filter(is_unanswered) {
                socket.is_given_up.set(true);
                socket.fail(1006);
            }
        });
    }

    /// Ends the connection after the browser's own timeout for the peer's Close frame.
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

    /// Opens the connection that the server has accepted, with a subprotocol or without.
    pub fn opens(self: &Rc<Self>, wire: Rc<Wire>, protocol: Option<String>) {
        let (offered, is_firefox) = (&self.protocols, self.engine() == Engine::Firefox);
        let is_right = match &protocol {
            Some(protocol) => offered.contains(protocol) || offered.is_empty() && is_firefox,
            None => offered.is_empty() || is_firefox,
        };
        // The browser may have ended the socket while it was connecting.
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

    /// Ends the socket, since the connection cannot be opened.
    pub fn fail(self: &Rc<Self>, code: u16) {
        let socket = Rc::clone(self);
        self.queue(move || socket.end(CloseEvent { code, reason: String::new(), was_clean: false }, true));
    }

    /// Receives a frame from the peer.
    pub fn receive(self: &Rc<Self>, frame: Frame) {
        let (socket, bytes) = (Rc::clone(self), frame.len());
        self.queue_in_order(bytes, move || {
            // Over streams, messages are also read after the page knows that the peer is closing.
            let is_read = socket.unread.is_some() && socket.state.get() == ReadyState::Closing;
            if socket.state.get() == ReadyState::Open || is_read && !socket.is_closed_here.get() {
                let binary_type = socket.binary_type.get();
                socket.dispatch(Event::Message(Cell::new(Some(frame)), binary_type));
            }
        });
    }

    /// Handles the peer's Close frame. A task tells the page.
    pub fn peer_closes(self: &Rc<Self>, discarded: u64) {
        self.is_peer_closing.set(true);
        self.discard(discarded);
        let drops = self.unread.is_some() && self.page.random_below(2) == 0;
        self.may_have_dropped.set(self.unread.as_ref().is_some_and(|unread| unread.close(drops)));
        // Over streams, waiting senders are told at once.
        if self.unread.is_some() && self.buffered_amount() > 0 {
            self.queue(self.begins_to_close());
        }
        self.queue_in_order(0, self.begins_to_close());
    }

    /// Ends the socket after both Close frames.
    pub fn has_closed(self: &Rc<Self>, code: u16, reason: String) {
        let socket = Rc::clone(self);
        let was_clean = !self.may_have_dropped.get();
        self.queue_in_order(0, move || socket.leave_wire(false, CloseEvent { code, reason, was_clean }, false));
    }

    /// Ends the socket, since the connection was lost, or the peer has violated the protocol.
    pub fn is_lost(self: &Rc<Self>, is_breach: bool) {
        let (socket, is_chromium) = (Rc::clone(self), self.engine() == Engine::Chromium);
        // Unsent bytes still count as buffered, except that Chromium may forget them.
        let forgets = is_chromium && self.unread.is_none() && self.page.random_below(2) == 0;
        self.unread.iter().for_each(Unread::clear);
        self.queue(move || {
            let event = CloseEvent { code: 1006, reason: String::new(), was_clean: false };
            socket.leave_wire(forgets, event, is_breach || !is_chromium);
        });
    }

    /// Ends the connection on behalf of the browser, and tells the page after a delay. Unsent bytes still count as buffered.
    pub fn is_ended_by_browser(self: &Rc<Self>, delay: Duration) {
        self.is_cut_off.set(true);
        let socket = Rc::clone(self);
        self.page.after(delay, move || {
            socket.unread.iter().for_each(Unread::clear);
            let (page, id) = (Rc::clone(&socket.page), socket.id);
            page.queue(
                Source::Socket(id),
                Box::new(move || {
                    // The server may have accepted meanwhile.
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
        // A socket that was closed before it opened has failed, even if a Close frame has arrived.
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
        let socket = Rc::clone(self);
        // The listeners of `error` may add listeners of `close`.
        self.page.call_back(move || {
            socket.dispatch(Event::Close(event));
            // Drops the listeners that have no handle, which `leave` has added.
            let page = Rc::clone(&socket.page);
            page.call_back(move || {
                let gone = socket.listeners.take();
                let (gone, kept) = gone.into_iter().partition::<Vec<_>, _>(|listener| listener.id == 0);
                socket.listeners.replace(kept);
                drop(gone);
            });
        });
    }

    /// Fails the connection, as browsers do if a Blob that was sent cannot be read.
    fn cannot_read(self: &Rc<Self>) {
        self.wire.borrow().iter().for_each(|wire| wire.give_up());
        self.is_lost(false);
    }

    pub fn queue(&self, task: impl FnOnce() + 'static) {
        if !self.is_cut_off.get() {
            self.page.queue(Source::Socket(self.id), Box::new(task));
        }
    }

    /// Calls the current listeners, each in a callback of its own, except listeners that are removed before their callback.
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

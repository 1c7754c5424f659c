//! What a socket and the promises that it waits for have in common.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::rc::Rc;

use js_sys::{Array, Function};
use wasm_bindgen::{JsCast, JsValue};

use super::super::super::Event;
use super::super::{bindings, event, in_next_turn, reflect};
use super::bindings::{
    AbortController, Blob, Chunk, Dictionary, Opened, Pending, Readable, Reader, WebSocketStream, Writer,
};
use super::dispatch::{Call, Place};
use super::outbox::{Outbox, Part};
use crate::{BinaryType, CloseEvent, ReadyState};

type Hears = Box<dyn FnMut(Event)>;

/// The closure that hears the events.
#[derive(Default)]
pub struct Slot {
    /// Taken out while it runs, since it may drop itself.
    closure: Cell<Option<Hears>>,
    is_listening: Cell<bool>,
}

impl Slot {
    pub fn set(&self, closure: impl FnMut(Event) + 'static) {
        self.is_listening.set(true);
        self.closure.set(Some(Box::new(closure)));
    }

    pub fn clear(&self) {
        self.is_listening.set(false);
        drop(self.closure.take());
    }

    fn call(&self, event: Event) {
        if let Some(mut closure) = self.closure.take() {
            closure(event);
            if self.is_listening.get() {
                self.closure.set(Some(closure));
            }
        }
    }
}

pub struct Inner {
    pub stream: WebSocketStream,
    abort: AbortController,
    place: Place,
    pub state: Cell<ReadyState>,
    pub binary_type: Cell<BinaryType>,
    pub on_event: Slot,
    open: OnceCell<Open>,
    /// Whether no more is to be read for now.
    is_paused: Cell<bool>,
    /// Whether the reader was asked for a message that it has not given yet.
    is_asked: Cell<bool>,
    /// Whether the reader has given all, or nobody wants what it would give.
    has_read_all: Cell<bool>,
    /// How the connection ended, until that is told.
    end: Cell<Option<CloseEvent>>,
    /// Whether the browser may have dropped messages at the end.
    may_have_dropped: Cell<bool>,
    /// Whether reading goes on since this turn of the event loop.
    goes_on: Cell<bool>,
    /// Whether all that is left is to be read, however much waits.
    reads_all: Cell<bool>,
    outbox: RefCell<Outbox>,
    /// Whether this page has begun to close, after which no message is wanted.
    is_closed_here: Cell<bool>,
    /// What to close with when everything was sent.
    closing: RefCell<Option<Dictionary>>,
    /// Itself, while it is closing and something is still to be sent: nobody else may have it by then.
    until_sent: Cell<Option<Rc<Inner>>>,
}

/// What there is of an open connection.
pub struct Open {
    reader: Reader,
    readable: Readable,
    pub writer: Writer,
    pub protocol: String,
    pub extensions: String,
    read: [Function; 2],
    written: [Function; 2],
}

impl Inner {
    pub fn new(stream: WebSocketStream, abort: AbortController) -> Rc<Self> {
        let inner = Rc::new_cyclic(|this| Self {
            stream,
            abort,
            place: Place::of(this),
            state: Cell::new(ReadyState::Connecting),
            binary_type: Cell::default(),
            on_event: Slot::default(),
            open: OnceCell::new(),
            is_paused: Cell::default(),
            is_asked: Cell::default(),
            has_read_all: Cell::default(),
            end: Cell::default(),
            may_have_dropped: Cell::default(),
            goes_on: Cell::default(),
            reads_all: Cell::default(),
            outbox: RefCell::default(),
            is_closed_here: Cell::default(),
            closing: RefCell::default(),
            until_sent: Cell::default(),
        });
        let function = |call| inner.place.function(call);
        inner.stream.opened().then(&function(Call::Opened), &function(Call::NotOpened));
        inner.stream.closed().then(&function(Call::Closed), &function(Call::Lost));
        inner
    }

    /// What promises call.
    pub fn called(self: &Rc<Self>, call: Call, value: JsValue) {
        match call {
            Call::Opened => self.opened(value.unchecked_ref()),
            Call::Closed => self.closed(CloseEvent { was_clean: true, ..close_event(&value) }),
            Call::Lost => self.closed(close_event(&value)),
            Call::Read => self.read(value.unchecked_ref()),
            Call::Written | Call::NotWritten => self.written(call == Call::Written),
            Call::BlobRead => self.blob_read(&value),
            Call::BlobNotRead => self.fail(),
            // What follows is told by `closed`.
            Call::NotOpened | Call::NotRead => {}
        }
    }

    pub fn open(&self) -> Option<&Open> {
        self.open.get()
    }

    pub fn unsent(&self) -> u64 {
        self.outbox.borrow().unsent()
    }

    fn opened(self: &Rc<Self>, opened: &Opened) {
        let (readable, writable) = (opened.readable(), opened.writable());
        let function = |call| self.place.function(call);
        let _ = self.open.set(Open {
            reader: readable.get_reader(),
            readable,
            writer: writable.get_writer(),
            protocol: reflect::text(opened, "protocol"),
            extensions: reflect::text(opened, "extensions"),
            read: [function(Call::Read), function(Call::NotRead)],
            written: [function(Call::Written), function(Call::NotWritten)],
        });
        if self.state.get() == ReadyState::Connecting {
            self.state.set(ReadyState::Open);
            self.on_event.call(Event::Opened);
            self.ask();
        }
    }

    /// The connection has ended. If it was in order, the messages before the end come first.
    fn closed(self: &Rc<Self>, event: CloseEvent) {
        if self.state.get() == ReadyState::Closed {
            return;
        }
        let is_read = !event.was_clean || self.has_read_all.get() || self.open.get().is_none();
        self.end.set(Some(event));
        if is_read {
            self.end();
        } else {
            // Nobody has asked for what was left: Chromium 156 drops all of that but one message, and calls it a clean close.
            if !self.is_asked.get() {
                self.may_have_dropped.set(true);
            }
            self.read_all();
        }
    }

    /// Reads on to the end, however much waits.
    fn read_all(self: &Rc<Self>) {
        self.reads_all.set(true);
        self.set_paused(false);
    }

    fn end(&self) {
        if let Some(mut event) = self.end.take() {
            event.was_clean &= !self.may_have_dropped.get();
            self.state.set(ReadyState::Closed);
            self.outbox.borrow_mut().give_up();
            self.on_event.call(Event::Closed(event));
            drop(self.until_sent.take());
        }
    }

    /// The browser would fail the connection. This API has no means to, so it is closed, and heard of no more.
    fn fail(self: &Rc<Self>) {
        self.outbox.borrow_mut().give_up();
        self.close_now(&Dictionary::new());
        self.closed(close_event(&JsValue::UNDEFINED));
    }

    /// Stops to read, or goes on.
    pub fn set_paused(self: &Rc<Self>, is_paused: bool) {
        let is_paused = is_paused && !self.reads_all.get();
        if self.is_paused.replace(is_paused) && !is_paused {
            self.goes_on.set(true);
            let this = Rc::downgrade(self);
            in_next_turn(move || {
                if let Some(this) = this.upgrade() {
                    this.goes_on.set(false);
                }
            });
        }
        self.ask();
    }

    /// Asks for the next message, unless that was done before.
    fn ask(&self) {
        let Some(open) = self.open.get() else { return };
        if !self.is_paused.get() && !self.has_read_all.get() && !self.is_asked.replace(true) {
            let [fulfilled, rejected] = &open.read;
            open.reader.read().then(fulfilled, rejected);
        }
    }

    fn read(self: &Rc<Self>, chunk: &Chunk) {
        self.is_asked.set(false);
        let value = chunk.value();
        if value.is_undefined() {
            return self.has_read_all();
        }
        if !self.is_closed_here.get() {
            let is_blob = self.binary_type.get() == BinaryType::Blob;
            if let Some(data) = event::chunk(value, is_blob) {
                self.on_event.call(Event::Message(data));
            }
        }
        self.ask();
    }

    /// The peer has begun to close, or has answered.
    fn has_read_all(&self) {
        self.has_read_all.set(true);
        self.cannot_send();
        // It has done so while nobody asked, or else there would have been a turn in which nothing came.
        if self.goes_on.get() {
            self.may_have_dropped.set(true);
        }
        self.end();
    }

    /// The peer has begun to close: nothing more can be sent. What it has sent before may be unread.
    fn cannot_send(&self) {
        if self.state.get() == ReadyState::Open {
            self.state.set(ReadyState::Closing);
            self.on_event.call(Event::Sent);
        }
    }

    /// Hands a chunk to the writer, or lets it wait for the Blobs before it.
    pub fn send(&self, chunk: JsValue, len: u64) {
        let mut outbox = self.outbox.borrow_mut();
        if outbox.is_waiting() {
            outbox.wait(Part::Chunk(chunk), len);
            return;
        }
        drop(outbox);
        self.write(len, |writer| writer.write(&chunk));
    }

    /// Whether the writer has nothing to do, so that it looks at what it gets at once.
    pub fn is_idle(&self) -> bool {
        self.outbox.borrow().is_idle()
    }

    /// Whether messages wait for a Blob to be read.
    pub fn is_waiting(&self) -> bool {
        self.outbox.borrow().is_waiting()
    }

    /// Hands a message of so many bytes to the writer.
    pub fn write(&self, len: u64, write: impl FnOnce(&Writer) -> Pending) {
        let Some(open) = self.open.get() else { return };
        self.outbox.borrow_mut().write(len);
        let [fulfilled, rejected] = &open.written;
        write(&open.writer).then(fulfilled, rejected);
    }

    /// Sends a Blob, which is read first.
    pub fn send_blob(&self, blob: &JsValue, len: u64) {
        let is_first = self.outbox.borrow_mut().wait(Part::Blob(blob.clone()), len);
        if is_first {
            self.read_blob(blob);
        }
    }

    fn read_blob(&self, blob: &JsValue) {
        let function = |call| self.place.function(call);
        blob.unchecked_ref::<Blob>().array_buffer().then(&function(Call::BlobRead), &function(Call::BlobNotRead));
    }

    fn blob_read(&self, buffer: &JsValue) {
        let len = self.outbox.borrow_mut().blob_read();
        self.write(len, |writer| writer.write(buffer));
        loop {
            let next = self.outbox.borrow_mut().next();
            match next {
                Some(Ok((chunk, len))) => self.write(len, |writer| writer.write(&chunk)),
                Some(Err(blob)) => return self.read_blob(&blob),
                None => return,
            }
        }
    }

    fn written(&self, is_written: bool) {
        let mut outbox = self.outbox.borrow_mut();
        if is_written {
            outbox.written()
        } else {
            outbox.refused()
        }
        let is_empty = outbox.is_empty();
        drop(outbox);
        if !is_written {
            self.cannot_send();
        }
        if is_empty {
            let closing = self.closing.take();
            closing.iter().for_each(|info| self.close_now(info));
        }
        self.on_event.call(Event::Sent);
        if is_empty {
            drop(self.until_sent.take());
        }
    }

    /// Begins to close. What was sent goes out first.
    pub fn close(self: &Rc<Self>, info: Dictionary) {
        match self.state.get() {
            ReadyState::Connecting => {
                self.state.set(ReadyState::Closing);
                self.abort.abort();
            }
            ReadyState::Open => {
                self.state.set(ReadyState::Closing);
                self.is_closed_here.set(true);
                // Chromium 156 crashes if messages wait in the stream while it is closed.
                if self.outbox.borrow().is_empty() {
                    self.close_now(&info);
                } else {
                    self.closing.replace(Some(info));
                    self.until_sent.set(Some(Rc::clone(self)));
                }
            }
            // The peer was first: the end comes behind what it has sent before.
            ReadyState::Closing => self.read_all(),
            ReadyState::Closed => {}
        }
    }

    fn close_now(&self, info: &Dictionary) {
        // The code and the reason were checked.
        let _ = self.stream.close(info);
        self.discard();
    }

    /// Lets the browser read, for nobody, what the peer has sent before its Close frame, which comes only then.
    fn discard(&self) {
        let Some(open) = self.open.get() else { return };
        if !self.has_read_all.replace(true) {
            open.reader.release_lock();
            let pair = Dictionary::new();
            for (name, class) in [("readable", "ReadableStream"), ("writable", "WritableStream")] {
                let class = reflect::get(&js_sys::global(), class).unwrap_or_default();
                let stream = bindings::construct(&class, &Array::new()).ok().flatten().unwrap_or_default();
                pair.set(name, &stream);
            }
            let _ = open.readable.pipe_through(&pair);
        }
    }

    /// Leaves both streams to whoever wants them.
    pub fn release(&self) {
        if let Some(open) = self.open.get() {
            self.has_read_all.set(true);
            open.reader.release_lock();
            open.writer.release_lock();
        }
    }
}

/// What `closed` has to say: why the connection was closed, or an error with a code perhaps.
fn close_event(value: &JsValue) -> CloseEvent {
    let code = if value.is_object() { reflect::number(value, "closeCode") } else { f64::NAN };
    let reason = if value.is_object() { reflect::text(value, "reason") } else { String::new() };
    CloseEvent { code: if code >= 1000.0 { code as u16 } else { 1006 }, reason, was_clean: false }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("stream", &self.stream).finish_non_exhaustive()
    }
}

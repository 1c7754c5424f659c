//! The state that a socket shares with the promises that it waits for.

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

type Closure = Rc<dyn Fn(Event)>;

/// The closure that receives the events.
#[derive(Default)]
pub struct Slot(RefCell<Option<Closure>>);

impl Slot {
    pub fn set(&self, closure: impl Fn(Event) + 'static) {
        drop(self.0.replace(Some(Rc::new(closure))));
    }

    pub fn clear(&self) {
        drop(self.0.take());
    }

    fn call(&self, event: Event) {
        // Cloned, since the closure may drop its own listener. If it panics, it is called again for the next event.
        let closure = self.0.borrow().clone();
        if let Some(closure) = closure {
            closure(event);
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
    /// Whether reading is paused.
    is_paused: Cell<bool>,
    /// Whether a `read` is pending.
    is_asked: Cell<bool>,
    /// Whether the reader has delivered everything, or what it would deliver is no longer wanted.
    has_read_all: Cell<bool>,
    /// How the connection ended; `None` before, and after the listener was called.
    end: Cell<Option<CloseEvent>>,
    /// Whether the browser may have dropped messages at the end.
    may_have_dropped: Cell<bool>,
    /// Whether reading has been paused for longer than a task.
    has_stopped: Cell<bool>,
    /// Whether reading was resumed in this turn of the event loop, after it had stopped.
    goes_on: Cell<bool>,
    /// Whether to read all remaining messages, even if the receive queue is full.
    reads_all: Cell<bool>,
    outbox: RefCell<Outbox>,
    /// Whether this page has begun to close, after which received messages are dropped.
    is_closed_here: Cell<bool>,
    /// The close code and reason, for when everything is sent.
    closing: RefCell<Option<Dictionary>>,
    /// Whether the writer is unlocked for its new owner when no message waits for a Blob any more.
    is_given_away: Cell<bool>,
    /// A reference to itself while it is closing or given away with unsent messages, since its handle may already be dropped.
    until_sent: Cell<Option<Rc<Inner>>>,
}

/// The parts of an open connection.
pub struct Open {
    reader: Reader,
    readable: Readable,
    pub writer: Writer,
    pub protocol: String,
    pub extensions: String,
    read: [Function; 3],
    stops: Function,
    has_stopped: Function,
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
            has_stopped: Cell::default(),
            goes_on: Cell::default(),
            reads_all: Cell::default(),
            outbox: RefCell::default(),
            is_closed_here: Cell::default(),
            closing: RefCell::default(),
            is_given_away: Cell::default(),
            until_sent: Cell::default(),
        });
        let function = |call| inner.place.function(call);
        inner.stream.opened().then(&function(Call::Opened), &function(Call::NotOpened));
        inner.stream.closed().then(&function(Call::Closed), &function(Call::Lost));
        inner
    }

    /// Handles a promise that has resolved.
    pub fn called(self: &Rc<Self>, call: Call, value: JsValue) {
        match call {
            Call::Opened => self.opened(value.unchecked_ref()),
            Call::Closed => self.closed(CloseEvent { was_clean: true, ..close_event(&value) }),
            Call::Lost => self.closed(close_event(&value)),
            Call::Read => self.read(value.unchecked_ref()),
            // Nothing more is read, for instance since this page has closed after `closed` has resolved: nothing else reports the end.
            Call::HasRead | Call::NotRead if self.has_read_all.get() => self.end(),
            Call::HasRead => self.ask(),
            // `HasStopped` comes after the reader that the message has woken. If that reader has resumed reading, the browser has run
            // nothing in between.
            Call::Stops => self.in_microtask(|open| &open.has_stopped),
            Call::HasStopped => self.has_stopped.set(self.is_paused.get()),
            Call::Written | Call::NotWritten => self.written(call == Call::Written),
            Call::BlobRead => self.blob_read(&value),
            Call::BlobNotRead => self.fail(),
            // The promise `closed` reports the end.
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
            read: [function(Call::Read), function(Call::NotRead), function(Call::HasRead)],
            stops: function(Call::Stops),
            has_stopped: function(Call::HasStopped),
            written: [function(Call::Written), function(Call::NotWritten)],
        });
        if self.state.get() == ReadyState::Connecting {
            self.state.set(ReadyState::Open);
            self.ask();
            self.on_event.call(Event::Opened);
        }
    }

    /// Handles the end of the connection. If it was clean, the messages before the end are read first.
    fn closed(self: &Rc<Self>, event: CloseEvent) {
        if self.state.get() == ReadyState::Closed {
            return;
        }
        let is_read = !event.was_clean || self.has_read_all.get() || self.open.get().is_none();
        self.end.set(Some(event));
        if is_read {
            self.end();
        } else {
            // Without a pending `read`, Chromium 156 drops all remaining messages but one, and reports a clean close.
            if !self.is_asked.get() {
                self.may_have_dropped.set(true);
            }
            self.read_all();
        }
    }

    /// Reads all remaining messages, even if the receive queue is full.
    fn read_all(self: &Rc<Self>) {
        self.reads_all.set(true);
        self.set_paused(false);
    }

    fn end(&self) {
        if let Some(mut event) = self.end.take() {
            event.was_clean &= !self.may_have_dropped.get();
            self.state.set(ReadyState::Closed);
            // A close waits until the writer has sent or refused its messages, also after a failure or a loss.
            let is_closing = self.closing.borrow().is_some();
            self.outbox.borrow_mut().give_up(is_closing);
            // Nothing else ends the wait for a Blob that cannot be read.
            let _until_sent = self.outbox.borrow().is_empty().then(|| self.until_sent.take());
            self.on_event.call(Event::Closed(event));
        }
    }

    /// Reports a loss at once, and closes the connection after the messages that the writer has. A `WebSocket` would fail the
    /// connection, which this API cannot do.
    fn fail(self: &Rc<Self>) {
        self.outbox.borrow_mut().give_up(true);
        // Without the code of a close that waits: the peer would take the code for a sign that everything was sent.
        drop(self.closing.take());
        self.close_when_sent(Dictionary::new());
        self.closed(close_event(&JsValue::UNDEFINED));
    }

    /// Pauses or resumes reading. The browser does not notice a pause that ends in the same task of the event loop.
    pub fn set_paused(self: &Rc<Self>, is_paused: bool) {
        let is_paused = is_paused && !self.reads_all.get();
        let was_paused = self.is_paused.replace(is_paused);
        if is_paused && !was_paused {
            self.in_microtask(|open| &open.stops);
        }
        if !is_paused && self.has_stopped.take() {
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

    /// Calls a function in a microtask: the promise has resolved.
    fn in_microtask(&self, function: impl Fn(&Open) -> &Function) {
        if let Some(open) = self.open.get() {
            self.stream.opened().then(function(open), &JsValue::UNDEFINED);
        }
    }

    /// Asks for the next message, unless a `read` is pending.
    fn ask(&self) {
        let Some(open) = self.open.get() else { return };
        if !self.is_paused.get() && !self.has_read_all.get() && !self.is_asked.replace(true) {
            let [fulfilled, rejected, then] = &open.read;
            let read = open.reader.read();
            read.then(fulfilled, rejected);
            // A callback of its own asks for the next message, after the listener, which may pause reading, and even if it panics.
            read.then(then, rejected);
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
    }

    /// Handles the end of the readable stream: the peer has begun to close, or has answered a close.
    fn has_read_all(&self) {
        self.has_read_all.set(true);
        self.cannot_send();
        // The stream has ended in the turn in which reading was resumed, so it ended while reading was paused.
        if self.goes_on.get() {
            self.may_have_dropped.set(true);
        }
        self.end();
    }

    /// Stops sending, since the peer has begun to close. Messages that it has sent before may be unread.
    fn cannot_send(&self) {
        if self.state.get() == ReadyState::Open {
            self.state.set(ReadyState::Closing);
            self.on_event.call(Event::Sent);
        }
    }

    /// Hands a chunk to the writer, or queues it behind the Blobs before it.
    pub fn send(&self, chunk: JsValue, len: u64) {
        let mut outbox = self.outbox.borrow_mut();
        if outbox.is_waiting() {
            outbox.wait(Part::Chunk(chunk), len);
            return;
        }
        drop(outbox);
        self.write(len, |writer| writer.write(&chunk));
    }

    /// Returns whether the writer is idle, so that it reads the next chunk before `write` returns.
    pub fn is_idle(&self) -> bool {
        self.outbox.borrow().is_idle()
    }

    /// Returns whether messages wait for a Blob to be read.
    pub fn is_waiting(&self) -> bool {
        self.outbox.borrow().is_waiting()
    }

    /// Hands a message of `len` bytes to the writer.
    pub fn write(&self, len: u64, write: impl FnOnce(&Writer) -> Pending) {
        if let Some(open) = self.open.get() {
            self.wait_for(write(&open.writer), len);
        }
    }

    /// Waits until the writer has finished a message, now or when the messages before it are finished.
    fn wait_for(&self, promise: Pending, len: u64) {
        let is_awaited = self.outbox.borrow_mut().write(len);
        self.then(&promise, is_awaited);
        if !is_awaited {
            self.outbox.borrow_mut().keep(promise);
        }
    }

    /// Handles a rejection of the writer's promise, which would otherwise be an error of the page, and its fulfilment if it
    /// `is_awaited`.
    fn then(&self, promise: &Pending, is_awaited: bool) {
        if let Some(Open { written: [fulfilled, rejected], .. }) = self.open.get() {
            let fulfilled: &JsValue = if is_awaited { fulfilled } else { &JsValue::UNDEFINED };
            promise.then(fulfilled, rejected);
        }
    }

    /// Reads a Blob, then sends its bytes.
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
                None => break,
            }
        }
        if self.is_given_away.get() {
            self.open.get().iter().for_each(|open| open.writer.release_lock());
        }
    }

    fn written(&self, is_written: bool) {
        if is_written {
            let next = self.outbox.borrow_mut().written();
            next.iter().for_each(|promise| self.then(promise, true));
        } else {
            self.outbox.borrow_mut().refused();
            self.cannot_send();
        }
        let is_empty = self.outbox.borrow().is_empty();
        if is_empty {
            let closing = self.closing.take();
            closing.iter().for_each(|info| self.close_now(info));
        }
        // Taken before the call, in which a task may send and then drop the handle, which sets it again.
        let _until_sent = is_empty.then(|| self.until_sent.take());
        self.on_event.call(Event::Sent);
    }

    /// Closes the connection after all unsent messages.
    pub fn close(self: &Rc<Self>, info: Dictionary) {
        match self.state.get() {
            ReadyState::Connecting => {
                self.state.set(ReadyState::Closing);
                self.abort.abort();
            }
            ReadyState::Open => {
                self.state.set(ReadyState::Closing);
                self.close_when_sent(info);
            }
            // The peer has begun to close: the end comes after the messages that it has sent before.
            ReadyState::Closing => self.read_all(),
            ReadyState::Closed => {}
        }
    }

    /// Closes the connection when the outbox is empty.
    fn close_when_sent(self: &Rc<Self>, info: Dictionary) {
        self.is_closed_here.set(true);
        // Chromium 156 crashes if a stream is closed while messages wait in it.
        if self.outbox.borrow().is_empty() {
            self.close_now(&info);
        } else {
            self.closing.replace(Some(info));
            self.until_sent.set(Some(Rc::clone(self)));
            // The peer may not read before this page does.
            self.read_all();
        }
    }

    fn close_now(&self, info: &Dictionary) {
        // The code and the reason were checked, so it does not throw.
        let _ = self.stream.close(info);
        self.discard();
    }

    /// Makes the browser read and discard the messages before the peer's Close frame, since it reaches that frame only then.
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

    /// Unlocks both streams for their new owner; the writable stream only after the messages that wait for a Blob.
    pub fn release(self: &Rc<Self>) {
        let Some(open) = self.open.get() else { return };
        self.has_read_all.set(true);
        open.reader.release_lock();
        if self.is_waiting() {
            self.is_given_away.set(true);
            self.until_sent.set(Some(Rc::clone(self)));
        } else {
            open.writer.release_lock();
        }
    }
}

/// Converts the value of `closed`: the close code and reason, or an error that may have a close code.
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

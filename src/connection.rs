//! One connection, as its handles share it.

use std::cell::{Cell, OnceCell, RefCell, RefMut};
use std::collections::VecDeque;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::backpressure::Line;
use crate::close;
use crate::lifecycle::{End, Lifecycle};
use crate::notify::Finally;
use crate::queue::{Overfull, Queue, Taken, Wake};
use crate::sys::{Alarm, Change, Data, Listener, RawSocket, in_next_turn};
use crate::trace::trace;
use crate::{CloseCode, CloseReason, Error, Options, ReadyState};

/// A connection, for as long as it has a handle. When this is dropped, it is closed.
///
/// Who waits to send is in the [`Line`], which has its methods beside it.
pub(crate) struct Connection {
    // Dropped before the socket is closed, so that no event of the closing comes.
    listeners: Cell<Option<[Listener; 2]>>,
    socket: RawSocket,
    line: RefCell<Line>,
    connect_timeout: Duration,
    close_timeout: Duration,
    lifecycle: Rc<Lifecycle>,
    queue: RefCell<Queue<Data>>,
    /// Takes messages instead of the queue, once there is one.
    inlet: OnceCell<Box<dyn Fn(Data)>>,
    is_closed_here: Cell<bool>,
    is_turn_asked_for: Cell<bool>,
}

impl Connection {
    /// Attaches the listeners.
    pub fn new(socket: RawSocket, options: &Options) -> Rc<Self> {
        let this = Rc::new(Self {
            listeners: Cell::new(None),
            socket,
            line: RefCell::new(Line::new(options)),
            connect_timeout: options.connect_timeout,
            close_timeout: options.close_timeout,
            lifecycle: Rc::default(),
            queue: RefCell::new(Queue::new(options.receive_limit)),
            inlet: OnceCell::new(),
            is_closed_here: Cell::new(false),
            is_turn_asked_for: Cell::new(false),
        });
        if this.socket.ready_state() == ReadyState::Open {
            this.lifecycle.open();
        }
        let [message, change] = [(); 2].map(|()| Rc::downgrade(&this));
        let listeners = [
            this.socket.on_message(move |data| with(&message, |this| this.received(data))),
            this.socket.on_change(move |event| with(&change, |this| this.changed(event))),
        ];
        this.listeners.set(Some(listeners));
        this
    }

    pub fn socket(&self) -> &RawSocket {
        &self.socket
    }

    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    pub fn close_timeout(&self) -> Duration {
        self.close_timeout
    }

    pub fn lifecycle(&self) -> &Rc<Lifecycle> {
        &self.lifecycle
    }

    // These two borrow in one place each, which holds the code and the text for a panic that never comes.
    pub fn queue(&self) -> RefMut<'_, Queue<Data>> {
        self.queue.borrow_mut()
    }

    pub fn line(&self) -> RefMut<'_, Line> {
        self.line.borrow_mut()
    }

    /// Begins to close. Whoever waits to send need not wait any longer.
    pub fn close(&self) {
        self.closes();
        self.socket.close();
        self.wake_senders();
    }

    /// Begins to close with a code and a reason.
    pub fn close_with<C, R>(&self, code: C, reason: R) -> Result<(), Error>
    where
        C: TryInto<CloseCode, Error: Into<Error>>,
        R: TryInto<CloseReason, Error: Into<Error>>,
    {
        let (code, reason) = close::frame(code, reason)?;
        self.closes();
        self.socket.close_with(code, &reason)?;
        self.wake_senders();
        Ok(())
    }

    /// Why nothing can be sent on a socket in this state.
    pub fn refusal(&self, state: ReadyState) -> Error {
        match self.lifecycle.ended() {
            Some(End::Overflow) => Error::Overflow,
            _ => Error::NotOpen(state),
        }
    }

    /// Whether this page has closed the connection before the peer did, as far as it could know.
    pub fn is_closed_here(&self) -> bool {
        self.is_closed_here.get()
    }

    /// Hands messages to `inlet` instead of the queue from now on. Returns the queued ones.
    pub fn divert(&self, inlet: impl Fn(Data) + 'static) -> VecDeque<Data> {
        let _ = self.inlet.set(Box::new(inlet));
        self.queue().drain()
    }

    /// Resolves when the connection was opened, or has ended without that, as it does when its time is over. It has one
    /// who waits at most, in the place of the one who will receive.
    pub fn poll_opened(self: &Rc<Self>, context: &Context<'_>, alarm: &mut Option<Alarm>) -> Poll<()> {
        // A server may accept and close at once: that connection was open.
        if self.lifecycle.is_opened() || self.lifecycle.ended().is_some() {
            return Poll::Ready(());
        }
        self.wait_for_message(context);
        alarm.get_or_insert_with(|| {
            let this = Rc::downgrade(self);
            Alarm::new(self.connect_timeout, move |_| with(&this, |this| this.connects_too_long()))
        });
        Poll::Pending
    }

    /// Takes what has arrived, or waits for it.
    pub fn poll_take(self: &Rc<Self>, context: &Context<'_>) -> Taken<Data> {
        let taken = self.queue().take();
        if matches!(taken, Taken::Empty | Taken::Pause) {
            self.wait_for_message(context);
        }
        if matches!(taken, Taken::Pause) {
            self.ask_for_turn();
        }
        taken
    }

    fn wait_for_message(&self, context: &Context<'_>) {
        let last = self.queue().wait(context.waker());
        // When no borrow is held: what it drops may be a handle of this.
        drop(last);
    }

    /// Ends the connection for all of its handles: nothing more is heard of it, for this reason.
    pub fn end(&self, reason: End) {
        self.listeners.take();
        self.ended(reason);
    }

    /// This page is about to close the connection.
    fn closes(&self) {
        if self.socket.ready_state() == ReadyState::Open {
            self.is_closed_here.set(true);
        }
    }

    fn received(self: &Rc<Self>, data: Data) {
        self.hint();
        if let Some(inlet) = self.inlet.get() {
            return inlet(data);
        }
        let pushed = self.queue().push(data);
        match pushed {
            Ok(None) => {}
            Ok(Some(Wake::Now(reader))) => reader.wake(),
            Ok(Some(Wake::NextTurn)) => self.ask_for_turn(),
            Err(Overfull(reader)) => {
                self.socket.close();
                self.ended(End::Overflow);
                wake(reader);
            }
        }
    }

    fn changed(&self, change: Change) {
        match change {
            Change::Opened => {
                trace!(DEBUG, url = %crate::redact::PublicUrl(&self.socket.url()), "open");
                self.lifecycle.open();
                let waiting = self.queue().take_reader();
                wake(waiting);
            }
            // By the standard a `close` follows, which tells more. But of a connection that they block, browsers tell this
            // alone: Chromium if the page's policy forbids it, WebKit for a port, or `ws:` on a page of `https:`.
            Change::Failed if self.lifecycle.is_opened() => {}
            Change::Failed => self.ended(End::Failed),
            Change::Closed(event) => self.ended(End::Closed(event)),
        }
    }

    fn connects_too_long(&self) {
        if !self.lifecycle.is_opened() {
            // Close now rather than let `Drop` wait for the handshake.
            self.socket.close();
            self.ended(End::ConnectTimeout);
        }
    }

    /// Asks for [`turn`](Self::turn) in the next turn of the event loop, once.
    pub fn ask_for_turn(self: &Rc<Self>) {
        if !self.is_turn_asked_for.replace(true) {
            let this = Rc::downgrade(self);
            in_next_turn(move || with(&this, Self::turn));
        }
    }

    /// Runs in a turn of the event loop: wakes the reader, and looks at the socket.
    fn turn(self: &Rc<Self>) {
        self.is_turn_asked_for.set(false);
        let reader = self.queue().turn();
        // Also if waking a sender panics.
        let _reader = Finally::new(|| wake(reader));
        self.look_in_turn();
    }

    fn ended(&self, end: End) {
        if self.lifecycle.ended().is_none() {
            trace!(DEBUG, url = %crate::redact::PublicUrl(&self.socket.url()), ?end, "ended");
        }
        let reader = self.queue().end(end.loss());
        // Each in its turn, also if waking one of them panics.
        let _reader = Finally::new(|| wake(reader));
        let _senders = Finally::new(|| self.wake_senders());
        self.lifecycle.end(end);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end(End::Dropped);
    }
}

// With `panic=unwind`, wasm-bindgen demands these of what an exported `async fn` holds. They are true: nothing here runs
// foreign code while it holds a borrow or is half changed.
impl UnwindSafe for Connection {}
impl RefUnwindSafe for Connection {}

/// Does something with a connection, if it has a handle still.
fn with(connection: &Weak<Connection>, action: impl FnOnce(&Rc<Connection>)) {
    if let Some(connection) = connection.upgrade() {
        action(&connection);
    }
}

fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}

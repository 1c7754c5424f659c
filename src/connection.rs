//! One connection, as its handles share it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::backpressure::{Backpressure, Wait};
use crate::close::{self, ABNORMAL};
use crate::lifecycle::Lifecycle;
use crate::notify::Finally;
use crate::queue::{Overfull, Queue, Taken, Wake};
use crate::sys::{Data, Listener, RawSocket, in_next_turn};
use crate::{CloseCode, CloseEvent, CloseReason, Error, Options, ReadyState};

/// A connection, for as long as it has a handle. When this is dropped, it is closed.
pub(crate) struct Connection {
    // Dropped before the socket is closed, so that no event of the closing comes.
    listeners: Cell<Option<[Listener; 4]>>,
    shared: Rc<Shared>,
}

/// What the listeners and the handles have in common.
struct Shared {
    close_timeout: Duration,
    lifecycle: Rc<Lifecycle>,
    queue: RefCell<Queue<Data>>,
    /// Takes messages instead of the queue, once there is one.
    inlet: OnceCell<Box<dyn Fn(Data)>>,
    backpressure: Rc<Backpressure>,
    is_closed_here: Cell<bool>,
}

impl Connection {
    /// Attaches the listeners.
    pub fn new(socket: RawSocket, options: &Options) -> Self {
        let shared = Rc::new(Shared {
            lifecycle: Rc::default(),
            queue: RefCell::new(Queue::new(options.receive_limit)),
            inlet: OnceCell::new(),
            backpressure: Rc::new(Backpressure::new(socket, options)),
            close_timeout: options.close_timeout,
            is_closed_here: Cell::new(false),
        });
        if shared.socket().ready_state() == ReadyState::Open {
            shared.lifecycle.open();
        }
        let [open, message, error, close] = [(); 4].map(|()| Rc::clone(&shared));
        let listeners = [
            shared.socket().on_open(move || open.lifecycle.open()),
            shared.socket().on_message(move |data| message.received(data)),
            shared.socket().on_error(move || error.failed()),
            shared.socket().on_close(move |event| close.ended(Ok(event))),
        ];
        Self { listeners: Cell::new(Some(listeners)), shared }
    }

    pub fn socket(&self) -> &RawSocket {
        self.shared.socket()
    }

    pub fn close_timeout(&self) -> Duration {
        self.shared.close_timeout
    }

    pub fn lifecycle(&self) -> &Rc<Lifecycle> {
        &self.shared.lifecycle
    }

    pub fn queue(&self) -> &RefCell<Queue<Data>> {
        &self.shared.queue
    }

    /// Begins to close. Whoever waits to send need not wait any longer.
    pub fn close(&self) {
        self.shared.closes();
        self.socket().close();
        self.shared.backpressure.wake_all();
    }

    /// Begins to close with a code and a reason.
    pub fn close_with<C, R>(&self, code: C, reason: R) -> Result<(), Error>
    where
        C: TryInto<CloseCode, Error: Into<Error>>,
        R: TryInto<CloseReason, Error: Into<Error>>,
    {
        let (code, reason) = close::frame(code, reason)?;
        self.shared.closes();
        self.socket().close_with(code, &reason)?;
        self.shared.backpressure.wake_all();
        Ok(())
    }

    /// Why nothing can be sent on a socket in this state.
    pub fn refusal(&self, state: ReadyState) -> Error {
        match self.shared.lifecycle.ended() {
            Some(Err(Error::Overflow)) => Error::Overflow,
            _ => Error::NotOpen(state),
        }
    }

    /// Whether this page has closed the connection before the peer did, as far as it could know.
    pub fn is_closed_here(&self) -> bool {
        self.shared.is_closed_here.get()
    }

    /// Whether a message may be sent without waiting. For one who has waited, [`poll_room`](Self::poll_room) has said so.
    pub fn has_room(&self) -> bool {
        self.shared.backpressure.has_room()
    }

    pub fn poll_room(&self, context: &mut Context<'_>, wait: &mut Wait) -> Poll<Result<(), ReadyState>> {
        self.shared.backpressure.poll_room(context, wait)
    }

    pub fn poll_empty(&self, context: &mut Context<'_>, wait: &mut Wait) -> Poll<Result<(), ReadyState>> {
        self.shared.backpressure.poll_empty(context, wait)
    }

    /// Hands messages to `inlet` instead of the queue from now on. Returns the queued ones.
    pub fn divert(&self, inlet: impl Fn(Data) + 'static) -> VecDeque<Data> {
        let _ = self.shared.inlet.set(Box::new(inlet));
        self.shared.queue.borrow_mut().drain()
    }

    /// See [`Backpressure::progress`].
    pub fn progress(&self) -> (u64, u64) {
        self.shared.backpressure.progress()
    }

    /// Takes what has arrived, or waits for it.
    pub fn poll_take(&self, context: &mut Context<'_>) -> Taken<Data> {
        let mut queue = self.shared.queue.borrow_mut();
        let taken = queue.take();
        match taken {
            Taken::Empty => {
                let last = queue.wait(context.waker());
                drop(queue);
                drop(last);
            }
            Taken::Pause => {
                let waker = context.waker().clone();
                in_next_turn(move || waker.wake());
            }
            _ => {}
        }
        taken
    }

    /// Ends the connection for all of its handles: nothing more is heard of it, for this reason.
    pub fn end(&self, reason: Error) {
        self.listeners.take();
        self.shared.ended(Err(reason));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end(Error::Dropped);
    }
}

// With `panic=unwind`, wasm-bindgen demands these of what an exported `async fn` holds. They are true: nothing here runs
// foreign code while it holds a borrow or is half changed.
impl UnwindSafe for Connection {}
impl RefUnwindSafe for Connection {}
impl UnwindSafe for Shared {}
impl RefUnwindSafe for Shared {}

impl Shared {
    fn socket(&self) -> &RawSocket {
        self.backpressure.socket()
    }

    /// This page is about to close the connection.
    fn closes(&self) {
        if self.socket().ready_state() == ReadyState::Open {
            self.is_closed_here.set(true);
        }
    }

    fn received(self: &Rc<Self>, data: Data) {
        self.backpressure.hint();
        if let Some(inlet) = self.inlet.get() {
            return inlet(data);
        }
        let pushed = self.queue.borrow_mut().push(data);
        let reader = match pushed {
            Ok(None) => None,
            Ok(Some(Wake::Now(reader))) => Some(reader),
            Ok(Some(Wake::NextTurn)) => {
                let shared = Rc::downgrade(self);
                return in_next_turn(move || {
                    if let Some(shared) = shared.upgrade() {
                        let reader = shared.queue.borrow_mut().turn();
                        wake(reader);
                    }
                });
            }
            Err(Overfull(reader)) => {
                self.socket().close();
                self.ended(Err(Error::Overflow));
                reader
            }
        };
        wake(reader);
    }

    /// By the standard a `close` follows, which tells more. But of a connection that they block, browsers tell this alone:
    /// Chromium if the page's policy forbids it, WebKit for a port, or `ws:` on a page of `https:`.
    fn failed(&self) {
        if !self.lifecycle.is_opened() {
            self.ended(Err(Error::ConnectFailed { url: self.socket().url(), code: ABNORMAL }));
        }
    }

    fn ended(&self, end: Result<CloseEvent, Error>) {
        let loss = end.clone().and_then(CloseEvent::checked).err();
        let reader = self.queue.borrow_mut().end(loss);
        // Each in its turn, also if waking one of them panics.
        let _reader = Finally::new(|| wake(reader));
        let _senders = Finally::new(|| self.backpressure.wake_all());
        self.lifecycle.end(end);
    }
}

fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}

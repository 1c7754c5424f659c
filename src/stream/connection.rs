//! One connection, shared by its handles.

use std::cell::{Cell, OnceCell, RefCell, RefMut};
use std::collections::VecDeque;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::end::End;
use crate::receive::queue::{Overfull, Queue, Taken, Wake};
#[cfg(feature = "streams")]
use crate::receive::reading::Reading;
use crate::send::backpressure::Line;
use crate::send::places::WaitsFor;
use crate::sys::{Alarm, Data, Event, Listener, RawSocket, in_next_turn};
use crate::trace::trace;
use crate::types::close;
use crate::wake::Finally;
use crate::{CloseCode, CloseEvent, CloseReason, Error, Options, ReadyState};

/// A handle of a connection. The connection is closed when the last handle is dropped.
///
/// Waits and listeners hold the [`Connection`] itself, which does not keep it open.
pub(crate) struct Handle(Rc<Connection>);

/// A connection, shared by its handles and its listener.
///
/// The tasks that wait to send or for the end are in the [`Line`]. The methods for them are in the module of `Line`.
pub(crate) struct Connection {
    handles: Cell<usize>,
    listener: Cell<Option<Listener>>,
    socket: RawSocket,
    line: RefCell<Line>,
    connect_timeout: Duration,
    close_timeout: Duration,
    is_opened: Cell<bool>,
    end: OnceCell<End>,
    queue: RefCell<Queue<Data>>,
    /// Receives messages instead of the queue, once it is set.
    owner: OnceCell<Box<dyn Owner>>,
    is_closed_here: Cell<bool>,
    is_turn_asked_for: Cell<bool>,
    #[cfg(feature = "streams")]
    reading: Reading,
}

/// The owner of a connection, which receives its messages, and counts the bytes that are sent.
pub(crate) trait Owner {
    fn receive(&self, data: Data);

    /// Counts bytes that were sent in slices. The owner itself sends all other messages.
    fn count_slice(&self, len: u64);
}

impl Handle {
    /// Attaches the listener.
    pub fn new(socket: RawSocket, options: &Options) -> Self {
        #[cfg(feature = "streams")]
        let (reading, receive_limit) = Reading::of(socket.transport(), options);
        #[cfg(not(feature = "streams"))]
        let receive_limit = options.receive_limit;
        let is_opened = socket.ready_state() == ReadyState::Open;
        let this = Rc::new(Connection {
            handles: Cell::new(1),
            listener: Cell::new(None),
            line: RefCell::new(Line::new(options, &socket)),
            socket,
            connect_timeout: options.connect_timeout,
            close_timeout: options.close_timeout,
            is_opened: Cell::new(is_opened),
            end: OnceCell::new(),
            queue: RefCell::new(Queue::new(receive_limit)),
            owner: OnceCell::new(),
            is_closed_here: Cell::new(false),
            is_turn_asked_for: Cell::new(false),
            #[cfg(feature = "streams")]
            reading,
        });
        let connection = Rc::clone(&this);
        this.listener.set(Some(this.socket.on_event(move |event| connection.handle_event(event))));
        Self(this)
    }
}

impl Connection {
    pub fn socket(&self) -> &RawSocket {
        &self.socket
    }

    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    pub fn close_timeout(&self) -> Duration {
        self.close_timeout
    }

    /// Returns whether the next turn of the event loop wakes a reader that has taken many messages at once.
    pub fn has_paused_reader(&self) -> bool {
        self.is_turn_asked_for.get() && self.queue().has_paused_reader()
    }

    /// Returns whether the connection has ever been open.
    pub fn is_opened(&self) -> bool {
        self.is_opened.get()
    }

    /// Returns how the connection has ended; `None` until then.
    pub fn ended(&self) -> Option<&End> {
        self.end.get()
    }

    /// Returns the close event or why there is none, once the connection has ended.
    pub fn result(&self) -> Option<Result<CloseEvent, Error>> {
        self.ended().map(End::result)
    }

    /// Returns the close event, once there is one.
    pub fn close_event(&self) -> Option<CloseEvent> {
        self.result()?.ok()
    }

    // `queue` and `line` borrow in one place each, so that the code of the panic, which never happens, exists only once.
    pub fn queue(&self) -> RefMut<'_, Queue<Data>> {
        self.queue.borrow_mut()
    }

    pub fn line(&self) -> RefMut<'_, Line> {
        self.line.borrow_mut()
    }

    /// Begins to close, and ends all waits to send.
    pub fn close(&self) {
        self.note_close();
        self.socket.close();
        self.release(WaitsFor::Call);
    }

    /// Begins to close with a code and a reason.
    pub fn close_with<C, R>(&self, code: C, reason: R) -> Result<(), Error>
    where
        C: TryInto<CloseCode, Error: Into<Error>>,
        R: TryInto<CloseReason, Error: Into<Error>>,
    {
        let (code, reason) = close::frame(code, reason)?;
        self.note_close();
        self.socket.close_with(code, &reason)?;
        self.release(WaitsFor::Call);
        Ok(())
    }

    /// Returns why nothing can be sent on a socket in this state.
    pub fn refusal(&self, state: ReadyState) -> Error {
        match self.ended() {
            Some(End::Overflow) => Error::Overflow,
            _ => Error::NotOpen(state),
        }
    }

    /// Returns whether this page has closed the connection before it knew of a close by the peer.
    pub fn is_closed_here(&self) -> bool {
        self.is_closed_here.get()
    }

    /// Passes messages to `owner` instead of the queue from now on. Returns the queued messages.
    pub fn divert(&self, owner: impl Owner + 'static) -> VecDeque<Data> {
        let _ = self.owner.set(Box::new(owner));
        self.queue().drain()
    }

    pub fn owner(&self) -> Option<&dyn Owner> {
        self.owner.get().map(|owner| &**owner)
    }

    /// Pauses or resumes the browser's reading after the queue has changed.
    pub fn pace_reading(&self) {
        #[cfg(feature = "streams")]
        self.reading.pace(&self.socket, |read_ahead| self.queue().is_full(read_ahead));
    }

    /// Resolves when the connection has opened, or has ended before, for instance by the timeout. At most one task waits here,
    /// and uses the reader's waker.
    pub fn poll_opened(self: &Rc<Self>, context: &Context<'_>, alarm: &mut Option<Alarm>) -> Poll<()> {
        // If a server accepts and closes at once, the connection counts as opened.
        if self.is_opened() || self.ended().is_some() {
            return Poll::Ready(());
        }
        self.wait_for_message(context);
        alarm.get_or_insert_with(|| {
            let this = Rc::clone(self);
            Alarm::new(self.connect_timeout, move |_| this.time_out())
        });
        Poll::Pending
    }

    /// Takes the next message, or registers the waker.
    pub fn poll_take(self: &Rc<Self>, context: &Context<'_>) -> Taken<Data> {
        let taken = self.queue().take();
        if matches!(taken, Taken::Empty | Taken::Pause) {
            self.wait_for_message(context);
        }
        if matches!(taken, Taken::Pause) {
            self.ask_for_turn();
        }
        self.pace_reading();
        taken
    }

    fn wait_for_message(&self, context: &Context<'_>) {
        let last = self.queue().wait(context.waker());
        // Dropped when no borrow is held, since dropping a waker may drop a handle of this connection.
        drop(last);
    }

    /// Ends the connection for all its handles, and removes the listener.
    pub fn end(&self, reason: End) {
        self.listener.take();
        self.record_end(reason);
    }

    /// Notes that this page closes the connection. Called before the close.
    fn note_close(&self) {
        if self.socket.ready_state() == ReadyState::Open {
            self.is_closed_here.set(true);
        }
    }

    fn receive(self: &Rc<Self>, data: Data) {
        self.hint();
        if let Some(owner) = self.owner() {
            return owner.receive(data);
        }
        let pushed = self.queue().push(data);
        self.pace_reading();
        match pushed {
            Ok(None) => {}
            Ok(Some(Wake::Now(reader))) => reader.wake(),
            Ok(Some(Wake::NextTurn)) => self.ask_for_turn(),
            Err(Overfull(reader)) => {
                // The reader is woken even if waking another task panics.
                let _reader = Finally::new(|| wake(reader));
                self.socket.close();
                self.record_end(End::Overflow);
            }
        }
    }

    fn handle_event(self: &Rc<Self>, event: Event) {
        match event {
            Event::Message(data) => self.receive(data),
            Event::Opened => {
                trace!(DEBUG, url = %crate::types::redact::PublicUrl(&self.socket.url()), "open");
                self.is_opened.set(true);
                let waiting = self.queue().take_reader();
                wake(waiting);
            }
            // By the standard a `close` event follows in the same task, and has the code. For a connection that the browser blocks,
            // only this event fires: in Chromium if the page's policy forbids it, in WebKit for some ports and for `ws:` on an
            // `https:` page.
            Event::Failed => self.ask_for_turn(),
            Event::Closed(event) => self.record_end(End::Closed(event)),
            #[cfg(feature = "streams")]
            Event::Sent => self.look_now(),
        }
    }

    fn time_out(&self) {
        if !self.is_opened() {
            // Noted first, since Node.js 24.9 and newer fire `close` during the call.
            self.note_end(End::ConnectTimeout);
            // Close now rather than let `Drop` wait for the handshake.
            self.socket.close();
            self.record_end(End::ConnectTimeout);
        }
    }

    /// Asks for [`turn`](Self::turn) in the next turn of the event loop, once.
    pub fn ask_for_turn(self: &Rc<Self>) {
        if !self.is_turn_asked_for.replace(true) {
            let this = Rc::clone(self);
            in_next_turn(move || this.turn());
        }
    }

    /// Runs in a turn of the event loop: wakes the reader, and looks at the socket.
    fn turn(self: &Rc<Self>) {
        self.is_turn_asked_for.set(false);
        if !self.is_opened() {
            // Before the connection opens, only its failure asks for a turn.
            return self.record_end(End::Failed);
        }
        let reader = self.queue().turn();
        // The reader is woken even if waking a sender panics.
        let _reader = Finally::new(|| wake(reader));
        self.look_in_turn();
    }

    /// Notes the end, if it is the first, and returns the first.
    fn note_end(&self, end: End) -> &End {
        if self.ended().is_none() {
            trace!(DEBUG, url = %crate::types::redact::PublicUrl(&self.socket.url()), ?end, "ended");
        }
        self.end.get_or_init(|| end)
    }

    /// Notes the end and wakes all tasks.
    fn record_end(&self, end: End) {
        let end = self.note_end(end);
        let reader = self.queue().end(end.is_loss());
        // The reader is woken even if waking another task panics.
        let _reader = Finally::new(|| wake(reader));
        self.release(WaitsFor::End);
    }
}

impl Deref for Handle {
    type Target = Rc<Connection>;

    fn deref(&self) -> &Rc<Connection> {
        &self.0
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        self.handles.set(self.handles.get() + 1);
        Self(Rc::clone(&self.0))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let others = self.handles.get() - 1;
        self.handles.set(others);
        if others == 0 {
            // Removes the listener before the close, so that no event of the close reaches it.
            self.end(End::Dropped);
            self.socket.leave();
        }
    }
}

// With `panic=unwind`, wasm-bindgen requires these of all values in an exported `async fn`. They hold: no other code runs while
// the connection is borrowed or partly changed.
impl UnwindSafe for Connection {}
impl RefUnwindSafe for Connection {}

fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}

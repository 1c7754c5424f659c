//! The state that the handles of a connection that comes back share with its driver.

#[cfg(feature = "session")]
use std::cell::OnceCell;
use std::cell::{Cell, RefCell};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::backoff::random_from;
use super::driver::Driver;
use super::event::{Action, Command, Event, Moment, Signal};
use super::heartbeat::Flow;
use super::inbox::Inbox;
use super::link::Link;
use super::machine::Machine;
use super::notify::Notify;
use super::outbox::Outbox;
use super::state::Announcer;
use crate::receive::queue::{Len, Overfull, Wake};
#[cfg(feature = "streams")]
use crate::receive::reading::Reading;
use crate::send::backpressure::Wait;
use crate::send::line::Line;
#[cfg(feature = "streams")]
use crate::sys::RawSocket;
use crate::sys::{Data, in_next_turn, now, random};
use crate::trace::trace;
use crate::{
    Cause, CloseCode, CloseEvent, CloseReason, Error, InDoubt, Message, ReconnectOptions, SendError, State,
    WebSocketStream,
};

/// A received message, decoded if it was looked at before.
pub(crate) struct Item {
    pub content: Content,
    len: u64,
}

pub(crate) enum Content {
    Data(Data),
    Decoded(Result<Message, Error>),
}

impl Content {
    /// Returns the message; `None` for what no browser delivers.
    pub fn decode(self) -> Option<Result<Message, Error>> {
        match self {
            Self::Data(data) => data.decode(),
            Self::Decoded(decoded) => Some(decoded),
        }
    }
}

#[cfg(feature = "session")]
type Inlet = Box<dyn Fn(Result<Message, Error>)>;

impl Len for Item {
    fn len(&self) -> u64 {
        self.len
    }
}

/// The borrows of its cells are never held while foreign code runs. Foreign is the caller's code, wakers included, and the
/// browser's functions, which a page can replace.
pub(crate) struct Shared {
    pub machine: RefCell<Machine<Message>>,
    link: RefCell<Option<Rc<Link>>>,
    pub inbox: RefCell<Inbox<Item>>,
    pub announcer: RefCell<Announcer>,
    pub options: Rc<ReconnectOptions>,
    /// The code and the reason with which the caller closes.
    pub close_frame: RefCell<Option<(CloseCode, CloseReason)>>,
    /// How it ended, once it has.
    pub end: RefCell<Option<Result<Option<CloseEvent>, Error>>>,
    /// Wakes those who wait for a flush, or for the end.
    pub notify: Notify,
    /// Those who wait for room, and where the driver waits for it in their place.
    pub line: Rc<Line>,
    pub room: Cell<Wait>,
    /// Takes what is received instead of the inbox, once there is one.
    #[cfg(feature = "session")]
    inlet: OnceCell<Inlet>,
    driver: Cell<Option<Box<Driver>>>,
    task: RefCell<Option<Waker>>,
    is_dropped: Cell<bool>,
    #[cfg(feature = "streams")]
    reading: Reading,
}

impl Shared {
    pub fn new(options: ReconnectOptions) -> Self {
        let outbox = Outbox::new(options.queue, options.when_full, options.unconfirmed, options.when_lost);
        let machine = Machine::new(options.settings(), outbox, random_from(random()));
        #[cfg(feature = "streams")]
        let (reading, receive_limit) = {
            let transport = RawSocket::available(options.connection.transport);
            Reading::of(transport, &options.connection)
        };
        #[cfg(not(feature = "streams"))]
        let receive_limit = options.connection.receive_limit;
        Self {
            machine: RefCell::new(machine),
            link: RefCell::default(),
            inbox: RefCell::new(Inbox::new(receive_limit)),
            announcer: RefCell::new(Announcer::new(State::Connecting { attempt: 1, cause: Cause::Requested })),
            options: Rc::new(options),
            close_frame: RefCell::default(),
            end: RefCell::default(),
            notify: Notify::default(),
            line: Rc::default(),
            room: Cell::default(),
            #[cfg(feature = "session")]
            inlet: OnceCell::new(),
            driver: Cell::default(),
            task: RefCell::default(),
            is_dropped: Cell::default(),
            #[cfg(feature = "streams")]
            reading,
        }
    }

    pub fn set_driver(&self, driver: Driver) {
        self.driver.set(Some(Box::new(driver)));
    }

    /// Polls the driver. Resolves when nothing is left to drive.
    pub fn poll(self: &Rc<Self>, context: &mut Context<'_>) -> Poll<()> {
        let last = self.task.replace(Some(context.waker().clone()));
        drop(last);
        // Taken, as the caller's own code may drop the last handle meanwhile.
        let Some(mut driver) = self.driver.take() else {
            drop(self.task.take());
            return Poll::Ready(());
        };
        let polled = driver.poll(self, context);
        if polled.is_ready() || self.is_dropped.get() {
            drop(driver);
            self.stop();
            return Poll::Ready(());
        }
        self.driver.set(Some(driver));
        Poll::Pending
    }

    /// Passes all messages to `inlet` from now on.
    #[cfg(feature = "session")]
    pub fn set_inlet(&self, inlet: impl Fn(Result<Message, Error>) + 'static) {
        // There was none.
        let _set = self.inlet.set(Box::new(inlet));
    }

    /// Lets the driver run.
    pub fn wake(&self) {
        let task = self.task.borrow().clone();
        if let Some(task) = task {
            task.wake();
        }
    }

    /// The connection that is live.
    pub fn link(&self) -> Option<Rc<Link>> {
        self.link.borrow().clone()
    }

    /// Handles an event. The driver acts on it when it runs.
    pub fn handle(&self, event: Event) {
        self.with_machine(|machine, at| machine.handle(event, at));
    }

    /// Runs a command of the caller. A close begins before this returns, so that later messages do not go out with it.
    pub fn command(&self, command: Command) {
        if self.with_machine(|machine, at| machine.command(command, at)) {
            self.close();
        }
        self.wake();
    }

    fn with_machine<T>(&self, handle: impl FnOnce(&mut Machine<Message>, Moment) -> T) -> T {
        let flow = self.link().map_or(Flow::default(), |link| link.flow());
        let at = Moment { now: now(), flow };
        let mut machine = self.machine.borrow_mut();
        // An answer to the heartbeat is not read either.
        #[cfg(feature = "streams")]
        if self.reading.is_paused() {
            machine.is_unheard();
        }
        handle(&mut machine, at)
    }

    /// Closes for good because of an error.
    pub fn fail(&self, error: Error) {
        self.handle(Event::Failed(error));
        self.wake();
    }

    /// Closes a connection for good that has no driver.
    pub fn fail_without_driver(&self, error: Error) {
        self.fail(error);
        loop {
            let action = self.machine.borrow_mut().next_action();
            match action {
                Some(Action::Tell(state)) => self.tell(state),
                Some(Action::End(cause, closing)) => self.finish(cause, closing),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Uses an open connection from now on.
    pub fn adopt(self: &Rc<Self>, stream: WebSocketStream, generation: u64) {
        let shared = Rc::downgrade(self);
        let queued = stream.connection().divert(move |data| {
            if let Some(shared) = shared.upgrade() {
                shared.received(generation, data);
            }
        });
        self.link.replace(Some(Rc::new(Link::new(stream, generation))));
        self.handle(Event::Connection(generation, Signal::Opened));
        queued.into_iter().for_each(|data| self.received(generation, data));
        #[cfg(feature = "streams")]
        if let Some(link) = self.link() {
            self.reading.start_over(link.socket());
        }
        self.pace_reading();
        self.notify.wake_all();
    }

    /// Drops the connection.
    pub fn drop_link(&self) {
        drop(self.room.take());
        let link = self.link.take();
        drop(link);
        self.notify.wake_all();
    }

    /// Lets the browser read, or not, after the inbox has changed.
    pub fn pace_reading(&self) {
        #[cfg(feature = "streams")]
        if let Some(link) = self.link() {
            self.reading.pace(link.socket(), |read_ahead| self.inbox.borrow().is_full(read_ahead));
        }
    }

    /// Passes on a message of the connection with this generation, unless it answers the heartbeat.
    fn received(self: &Rc<Self>, generation: u64, data: Data) {
        let (is_live, awaits_pong) = {
            let machine = self.machine.borrow();
            (machine.is_live(generation), machine.outbox.awaits_pong())
        };
        if !is_live {
            return;
        }
        let len = data.len();
        let content = match self.options.heartbeat.as_ref().filter(|_| awaits_pong) {
            None => Content::Data(data),
            Some(heartbeat) => match data.decode() {
                Some(Ok(message)) if (heartbeat.is_pong)(&message) => return self.lives(generation, true),
                Some(decoded) => Content::Decoded(decoded),
                // No browser delivers this.
                None => return,
            },
        };
        self.lives(generation, false);
        #[cfg(feature = "session")]
        if let Some(inlet) = self.inlet.get() {
            return content.decode().into_iter().for_each(inlet);
        }
        self.push(Item { content, len });
    }

    /// The peer lives.
    fn lives(&self, generation: u64, is_pong: bool) {
        if self.options.heartbeat.is_none() {
            return;
        }
        self.handle(Event::Connection(generation, Signal::Received { is_pong }));
        if self.machine.borrow().has_actions() {
            self.wake();
        }
    }

    fn push(self: &Rc<Self>, item: Item) {
        let mut inbox = self.inbox.borrow_mut();
        let pushed = inbox.push(item);
        if pushed.is_err() {
            let _ = inbox.end(Some(Error::Overflow));
        }
        drop(inbox);
        self.pace_reading();
        match pushed {
            Ok(None) => {}
            Ok(Some(Wake::Now(reader))) => reader.wake(),
            Ok(Some(Wake::NextTurn)) => {
                let shared = Rc::downgrade(self);
                in_next_turn(move || {
                    let reader = shared.upgrade().and_then(|shared| shared.inbox.borrow_mut().turn());
                    reader.into_iter().for_each(Waker::wake);
                });
            }
            Err(Overfull(reader)) => {
                self.fail(Error::Overflow);
                reader.into_iter().for_each(Waker::wake);
            }
        }
    }

    /// Ends the stream after an error that the reader got.
    pub fn cut(&self, error: Error) {
        let waiting = self.inbox.borrow_mut().cut();
        drop(waiting);
        self.fail(error);
    }

    /// Hands over all that is pending, whether there is room or not, and begins to close.
    pub fn close(&self) {
        while self.send_next() {}
        let frame = self.close_frame.borrow().clone();
        if let Some(link) = self.link() {
            link.close(frame);
        }
        self.notify.wake_all();
    }

    /// Hands over the oldest pending message. Returns whether there was one, and it is not pending any more.
    pub fn send_next(&self) -> bool {
        let Some(link) = self.link() else { return false };
        let message = self.machine.borrow_mut().outbox.take_next();
        let Some(message) = message else { return false };
        let taken = link.send(&message);
        self.machine.borrow_mut().handed(message, taken)
    }

    /// Hands a message over or queues it, and returns its number. Otherwise the error returns the message.
    ///
    /// A sender that has waited has its turn. Others go behind all senders that wait.
    pub fn try_send(&self, message: Message, is_its_turn: bool) -> Result<u64, SendError<Message>> {
        let (len, link) = (message.len(), self.link().filter(|link| link.is_open()));
        let has_room = is_its_turn || link.as_ref().is_some_and(|link| link.has_room());
        let mut machine = self.machine.borrow_mut();
        let refused = match (machine.refusal(), link) {
            (Some(refusal), _) => refusal,
            (None, _) if !is_its_turn && self.line.has_sender() => Error::Full,
            (None, Some(link)) if machine.is_open() && !machine.outbox.is_pending() => {
                if has_room {
                    let number = machine.outbox.take_in_hand(len);
                    drop(machine);
                    return self.hand_over(&link, message, number);
                }
                Error::Full
            }
            _ if machine.outbox.has_room() => {
                let number = machine.outbox.push(message, len);
                let is_open = machine.is_open();
                drop(machine);
                if is_open {
                    self.wake();
                }
                return Ok(number);
            }
            _ => Error::Full,
        };
        machine.outbox.reject();
        Err(SendError { message, error: refused })
    }

    /// Hands over a message that is in hand. One on which the browser throws is handed back.
    fn hand_over(&self, link: &Link, message: Message, number: u64) -> Result<u64, SendError<Message>> {
        let taken = link.send(&message);
        let mut machine = self.machine.borrow_mut();
        if let Err(error) = taken {
            machine.outbox.refused();
            return Err(SendError { message, error });
        }
        machine.handed(message, Ok(()));
        Ok(number)
    }

    /// Confirms that the peer has received the messages up to a number.
    pub fn confirm(&self, number: u64) -> u64 {
        let mut machine = self.machine.borrow_mut();
        let was_pending = machine.outbox.is_pending();
        let confirmed = machine.outbox.confirm_up_to(number);
        drop(machine);
        // Messages in doubt that were to be sent again.
        if was_pending {
            self.has_less_pending();
        }
        confirmed
    }

    /// Takes back what is queued.
    pub fn take_queued(&self) -> Vec<Message> {
        let queued = self.machine.borrow_mut().outbox.take_queued();
        self.has_less_pending();
        queued
    }

    /// Perhaps nothing is pending any more, or the queue has room.
    fn has_less_pending(&self) {
        self.notify.wake_all();
        self.wake();
    }

    /// A copy of the messages in doubt.
    pub fn in_doubt(&self) -> InDoubt {
        let (count, messages) = self.machine.borrow().outbox.in_doubt();
        InDoubt { count, messages }
    }

    pub fn take_in_doubt(&self) -> InDoubt {
        let (count, messages) = self.machine.borrow_mut().outbox.take_in_doubt();
        self.has_less_pending();
        InDoubt { count, messages }
    }

    /// Sends a state to the listeners.
    pub fn tell(&self, state: State) {
        trace!(INFO, %state, "reconnecting");
        let told = self.announcer.borrow_mut().tell(state);
        told.into_iter().for_each(Waker::wake);
    }

    /// Finishes: the connection is closed for good.
    pub fn finish(&self, cause: Cause, closing: Option<Result<CloseEvent, Error>>) {
        let end = match (closing, &cause) {
            (Some(end), _) => end.map(Some),
            (None, Cause::Requested) => Ok(None),
            (None, Cause::Closed(event)) => Ok(Some(event.clone())),
            (None, Cause::Failed(error)) => Err(error.clone()),
        };
        self.end.replace(Some(end));
        let reader = self.inbox.borrow_mut().end(cause.into_error());
        reader.into_iter().for_each(Waker::wake);
        self.notify.wake_all();
    }

    /// Drops everything that is of the browser: the last handle is gone, or it is over.
    pub fn stop(&self) {
        self.is_dropped.set(true);
        drop(self.driver.take());
        self.drop_link();
        let told = self.announcer.borrow_mut().end();
        told.into_iter().for_each(Waker::wake);
        self.wake();
    }
}

// With `panic=unwind`, wasm-bindgen demands these of what an exported `async fn` holds. They are true: what runs the caller's
// code holds no borrow.
impl UnwindSafe for Shared {}
impl RefUnwindSafe for Shared {}

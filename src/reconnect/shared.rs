//! The state that the handles of a connection that comes back share with its driver.

use std::cell::{Cell, OnceCell, RefCell};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::task::Waker;

use super::backoff::random_from;
use super::event::{Command, Event, Moment};
use super::heartbeat::{Flow, Heartbeat};
use super::inbox::{Inbox, Item};
use super::link::Link;
use super::machine::Machine;
use super::notify::Notify;
use super::outbox::Outbox;
use super::state::Announcer;
#[cfg(feature = "streams")]
use crate::receive::reading::Reading;
use crate::send::backpressure::Wait;
use crate::send::line::Line;
#[cfg(feature = "streams")]
use crate::sys::RawSocket;
use crate::sys::{now, random};
use crate::{Cause, CloseCode, CloseEvent, CloseReason, Error, Message, ReconnectOptions, State};

#[cfg(feature = "session")]
type Inlet = Box<dyn Fn(Result<Message, Error>)>;

/// The state that the handles of a connection that comes back share with its driver.
///
/// More of its methods are in `receiving`, `sending` and `waiting`. No borrow of its cells is held while other code runs: the
/// caller's code, wakers, and the browser's functions, which a page can replace.
pub(crate) struct Shared {
    pub machine: RefCell<Machine<Message>>,
    /// The current connection, which the driver sets.
    pub link: RefCell<Option<Rc<Link>>>,
    pub inbox: RefCell<Inbox<Item>>,
    pub announcer: RefCell<Announcer>,
    pub heartbeat: Option<Heartbeat>,
    /// How the connection was closed for good; empty before.
    pub end: OnceCell<Result<Option<CloseEvent>, Error>>,
    /// Wakes the tasks that wait for a flush or for the end.
    pub notify: Notify,
    /// The senders that wait for room.
    pub line: Rc<Line>,
    /// The driver's place in the connection's line, where it waits for room for pending messages, and then for the first sender.
    pub room: Cell<Wait>,
    /// Receives messages instead of the inbox, once it is set.
    #[cfg(feature = "session")]
    pub inlet: OnceCell<Inlet>,
    #[cfg(feature = "streams")]
    pub reading: Reading,
    /// The task that polls the driver.
    pub task: RefCell<Option<Waker>>,
}

impl Shared {
    pub fn new(options: &ReconnectOptions) -> Self {
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
            heartbeat: options.heartbeat.clone(),
            end: OnceCell::new(),
            notify: Notify::default(),
            line: Rc::default(),
            room: Cell::default(),
            #[cfg(feature = "session")]
            inlet: OnceCell::new(),
            #[cfg(feature = "streams")]
            reading,
            task: RefCell::default(),
        }
    }

    /// Wakes the task of the driver.
    pub fn wake(&self) {
        let task = self.task.borrow().clone();
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Returns the current connection.
    pub fn link(&self) -> Option<Rc<Link>> {
        self.link.borrow().clone()
    }

    /// Returns the current connection, if messages may be handed over to it.
    pub fn open_link(&self) -> Option<Rc<Link>> {
        self.link().filter(|link| self.machine.borrow().is_open() && link.is_open())
    }

    /// Handles an event. The driver acts on it when it runs.
    pub fn handle(&self, event: Event) {
        self.with_machine(|machine, at| machine.handle(event, at));
    }

    /// Runs a command of the caller.
    pub fn command(&self, command: Command) {
        self.obey(command, None);
    }

    /// Closes for good, with an optional code and reason.
    pub fn close(&self, frame: Option<(CloseCode, CloseReason)>) {
        self.obey(Command::Close, frame);
    }

    /// Closes for good because of an error.
    pub fn fail(&self, error: Error) {
        self.handle(Event::Failed(error));
        self.wake();
    }

    /// Runs a command. Closing begins before this function returns, so that later messages do not go out before the close.
    fn obey(&self, command: Command, frame: Option<(CloseCode, CloseReason)>) {
        if self.with_machine(|machine, at| machine.command(command, at)) {
            self.hand_over_all();
            if let Some(link) = self.link() {
                link.close(frame);
            }
            self.notify.wake_all();
        }
        self.wake();
    }

    pub fn with_machine<T>(&self, handle: impl FnOnce(&mut Machine<Message>, Moment) -> T) -> T {
        let flow = self.link().map_or(Flow::default(), |link| link.flow());
        let at = Moment { now: now(), flow };
        let mut machine = self.machine.borrow_mut();
        // While reading is paused, an answer to the heartbeat is not read, either.
        #[cfg(feature = "streams")]
        if self.reading.is_paused() {
            machine.reset_wait();
        }
        handle(&mut machine, at)
    }
}

// With `panic=unwind`, wasm-bindgen requires these of all values in an exported `async fn`. They hold: no borrow is held while
// the caller's code runs.
impl UnwindSafe for Shared {}
impl RefUnwindSafe for Shared {}

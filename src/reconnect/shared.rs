//! What the handles of a connection that comes back have in common with what drives it.

use std::cell::{Cell, RefCell};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::driver::Driver;
use super::event::{Command, Event, Moment};
use super::heartbeat::Flow;
use super::inbox::Inbox;
use super::link::Link;
use super::machine::Machine;
use super::outbox::Outbox;
use super::states::Announcer;
use crate::notify::Notify;
use crate::sys::{Data, now, random};
use crate::{Cause, CloseCode, CloseEvent, CloseReason, Error, Message, ReconnectOptions, SendError, State};

/// A message, decoded if somebody had to look at it before.
pub(crate) enum Item {
    Data(Data),
    Decoded(Result<Message, Error>),
}

pub(crate) struct Shared {
    pub machine: RefCell<Machine<Message>>,
    pub link: RefCell<Option<Link>>,
    pub inbox: RefCell<Inbox<Item>>,
    pub announcer: RefCell<Announcer>,
    /// What the caller closes with.
    pub close_frame: RefCell<Option<(CloseCode, CloseReason)>>,
    /// How it ended, once it has.
    pub end: RefCell<Option<Result<Option<CloseEvent>, Error>>>,
    /// Wakes those who wait for room, for all to be sent, or for the end.
    pub notify: Notify,
    driver: Cell<Option<Box<Driver>>>,
    task: RefCell<Option<Waker>>,
    is_dropped: Cell<bool>,
}

impl Shared {
    pub fn new(options: &ReconnectOptions) -> Self {
        let outbox = Outbox::new(options.queue, options.when_full, options.unconfirmed);
        let machine = Machine::new(options.settings(), outbox, random);
        Self {
            machine: RefCell::new(machine),
            link: RefCell::default(),
            inbox: RefCell::new(Inbox::new(options.connection.receive_limit)),
            announcer: RefCell::new(Announcer::new(State::Connecting { attempt: 1, cause: Cause::Requested })),
            close_frame: RefCell::default(),
            end: RefCell::default(),
            notify: Notify::default(),
            driver: Cell::default(),
            task: RefCell::default(),
            is_dropped: Cell::default(),
        }
    }

    pub fn set_driver(&self, driver: Driver) {
        self.driver.set(Some(Box::new(driver)));
    }

    /// Does what is to be done, and resolves when nothing ever will be.
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

    /// Takes in what happens, and lets the driver do something about it.
    pub fn handle(&self, event: Event) {
        let flow = self.link.borrow().as_ref().map_or(Flow::default(), Link::flow);
        self.machine.borrow_mut().handle(event, Moment { now: now(), flow });
    }

    /// Does what the caller wants. A closing is begun before this returns, so that what is sent later does not go out with it.
    pub fn command(&self, command: Command) {
        self.handle(Event::Command(command));
        let is_to_close = self.machine.borrow_mut().is_to_close();
        if is_to_close {
            self.close();
        }
        self.wake();
    }

    /// Hands over all that is queued, whether there is room or not, and begins to close.
    pub fn close(&self) {
        while self.send_front() {}
        let link = self.link.take();
        link.iter().for_each(|link| link.close(&self.close_frame.borrow()));
        self.link.replace(link);
        self.notify.wake_all();
    }

    /// Hands over the message that has waited longest. Whether there was one, and the browser took it.
    pub fn send_front(&self) -> bool {
        let (mut machine, mut link) = (self.machine.borrow_mut(), self.link.borrow_mut());
        let (Some(message), Some(link)) = (machine.outbox.front(), link.as_mut()) else { return false };
        let is_sent = link.send(message).is_ok();
        if is_sent {
            machine.outbox.front_handed_over();
        }
        is_sent
    }

    /// Lets the driver run.
    pub fn wake(&self) {
        let task = self.task.borrow().clone();
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Drops everything that is of the browser: the last handle is gone, or it is over.
    pub fn stop(&self) {
        self.is_dropped.set(true);
        drop(self.driver.take());
        let link = self.link.take();
        drop(link);
        let told = self.announcer.borrow_mut().end();
        told.into_iter().for_each(Waker::wake);
        self.wake();
    }

    /// Tells a state to whoever wants to know.
    pub fn tell(&self, state: State) {
        let told = self.announcer.borrow_mut().tell(state);
        told.into_iter().for_each(Waker::wake);
    }

    /// Hands a message over, or queues it, and gives its number; or hands it back.
    pub fn try_send(&self, message: Message) -> Result<u64, SendError<Message>> {
        let (mut machine, mut link) = (self.machine.borrow_mut(), self.link.borrow_mut());
        let len = message.len();
        let refused = if let Some(refusal) = machine.refusal() {
            refusal
        } else {
            let open = link.as_mut().filter(|_| machine.is_open() && machine.outbox.is_empty());
            match open.map(|link| if link.has_room() { link.send(&message) } else { Err(Error::Full) }) {
                Some(Ok(())) => return Ok(machine.outbox.handed_over(message, len)),
                // It is closed already, but that was not yet heard.
                None | Some(Err(Error::NotOpen(_))) if machine.outbox.has_room() => {
                    return Ok(machine.outbox.push(message, len));
                }
                Some(Err(error @ Error::Thrown { .. })) => error,
                _ => Error::Full,
            }
        };
        machine.outbox.rejected();
        Err(SendError { message, error: refused })
    }
}

// With `panic=unwind`, wasm-bindgen demands these of what an exported `async fn` holds. They are true: what runs the caller's
// code holds no borrow.
impl UnwindSafe for Shared {}
impl RefUnwindSafe for Shared {}

//! Waiting for a connection that comes back: for room in it, for a flush, and for the end.

use std::iter;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::link::Link;
use super::machine::Machine;
use super::notify::Waiter;
use super::shared::Shared;
use crate::send::backpressure::Wait;
use crate::send::places::{WaitsFor, Whose};
use crate::sys::in_next_turn;
use crate::wake::wake_each;
use crate::{CloseEvent, Error, Message, ReadyState, WhenFull};

/// A task that waits: for a change, and for the buffer of the current connection to be empty.
#[derive(Default)]
pub(crate) struct Patience {
    /// The place in the line of the connection with this generation.
    in_link: (u64, Wait),
    waiter: Waiter,
}

/// The place of a sender in the line. Its turn lasts until this is dropped, so that its message goes out before the next
/// sender's turn.
#[derive(Default)]
pub(crate) struct Turn(Option<(Rc<Shared>, u64)>);

impl Shared {
    /// Resolves when it is the caller's turn to send, or with the error because of which it cannot.
    pub fn poll_room(self: &Rc<Self>, context: &Context<'_>, turn: &mut Turn) -> Poll<Result<(), Error>> {
        if let Some(refusal) = self.look(Machine::refusal) {
            *turn = Turn::default();
            return Poll::Ready(Err(refusal));
        }
        let whose = self.line.borrow_mut().turn(turn.id());
        let room = if whose == Whose::Anothers { Poll::Pending } else { self.room(Link::has_room) };
        if room.is_ready() {
            if matches!(room, Poll::Ready(Err(_))) {
                *turn = Turn::default();
            }
            return room;
        }
        let (id, last) = self.line.borrow_mut().enter(turn.id(), WaitsFor::Turn, context.waker().clone());
        drop(last);
        if id != turn.id() {
            *turn = Turn(Some((Rc::clone(self), id)));
        }
        if whose != Whose::Anothers {
            // The driver waits for room in its place.
            self.wake();
        }
        Poll::Pending
    }

    /// Calls the first sender when there is room, or all senders when no message is accepted any more.
    ///
    /// Only the driver waits for room in a connection, since a sender may never be polled again.
    pub fn poll_line(self: &Rc<Self>, context: &mut Context<'_>) {
        if self.look(Machine::refusal).is_some() {
            self.line.borrow_mut().release(WaitsFor::End);
            return self.wake_called();
        }
        let (mut wait, wants_room) = (self.room.take(), self.line.borrow_mut().wants_room());
        if wants_room && self.room(|link| link.poll_room(context, &mut wait).is_ready()).is_pending() {
            return self.room.set(wait);
        }
        drop(wait);
        if wants_room {
            self.call();
        }
    }

    /// Calls the first sender, and checks in the next turn of the event loop whether it has come.
    fn call(self: &Rc<Self>) {
        if self.line.borrow_mut().call() && !self.is_watched.replace(true) {
            let shared = Rc::downgrade(self);
            in_next_turn(move || {
                let Some(shared) = shared.upgrade() else { return };
                shared.is_watched.set(false);
                let is_missed = shared.line.borrow_mut().miss();
                if is_missed {
                    shared.call();
                }
            });
        }
        self.wake_called();
    }

    /// Wakes all who need not wait any longer.
    fn wake_called(&self) {
        wake_each(iter::from_fn(|| self.line.borrow_mut().take_called()));
    }

    /// Returns whether the first sender can send. `has_room` asks the connection.
    fn room(&self, has_room: impl FnOnce(&Link) -> bool) -> Poll<Result<(), Error>> {
        if let Some(link) = self.link().filter(|link| self.look(Machine::is_open) && link.is_open()) {
            // What is pending goes first.
            let can_send = !self.look(|machine| machine.outbox.is_pending()) && has_room(&link);
            return if can_send { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        match self.look(|machine| (machine.outbox.has_room(), machine.outbox.when_full())) {
            (true, _) => Poll::Ready(Ok(())),
            (false, WhenFull::Wait) => Poll::Pending,
            (false, _) => Poll::Ready(Err(Error::Full)),
        }
    }

    /// Resolves when nothing is pending: everything was handed over.
    pub fn poll_handed_over(&self, context: &Context<'_>, patience: &mut Patience) -> Poll<Result<(), Error>> {
        match self.look(|machine| (machine.outbox.is_pending(), machine.is_closed())) {
            (false, _) => Poll::Ready(Ok(())),
            (true, true) => Poll::Ready(Err(Error::NotOpen(ReadyState::Closed))),
            (true, false) => self.wait(context, patience),
        }
    }

    /// Resolves when nothing is pending, and the browser holds nothing either.
    pub fn poll_flush(&self, context: &mut Context<'_>, patience: &mut Patience) -> Poll<Result<(), Error>> {
        ready!(self.poll_handed_over(context, patience))?;
        if self.look(Machine::is_open) && self.poll_empty(context, patience).is_pending() {
            return self.wait(context, patience);
        }
        // What has not left with a connection that is gone is in doubt, as is told.
        Poll::Ready(Ok(()))
    }

    /// Resolves when it is over for good.
    pub fn poll_end(&self, context: &Context<'_>, patience: &mut Patience) -> Poll<Result<Option<CloseEvent>, Error>> {
        if let Some(end) = &*self.end.borrow() {
            return Poll::Ready(end.clone());
        }
        self.wait(context, patience)
    }

    /// Resolves when the browser holds nothing, also if there is no connection.
    fn poll_empty(&self, context: &mut Context<'_>, patience: &mut Patience) -> Poll<()> {
        let Some(link) = self.link() else { return Poll::Ready(()) };
        if patience.in_link.0 != link.generation {
            patience.in_link = (link.generation, Wait::default());
        }
        link.poll_empty(context, &mut patience.in_link.1).map(drop)
    }

    fn look<T>(&self, look: impl Fn(&Machine<Message>) -> T) -> T {
        look(&self.machine.borrow())
    }

    fn wait<T>(&self, context: &Context<'_>, patience: &mut Patience) -> Poll<T> {
        self.notify.wait(&mut patience.waiter, context.waker());
        Poll::Pending
    }
}

impl Turn {
    /// The number of the place in the line. 0 is none's.
    fn id(&self) -> u64 {
        self.0.as_ref().map_or(0, |(_, id)| *id)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some((shared, id)) = &self.0 else { return };
        let (was_called, waker) = shared.line.borrow_mut().leave(*id);
        drop(waker);
        if !shared.line.borrow_mut().has_sender() {
            drop(shared.room.take());
        }
        if was_called {
            shared.call();
        }
    }
}

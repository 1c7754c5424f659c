//! Waiting on a connection that comes back: for room, for a flush, and for the end.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::link::Link;
use super::machine::Machine;
use super::notify::Waiter;
use super::shared::Shared;
use crate::send::backpressure::Wait;
use crate::send::line;
use crate::{CloseEvent, Error, Message, ReadyState, WhenFull};

/// A task that waits for a change, and for an empty buffer of the current connection.
#[derive(Default)]
pub(crate) struct Patience {
    /// The place in the line of the connection with this generation.
    in_link: (u64, Wait),
    waiter: Waiter,
}

/// The place of a sender in the line.
#[derive(Default)]
pub(crate) struct Turn {
    place: line::Turn,
    /// The place in the connection's line, kept until this sender has sent.
    room: Wait,
    shared: Option<Rc<Shared>>,
}

impl Shared {
    /// Resolves when it is the caller's turn to send, or with the error if it cannot send.
    pub fn poll_room(self: &Rc<Self>, context: &Context<'_>, turn: &mut Turn) -> Poll<Result<(), Error>> {
        if let Some(refusal) = self.look(Machine::refusal) {
            *turn = Turn::default();
            return Poll::Ready(Err(refusal));
        }
        let mut room = None;
        let ready = self.line.poll(context, &mut turn.place, || room.insert(self.room(context)).is_ready());
        match room {
            Some(room) if ready.is_ready() => {
                turn.room = self.room.take();
                if matches!(room, Poll::Ready(Err(_))) {
                    *turn = Turn::default();
                }
                return room;
            }
            // This is the first sender: the driver waits for room on its behalf.
            Some(_) => self.wake(),
            None => {}
        }
        turn.shared.get_or_insert_with(|| Rc::clone(self));
        Poll::Pending
    }

    /// Calls the first sender when there is room, or all senders when no message is accepted any more.
    ///
    /// Only the driver waits for room in the connection, since a sender may never be polled again.
    pub fn poll_line(self: &Rc<Self>, context: &Context<'_>) {
        if self.look(Machine::refusal).is_some() {
            self.line.release();
        } else if self.line.wants_room() {
            if self.room(context).is_ready() {
                self.line.call();
            }
        } else {
            self.leave_unneeded_place();
        }
    }

    /// Resolves if the first sender can send. Its place in the connection's line is kept until it has sent: otherwise `Slices` that a
    /// preamble has begun would go first each time.
    fn room(&self, context: &Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(link) = self.open_link() {
            // Pending messages go first.
            if self.look(|machine| machine.outbox.is_pending()) {
                return Poll::Pending;
            }
            return self.poll_link(context, &link).map(|_| Ok(()));
        }
        match self.look(|machine| (machine.outbox.has_room(), machine.outbox.when_full())) {
            (true, _) => Poll::Ready(Ok(())),
            (false, WhenFull::Wait) => Poll::Pending,
            (false, _) => Poll::Ready(Err(Error::Full)),
        }
    }

    /// Resolves when there is room in the connection, or with the state of the connection if it is not open.
    pub fn poll_link(&self, context: &Context<'_>, link: &Link) -> Poll<Result<(), ReadyState>> {
        let mut wait = self.room.take();
        let room = link.poll_room(context, &mut wait);
        self.room.set(wait);
        room
    }

    /// Gives up the driver's place in the connection's line if neither a pending message nor a sender waits any more.
    pub fn leave_unneeded_place(&self) {
        if !self.line.has_sender() && !self.look(|machine| machine.outbox.is_pending()) {
            drop(self.room.take());
        }
    }

    /// Resolves when all pending messages were handed over.
    pub fn poll_handed_over(&self, context: &Context<'_>, patience: &mut Patience) -> Poll<Result<(), Error>> {
        match self.look(|machine| (machine.outbox.is_pending(), machine.is_closed())) {
            (false, _) => Poll::Ready(Ok(())),
            (true, true) => Poll::Ready(Err(Error::NotOpen(ReadyState::Closed))),
            (true, false) => self.wait(context, patience),
        }
    }

    /// Resolves when no message is pending, and the browser's buffer is empty.
    pub fn poll_flush(&self, context: &mut Context<'_>, patience: &mut Patience) -> Poll<Result<(), Error>> {
        ready!(self.poll_handed_over(context, patience))?;
        if self.look(Machine::is_open) && self.poll_empty(context, patience).is_pending() {
            return self.wait(context, patience);
        }
        // Messages that had not left before the connection ended are in doubt, which `State::InDoubt` reports.
        Poll::Ready(Ok(()))
    }

    /// Resolves when the connection is closed for good.
    pub fn poll_end(&self, context: &Context<'_>, patience: &mut Patience) -> Poll<Result<Option<CloseEvent>, Error>> {
        if let Some(end) = self.end.get() {
            return Poll::Ready(end.clone());
        }
        self.wait(context, patience)
    }

    /// Resolves when the browser's buffer is empty, or there is no connection. While a connection closes with unsent messages, its end
    /// is awaited, since they may be sent again.
    fn poll_empty(&self, context: &mut Context<'_>, patience: &mut Patience) -> Poll<()> {
        let Some(link) = self.link() else { return Poll::Ready(()) };
        if patience.in_link.0 != link.generation {
            patience.in_link = (link.generation, Wait::default());
        }
        match link.poll_empty(context, &mut patience.in_link.1) {
            Poll::Ready(Ok(())) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    fn look<T>(&self, look: impl Fn(&Machine<Message>) -> T) -> T {
        look(&self.machine.borrow())
    }

    fn wait<T>(&self, context: &Context<'_>, patience: &mut Patience) -> Poll<T> {
        self.notify.wait(&mut patience.waiter, context.waker());
        Poll::Pending
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        (self.place, self.room) = Default::default();
        // The driver waits for room for the next sender, or gives up its place.
        self.shared.take().iter().for_each(|shared| shared.wake());
    }
}

//! Waiting for a connection that comes back: for room in it, for a flush, and for the end.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker, ready};

use super::link::Link;
use super::machine::Machine;
use super::shared::Shared;
use crate::backpressure::Wait;
use crate::notify::Waiter;
use crate::{CloseEvent, Error, Message, ReadyState, WhenFull};

/// One who waits, also for room in a connection or for its buffer to be empty, as long as it is the same connection.
#[derive(Default)]
pub(crate) struct Patience {
    in_link: Option<(u64, Wait)>,
    waiter: Waiter,
}

/// A sender who waits for room. Its turn lasts until this is dropped, so that its message goes out before the next one's turn.
#[derive(Default)]
pub(crate) struct Turn {
    place: Option<Place>,
    patience: Patience,
}

/// The line of senders who wait for room, in the order in which they began to. Only the first one looks for room.
#[derive(Default)]
pub(crate) struct Line {
    waiting: RefCell<VecDeque<(Rc<()>, Waker)>>,
}

/// A place in the line. It is given up when this is dropped.
struct Place {
    line: Weak<Line>,
    id: Rc<()>,
}

impl Line {
    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// Whether nobody waits before one who has this place, or none yet.
    fn is_next(&self, place: Option<&Place>) -> bool {
        match (self.waiting.borrow().front(), place) {
            (Some((first, _)), Some(place)) => Rc::ptr_eq(first, &place.id),
            (first, _) => first.is_none(),
        }
    }

    /// Takes a place, or keeps it.
    fn enter(self: &Rc<Self>, place: &mut Option<Place>, context: &Context<'_>) {
        let waker = context.waker().clone();
        let id = Rc::clone(&place.get_or_insert_with(|| Place { line: Rc::downgrade(self), id: Rc::default() }).id);
        let mut waiting = self.waiting.borrow_mut();
        let own = waiting.iter_mut().find(|(waiting, _)| Rc::ptr_eq(waiting, &id));
        let last = match own {
            Some((_, own)) => Some(std::mem::replace(own, waker)),
            None => {
                waiting.push_back((id, waker));
                None
            }
        };
        drop(waiting);
        drop(last);
    }

    /// Gives a place up. If it was the first, it is the next one's turn.
    fn leave(&self, id: &Rc<()>) {
        let mut waiting = self.waiting.borrow_mut();
        let Some(own) = waiting.iter().position(|(waiting, _)| Rc::ptr_eq(waiting, id)) else { return };
        let left = waiting.remove(own);
        let next = waiting.front().filter(|_| own == 0).map(|(_, waker)| waker.clone());
        drop(waiting);
        drop(left);
        next.into_iter().for_each(Waker::wake);
    }
}

// With `panic=unwind`, wasm-bindgen demands these of what an exported `async fn` holds. They are true: the line is changed in
// one step, and no foreign code runs meanwhile.
impl UnwindSafe for Place {}
impl RefUnwindSafe for Place {}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(line) = self.line.upgrade() {
            line.leave(&self.id);
        }
    }
}

impl Shared {
    /// Resolves when it is the caller's turn to give a message, or with the error for which it cannot.
    pub fn poll_room(&self, context: &mut Context<'_>, turn: &mut Turn) -> Poll<Result<(), Error>> {
        let room = match self.look(Machine::refusal) {
            Some(refusal) => Poll::Ready(Err(refusal)),
            None if self.line.is_next(turn.place.as_ref()) => self.poll_room_next(context, &mut turn.patience),
            None => Poll::Pending,
        };
        match room {
            Poll::Pending => self.line.enter(&mut turn.place, context),
            Poll::Ready(Err(_)) => *turn = Turn::default(),
            Poll::Ready(Ok(())) => {}
        }
        room
    }

    /// The same for one before whom nobody waits.
    fn poll_room_next(&self, context: &mut Context<'_>, patience: &mut Patience) -> Poll<Result<(), Error>> {
        let is_open = self.look(Machine::is_open) && self.link().is_some_and(|link| link.is_open());
        // What is pending goes first.
        let can_send = is_open && !self.look(|machine| machine.outbox.is_pending());
        let room = if can_send { self.poll_link(context, patience, Link::poll_room) } else { Poll::Pending };
        match room {
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            Poll::Pending if is_open => return self.wait(context, patience),
            // There is no connection, or there will be none.
            _ => {}
        }
        match self.look(|machine| (machine.outbox.has_room(), machine.outbox.when_full())) {
            (true, _) => Poll::Ready(Ok(())),
            (false, WhenFull::Wait) => self.wait(context, patience),
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
        if self.look(Machine::is_open) && self.poll_link(context, patience, Link::poll_empty).is_pending() {
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

    fn poll_link(
        &self,
        context: &mut Context<'_>,
        patience: &mut Patience,
        poll: impl Fn(&Link, &mut Context<'_>, &mut Wait) -> Poll<Result<(), ReadyState>>,
    ) -> Poll<Result<(), ReadyState>> {
        let Some(link) = self.link() else { return Poll::Ready(Err(ReadyState::Closed)) };
        let (_, wait) = match patience.in_link.take() {
            Some((of, wait)) if of == link.generation => patience.in_link.insert((of, wait)),
            _ => patience.in_link.insert((link.generation, Wait::default())),
        };
        poll(&link, context, wait)
    }

    fn look<T>(&self, look: impl Fn(&Machine<Message>) -> T) -> T {
        look(&self.machine.borrow())
    }

    fn wait<T>(&self, context: &Context<'_>, patience: &mut Patience) -> Poll<T> {
        self.notify.wait(&mut patience.waiter, context.waker());
        Poll::Pending
    }
}

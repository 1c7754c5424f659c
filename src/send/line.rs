//! The line of senders that wait for room in a queue of this crate.

use std::cell::{Cell, RefCell};
use std::iter;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::places::{Places, WaitsFor, Whose};
use crate::sys::in_next_turn;
use crate::wake::wake_each;

/// The waiting senders. They send in the order in which they began to wait, however large their messages are.
#[derive(Default)]
pub(crate) struct Line {
    places: RefCell<Places>,
    /// Whether the next turn of the event loop checks for a sender that has missed its turn.
    is_watched: Cell<bool>,
}

/// The place of a sender. Its turn lasts until this is dropped, so that it sends its message before the next sender's turn.
#[derive(Default)]
pub(crate) struct Turn(Option<(Rc<Line>, u64)>);

impl Line {
    /// Returns whether a sender waits, or was called.
    pub fn has_sender(&self) -> bool {
        self.places.borrow_mut().has_sender()
    }

    /// Returns whether the first sender waits, and was not called.
    pub fn wants_room(&self) -> bool {
        self.places.borrow_mut().wants_room()
    }

    /// Resolves when it is the caller's turn and there is room. Calls `has_room` only if it is the caller's turn.
    pub fn poll(self: &Rc<Self>, context: &Context<'_>, turn: &mut Turn, has_room: impl FnOnce() -> bool) -> Poll<()> {
        let whose = self.places.borrow_mut().turn(turn.id());
        if whose != Whose::Anothers && has_room() {
            if whose == Whose::Own {
                self.places.borrow_mut().take_turn(turn.id());
            }
            return Poll::Ready(());
        }
        let (id, last) = self.places.borrow_mut().enter(turn.id(), WaitsFor::Turn, context.waker().clone());
        drop(last);
        if id != turn.id() {
            *turn = Turn(Some((Rc::clone(self), id)));
        }
        Poll::Pending
    }

    /// Calls the first sender, and checks in the next turn of the event loop whether it was polled.
    pub fn call(self: &Rc<Self>) {
        if self.places.borrow_mut().call() && !self.is_watched.replace(true) {
            let line = Rc::downgrade(self);
            in_next_turn(move || {
                let Some(line) = line.upgrade() else { return };
                line.is_watched.set(false);
                let is_missed = line.places.borrow_mut().miss();
                if is_missed {
                    line.call();
                }
            });
        }
        self.wake_called();
    }

    /// Wakes all senders, since no message is accepted any more.
    pub fn release(&self) {
        self.places.borrow_mut().release(WaitsFor::End);
        self.wake_called();
    }

    fn wake_called(&self) {
        wake_each(iter::from_fn(|| self.places.borrow_mut().take_called()));
    }
}

impl Turn {
    /// Returns the id of the place; 0 without a place.
    fn id(&self) -> u64 {
        self.0.as_ref().map_or(0, |(_, id)| *id)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some((line, id)) = &self.0 else { return };
        let is_next = line.places.borrow_mut().turn(*id) == Whose::Own;
        let (was_called, waker): (bool, Option<Waker>) = line.places.borrow_mut().leave(*id);
        drop(waker);
        // A smaller message behind it may fit.
        if is_next || was_called {
            line.call();
        }
    }
}

// The line changes in one step, in which no other code runs.
impl UnwindSafe for Line {}
impl RefUnwindSafe for Line {}

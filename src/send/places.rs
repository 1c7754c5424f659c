//! The places in a line, in the order in which tasks began to wait.

use std::task::Waker;

/// The places of one line: senders wait for their turn, flushes for the buffer to be empty, and others for the end.
///
/// The first sender is *called* when it is its turn. A sender that is not polled by the next turn of the event loop has *missed*
/// its turn: it no longer holds up the others, and may still send when it is polled.
#[derive(Default)]
pub(crate) struct Places {
    places: Vec<Place>,
    last_id: u64,
}

struct Place {
    id: u64,
    waits_for: WaitsFor,
    /// `None` once the task was woken.
    waker: Option<Waker>,
}

/// In the order in which [`Places::release`] lets them go on.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub(crate) enum WaitsFor {
    /// A flush that waits.
    EmptyBuffer,
    /// A sender that waits: the first one for room, the others for the senders before them.
    Turn,
    /// A sender whose turn it is, and which was not polled yet.
    Call,
    /// A task that waits for the end.
    End,
    /// A sender that has missed its turn, or a flush that is done. It holds up nobody.
    Nothing,
}

/// Whose turn it is, from the view of one task.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Whose {
    /// The task's own.
    Own,
    /// The task has missed its turn.
    Missed,
    /// The turn of a sender before the task.
    Anothers,
}

impl Places {
    /// Returns whose turn it is, or will be next, from the view of the owner of a place; 0 is no place.
    pub fn turn(&mut self, id: u64) -> Whose {
        if self.find(id).is_some_and(|own| own.waits_for == WaitsFor::Nothing) {
            return Whose::Missed;
        }
        if self.first().is_none_or(|first| first.id == id) { Whose::Own } else { Whose::Anothers }
    }

    /// Takes a place, or keeps it. Returns its number, and the last waker, which the caller drops when no borrow is held: it may
    /// drop a task that has a place here.
    #[must_use = "the place is kept until it is left"]
    pub fn enter(&mut self, id: u64, waits_for: WaitsFor, waker: Waker) -> (u64, Option<Waker>) {
        if let Some(own) = self.find(id) {
            own.waits_for = waits_for;
            return (id, own.waker.replace(waker));
        }
        self.last_id += 1;
        self.places.push(Place { id: self.last_id, waits_for, waker: Some(waker) });
        (self.last_id, None)
    }

    /// The owner of a place was polled in its turn.
    pub fn comes(&mut self, id: u64) {
        if let Some(own) = self.find(id) {
            own.waits_for = WaitsFor::Call;
        }
    }

    /// Gives up a place. Returns whether it was its turn, and its waker, which the caller drops when no borrow is held.
    #[must_use = "if it was its turn, it is the next one's"]
    pub fn leave(&mut self, id: u64) -> (bool, Option<Waker>) {
        let Some(own) = self.find(id) else { return (false, None) };
        let left = (own.waits_for == WaitsFor::Call, own.waker.take());
        self.places.retain(|place| place.id != id);
        left
    }

    /// Calls the first sender. Returns whether there is one.
    pub fn call(&mut self) -> bool {
        self.first().map(|first| first.waits_for = WaitsFor::Call).is_some()
    }

    /// Lets the called sender miss its turn. Returns whether a sender was called.
    pub fn miss(&mut self) -> bool {
        let missed = self.first().filter(|first| first.waits_for == WaitsFor::Call);
        missed.map(|missed| missed.waits_for = WaitsFor::Nothing).is_some()
    }

    /// Lets all tasks go on that wait for this, or for what comes before it.
    pub fn release(&mut self, last: WaitsFor) {
        let waiting = self.places.iter_mut().filter(|place| place.waits_for <= last);
        waiting.for_each(|place| place.waits_for = WaitsFor::Nothing);
    }

    /// Takes the waker of a task that can go on, which the caller wakes when no borrow is held.
    pub fn take_called(&mut self) -> Option<Waker> {
        let is_called = |place: &&mut Place| matches!(place.waits_for, WaitsFor::Call | WaitsFor::Nothing);
        self.places.iter_mut().filter(is_called).find_map(|place| place.waker.take())
    }

    /// Returns whether a sender waits, or was called.
    pub fn has_sender(&mut self) -> bool {
        self.first().is_some()
    }

    /// Returns whether the first sender waits, and was not called.
    pub fn wants_room(&mut self) -> bool {
        self.first().is_some_and(|first| first.waits_for == WaitsFor::Turn)
    }

    /// Returns whether any task waits for something else than the end, so that somebody must look at the socket.
    pub fn is_waited_in(&self) -> bool {
        self.places.iter().any(|place| place.waits_for < WaitsFor::End)
    }

    fn find(&mut self, id: u64) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.id == id)
    }

    /// Returns the sender whose turn it is, or will be next.
    fn first(&mut self) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| matches!(place.waits_for, WaitsFor::Turn | WaitsFor::Call))
    }
}

//! The places in a line, in the order in which tasks began to wait.

use std::task::Waker;

/// The places of one line: senders wait for their turn, flushes for an empty buffer, and other tasks for the end.
///
/// The first sender is *called* when it is its turn. A called sender that is not polled by the next turn of the event loop has
/// *missed* its turn: it no longer holds up the others, and may still send when it is polled.
#[derive(Default)]
pub(crate) struct Places {
    places: Vec<Place>,
    last_id: u64,
}

struct Place {
    id: u64,
    waits_for: WaitsFor,
    /// `None` after the task was woken.
    waker: Option<Waker>,
}

/// What a task waits for, in the order in which [`Places::release`] wakes.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub(crate) enum WaitsFor {
    /// A flush that waits.
    EmptyBuffer,
    /// A sender that waits: the first sender for room, the others for the senders before them.
    Turn,
    /// A sender that was called, and that has not left its place.
    Call,
    /// A task that waits for the end.
    End,
    /// A sender that has missed its turn, or a flush that is done. It does not hold up others.
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
    /// Returns whose turn it is, or will be next, from the view of the owner of a place. An `id` of 0 means no place.
    pub fn turn(&mut self, id: u64) -> Whose {
        if self.find(id).is_some_and(|own| own.waits_for == WaitsFor::Nothing) {
            return Whose::Missed;
        }
        if self.first().is_none_or(|first| first.id == id) { Whose::Own } else { Whose::Anothers }
    }

    /// Takes a place, or keeps it. Returns its id, and the previous waker, which the caller drops when no borrow is held:
    /// dropping a waker may drop a task that has a place here.
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

    /// Notes that a sender was polled in its turn.
    pub fn take_turn(&mut self, id: u64) {
        if let Some(own) = self.find(id) {
            own.waits_for = WaitsFor::Call;
        }
    }

    /// Gives up a place. Returns whether it was called, and its waker, which the caller drops when no borrow is held.
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

    /// Marks a called sender that is still there as having missed its turn. Returns whether there was one.
    pub fn miss(&mut self) -> bool {
        let missed = self.first().filter(|first| first.waits_for == WaitsFor::Call);
        missed.map(|missed| missed.waits_for = WaitsFor::Nothing).is_some()
    }

    /// Releases all tasks that wait for `last` or for a variant before it.
    pub fn release(&mut self, last: WaitsFor) {
        let waiting = self.places.iter_mut().filter(|place| place.waits_for <= last);
        waiting.for_each(|place| place.waits_for = WaitsFor::Nothing);
    }

    /// Takes the waker of a task that can continue, which the caller wakes when no borrow is held.
    pub fn take_called(&mut self) -> Option<Waker> {
        let is_called = |place: &&mut Place| matches!(place.waits_for, WaitsFor::Call | WaitsFor::Nothing);
        self.places.iter_mut().filter(is_called).find_map(|place| place.waker.take())
    }

    /// Returns whether a sender waits, or was called.
    pub fn has_sender(&mut self) -> bool {
        self.first().is_some()
    }

    /// Returns whether it is the turn of the owner of a place.
    pub fn is_called(&mut self, id: u64) -> bool {
        self.find(id).is_some_and(|own| own.waits_for == WaitsFor::Call)
    }

    /// Returns whether the first sender waits, and was not called.
    pub fn wants_room(&mut self) -> bool {
        self.first().is_some_and(|first| first.waits_for == WaitsFor::Turn)
    }

    /// Returns whether a task waits for anything but the end, so that looks at the socket are needed.
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

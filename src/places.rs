//! The places of those who wait in a line, in the order in which they began to.

use std::task::Waker;

/// Senders wait for their turn, and flushes for the buffer to be empty.
///
/// It is a sender's turn when the first one is *called*. One that is not polled by the next turn of the event loop has *missed*
/// its turn: it may still send when it is polled, and holds up nobody.
#[derive(Default)]
pub(crate) struct Places {
    places: Vec<Place>,
    last_id: u64,
}

struct Place {
    id: u64,
    waits_for: WaitsFor,
    /// None once it was woken.
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum WaitsFor {
    /// A sender for its turn: the first one for room, the others for those before them.
    Turn,
    /// A sender whose turn it is, to be polled.
    Call,
    /// A flush.
    EmptyBuffer,
    /// Called, but not polled by the next turn, or a flush that is done: it may go on, and holds up nobody.
    Nothing,
}

/// Whose turn it is, as one who has a place or none sees it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Whose {
    /// Its own.
    Own,
    /// It has missed its own.
    Missed,
    /// That of another, who comes first.
    Anothers,
}

impl Places {
    /// Whose turn is next, or has come, as the owner of a place sees it. 0 is nobody's place.
    pub fn turn(&mut self, id: u64) -> Whose {
        if self.find(id).is_some_and(|own| own.waits_for == WaitsFor::Nothing) {
            return Whose::Missed;
        }
        if self.first().is_none_or(|first| first.id == id) { Whose::Own } else { Whose::Anothers }
    }

    /// Takes a place, or keeps it. Returns its number, and the last waker, to be dropped when no borrow is held: what it drops
    /// may have a place here, too.
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

    /// It is the turn of the owner of a place, who has come.
    pub fn comes(&mut self, id: u64) {
        if let Some(own) = self.find(id) {
            own.waits_for = WaitsFor::Call;
        }
    }

    /// Gives a place up. Returns whether it was its turn, and its waker, to be dropped when no borrow is held.
    #[must_use = "if it was its turn, it is the next one's"]
    pub fn leave(&mut self, id: u64) -> (bool, Option<Waker>) {
        let Some(own) = self.find(id) else { return (false, None) };
        let left = (own.waits_for == WaitsFor::Call, own.waker.take());
        self.places.retain(|place| place.id != id);
        left
    }

    /// Makes it the first sender's turn. Whether there is one.
    pub fn call(&mut self) -> bool {
        self.first().map(|first| first.waits_for = WaitsFor::Call).is_some()
    }

    /// The sender that was called has not come, if one was.
    pub fn miss(&mut self) -> bool {
        let missed = self.first().filter(|first| first.waits_for == WaitsFor::Call);
        missed.map(|missed| missed.waits_for = WaitsFor::Nothing).is_some()
    }

    /// Lets those go on who wait for this, or everyone.
    pub fn release(&mut self, what: Option<WaitsFor>) {
        let waiting = self.places.iter_mut().filter(|place| what.is_none_or(|what| place.waits_for == what));
        waiting.for_each(|place| place.waits_for = WaitsFor::Nothing);
    }

    /// The waker of one who can go on and was not woken, to be woken when no borrow is held.
    pub fn take_called(&mut self) -> Option<Waker> {
        let is_called = |place: &&mut Place| matches!(place.waits_for, WaitsFor::Call | WaitsFor::Nothing);
        self.places.iter_mut().filter(is_called).find_map(|place| place.waker.take())
    }

    /// Whether a sender waits, or was called.
    pub fn has_sender(&mut self) -> bool {
        self.first().is_some()
    }

    /// Whether the first sender waits, and was not called.
    pub fn wants_room(&mut self) -> bool {
        self.first().is_some_and(|first| first.waits_for == WaitsFor::Turn)
    }

    /// Whether there is something to look for.
    pub fn is_waited_in(&self) -> bool {
        self.places.iter().any(|place| place.waits_for != WaitsFor::Nothing)
    }

    fn find(&mut self, id: u64) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.id == id)
    }

    /// The sender whose turn is next, or has come.
    fn first(&mut self) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| matches!(place.waits_for, WaitsFor::Turn | WaitsFor::Call))
    }
}

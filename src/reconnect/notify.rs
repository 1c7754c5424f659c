//! Wakes the tasks that wait for a change.

use std::cell::Cell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::{Rc, Weak};
use std::task::Waker;

use crate::wake::wake_each;

/// A list of waiting tasks.
#[derive(Default)]
pub(crate) struct Notify(Cell<Vec<Weak<Waker>>>);

/// A waiting task. Dropping the waiter removes the task from the list, so that no waker of a dropped future is kept.
#[derive(Debug, Default)]
pub(crate) struct Waiter(Option<Rc<Waker>>);

impl Notify {
    /// Wakes all tasks. An executor may poll them before this function returns, so the caller must hold no borrow.
    pub fn wake_all(&self) {
        wake_each(self.0.take().into_iter().filter_map(|waker| Some(Waker::clone(&*waker.upgrade()?))));
    }

    /// Adds a task, which [`wake_all`](Self::wake_all) wakes.
    pub fn wait(&self, waiter: &mut Waiter, waker: &Waker) {
        let waker = Rc::new(waker.clone());
        let own = Rc::downgrade(&waker);
        // Not while the list is taken: dropping the previous waker may drop a task that waits here, too.
        waiter.0 = Some(waker);
        let mut waiting = self.0.take();
        match waiting.iter_mut().find(|waker| waker.strong_count() == 0) {
            Some(gone) => *gone = own,
            None => waiting.push(own),
        }
        self.0.set(waiting);
    }

    /// Returns the number of places, for waiting and for dropped tasks.
    #[cfg(test)]
    pub fn places(&self) -> usize {
        let waiting = self.0.take();
        let places = waiting.len();
        self.0.set(waiting);
        places
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").finish_non_exhaustive()
    }
}

// The list changes in one step, in which no other code runs.
impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

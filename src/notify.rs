//! Wakes the tasks that wait for something.

use std::cell::Cell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::{Rc, Weak};
use std::task::Waker;

/// Where tasks wait.
#[derive(Default)]
pub(crate) struct Notify(Cell<Vec<Weak<Waker>>>);

/// One who waits, until it is dropped: no waker is kept for a future that is gone.
#[derive(Debug, Default)]
pub(crate) struct Waiter(Option<Rc<Waker>>);

impl Notify {
    /// Wakes everyone. An executor may poll them before this returns, so the caller must hold no borrow.
    pub fn wake_all(&self) {
        for waker in self.0.take() {
            if let Some(waker) = waker.upgrade() {
                waker.wake_by_ref();
            }
        }
    }

    /// Makes one wait for the next time that everyone is woken.
    pub fn wait(&self, waiter: &mut Waiter, waker: &Waker) {
        let waker = Rc::new(waker.clone());
        let own = Rc::downgrade(&waker);
        // What the last one drops may wait here, too.
        waiter.0 = Some(waker);
        let mut waiting = self.0.take();
        match waiting.iter_mut().find(|waker| waker.strong_count() == 0) {
            Some(gone) => *gone = own,
            None => waiting.push(own),
        }
        self.0.set(waiting);
    }

    /// How many places are kept, for those who wait or have gone.
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

// The list is changed in one step, and no foreign code runs meanwhile.
impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

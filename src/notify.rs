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
        wake_each(self.0.take().into_iter().filter_map(|waker| Some(Waker::clone(&*waker.upgrade()?))));
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

/// Wakes each, also if waking one of them panics, where panics unwind. The caller must hold no borrow.
pub(crate) fn wake_each(wakers: impl IntoIterator<Item = Waker>) {
    let mut rest = Rest(wakers.into_iter());
    rest.0.by_ref().for_each(Waker::wake);
}

/// The wakers that are left to wake.
struct Rest<I: Iterator<Item = Waker>>(I);

#[cfg(panic = "unwind")]
impl<I: Iterator<Item = Waker>> Drop for Rest<I> {
    fn drop(&mut self) {
        self.0.by_ref().for_each(Waker::wake);
    }
}

/// Does something when it is dropped, and so also if what was done before panics.
pub(crate) struct Finally<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Finally<F> {
    pub fn new(action: F) -> Self {
        Self(Some(action))
    }
}

impl<F: FnOnce()> Drop for Finally<F> {
    fn drop(&mut self) {
        if let Some(action) = self.0.take() {
            action();
        }
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

//! Wakes the tasks that wait for something.

use std::cell::Cell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::{Rc, Weak};
use std::task::Waker;

/// A list of waiting tasks.
#[derive(Default)]
pub(crate) struct Notify(Cell<Vec<Weak<Waker>>>);

/// A waiting task. Dropping it removes the task from the list, so that no waker of a dropped future is kept.
#[derive(Debug, Default)]
pub(crate) struct Waiter(Option<Rc<Waker>>);

impl Notify {
    /// Wakes all tasks. An executor may poll them before this returns, so the caller must hold no borrow.
    pub fn wake_all(&self) {
        wake_each(self.0.take().into_iter().filter_map(|waker| Some(Waker::clone(&*waker.upgrade()?))));
    }

    /// Adds a task, which waits until all tasks are woken.
    pub fn wait(&self, waiter: &mut Waiter, waker: &Waker) {
        let waker = Rc::new(waker.clone());
        let own = Rc::downgrade(&waker);
        // Dropping the last waker may drop a task that waits here, too.
        waiter.0 = Some(waker);
        let mut waiting = self.0.take();
        match waiting.iter_mut().find(|waker| waker.strong_count() == 0) {
            Some(gone) => *gone = own,
            None => waiting.push(own),
        }
        self.0.set(waiting);
    }

    /// Returns the number of places, of waiting and of dropped tasks.
    #[cfg(test)]
    pub fn places(&self) -> usize {
        let waiting = self.0.take();
        let places = waiting.len();
        self.0.set(waiting);
        places
    }
}

/// Wakes each task. Where panics unwind, a panic of one waker does not keep the others from being woken. The caller must hold no
/// borrow.
pub(crate) fn wake_each(wakers: impl IntoIterator<Item = Waker>) {
    let mut rest = Rest(wakers.into_iter());
    rest.0.by_ref().for_each(Waker::wake);
}

/// The wakers that were not woken yet.
struct Rest<I: Iterator<Item = Waker>>(I);

#[cfg(panic = "unwind")]
impl<I: Iterator<Item = Waker>> Drop for Rest<I> {
    fn drop(&mut self) {
        self.0.by_ref().for_each(Waker::wake);
    }
}

/// Runs an action when it is dropped, so also when the code before it panics.
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

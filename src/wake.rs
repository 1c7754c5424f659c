//! Wakes tasks, even if waking one of them panics.

use std::task::Waker;

/// Wakes each task. Where panics unwind, the other tasks are woken even if a waker panics. The caller must hold no borrow.
pub(crate) fn wake_each(wakers: impl IntoIterator<Item = Waker>) {
    let mut rest = Rest(wakers.into_iter());
    rest.0.by_ref().for_each(Waker::wake);
}

/// The remaining wakers.
struct Rest<I: Iterator<Item = Waker>>(I);

#[cfg(panic = "unwind")]
impl<I: Iterator<Item = Waker>> Drop for Rest<I> {
    fn drop(&mut self) {
        self.0.by_ref().for_each(Waker::wake);
    }
}

/// Runs an action when it is dropped, even if the code before panics.
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

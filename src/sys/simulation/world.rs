//! Timers outside of the page, which are never delayed.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::page::Page;

/// Resolves after a delay, even if the page is hidden or frozen.
pub fn sleep(page: &Rc<Page>, delay: Duration) -> impl Future<Output = ()> + use<> {
    let state = Rc::<(Cell<bool>, Cell<Option<Waker>>)>::default();
    let fired = Rc::clone(&state);
    page.after(delay, move || {
        fired.0.set(true);
        fired.1.take().into_iter().for_each(Waker::wake);
    });
    poll_fn(move |context| {
        if state.0.get() {
            return Poll::Ready(());
        }
        state.1.set(Some(context.waker().clone()));
        Poll::Pending
    })
}

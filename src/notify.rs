//! Wakes the tasks that wait for something.

use std::cell::RefCell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::task::Waker;

/// Where tasks wait. A clone is the same place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notify(Rc<RefCell<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    wakers: Vec<(u64, Waker)>,
    last_id: u64,
}

impl Notify {
    /// Wakes everyone. An executor may poll them before this returns, so the caller must hold no borrow.
    pub fn wake_all(&self) {
        let wakers = std::mem::take(&mut self.0.borrow_mut().wakers);
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// A place for one who will wait.
    pub fn waiter(&self) -> Waiter {
        Waiter { notify: self.clone(), id: None }
    }
}

// The list is changed in one step, and no foreign code runs meanwhile.
impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

/// One who waits, until it is dropped: no waker is kept for a future that is gone.
#[derive(Debug)]
pub(crate) struct Waiter {
    notify: Notify,
    id: Option<u64>,
}

impl Waiter {
    /// Waits for the next time that everyone is woken.
    pub fn wait(&mut self, waker: &Waker) {
        let mut waiting = self.notify.0.borrow_mut();
        let id = *self.id.get_or_insert_with(|| {
            waiting.last_id += 1;
            waiting.last_id
        });
        let last = match waiting.wakers.iter_mut().find(|(waiting, _)| *waiting == id) {
            Some((_, kept)) => Some(std::mem::replace(kept, waker.clone())),
            None => {
                waiting.wakers.push((id, waker.clone()));
                None
            }
        };
        // What it drops may wait here, too.
        drop(waiting);
        drop(last);
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let mut waiting = self.notify.0.borrow_mut();
            let own = waiting.wakers.iter().position(|(waiting, _)| *waiting == id);
            let last = own.map(|own| waiting.wakers.swap_remove(own));
            drop(waiting);
            drop(last);
        }
    }
}

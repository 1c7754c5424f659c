//! An executor without a queue: it polls a task as soon as the task is woken, within the call that wakes it.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use send_wrapper::SendWrapper;

type TaskFuture = Pin<Box<dyn Future<Output = ()>>>;

struct Task {
    /// `None` when the task has ended.
    future: SendWrapper<RefCell<Option<TaskFuture>>>,
    is_woken: AtomicBool,
}

/// Runs a task, beginning now.
pub fn spawn(task: impl Future<Output = ()> + 'static) {
    let future = SendWrapper::new(RefCell::new(Some(Box::pin(task) as TaskFuture)));
    Arc::new(Task { future, is_woken: AtomicBool::default() }).wake();
}

/// The number of polls after which a task that is woken while it is polled counts as hung.
const MOST_POLLS: u32 = 10_000;

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        // A task that is woken while it is polled is polled once more afterwards.
        let Ok(mut future) = self.future.try_borrow_mut() else { return };
        for _ in 0..MOST_POLLS {
            if !self.is_woken.swap(false, Ordering::SeqCst) {
                return;
            }
            let Some(running) = future.as_mut() else { return };
            let waker = Waker::from(Arc::clone(&self));
            if running.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                *future = None;
            }
        }
        panic!("a task wakes itself for ever");
    }
}

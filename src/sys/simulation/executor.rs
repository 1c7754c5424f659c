//! Polls tasks in the order in which they were woken, like microtasks.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::mem::take;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// Runs the tasks of one thread.
#[derive(Default)]
pub struct Executor {
    tasks: RefCell<BTreeMap<u64, Task>>,
    woken: Arc<Woken>,
    last_id: Cell<u64>,
    polls: Cell<u64>,
}

type TaskFuture = Pin<Box<dyn Future<Output = ()>>>;

struct Task {
    /// `None` while the task is polled.
    future: Option<TaskFuture>,
    /// Whether the turn of the task came while it was polled, as it does if the task blocks its page.
    is_missed: bool,
    waker: Arc<TaskWaker>,
}

/// The tasks to poll. Behind a lock, since a waker may be sent to other threads.
#[derive(Default)]
struct Woken(Mutex<VecDeque<u64>>);

impl Woken {
    fn push(&self, id: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(id);
    }

    fn pop(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Wakes one task. Waking it again before it is polled does nothing.
pub struct TaskWaker {
    id: u64,
    is_woken: AtomicBool,
    woken: Arc<Woken>,
}

impl TaskWaker {
    /// Resets the waker. Called before the task is polled.
    pub fn polled(&self) {
        self.is_woken.store(false, Ordering::SeqCst);
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_woken.swap(true, Ordering::SeqCst) {
            self.woken.push(self.id);
        }
    }
}

/// What [`Executor::poll_next`] has polled.
#[derive(Debug, PartialEq)]
pub enum Polled {
    /// A task.
    Task,
    /// Nothing yet: the owner has to poll the future of [`Executor::root`].
    Root,
    Nothing,
}

const ROOT: u64 = 0;

impl Executor {
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        let waker = self.waker(id);
        let task = Task { future: Some(Box::pin(future)), is_missed: false, waker: Arc::clone(&waker) };
        self.tasks.borrow_mut().insert(id, task);
        waker.wake();
    }

    /// Returns the waker of the main future. This future need not be `'static`: its owner polls it when
    /// [`poll_next`](Self::poll_next) returns [`Polled::Root`].
    pub fn root(&self) -> Arc<TaskWaker> {
        self.waker(ROOT)
    }

    fn waker(&self, id: u64) -> Arc<TaskWaker> {
        Arc::new(TaskWaker { id, is_woken: AtomicBool::new(false), woken: Arc::clone(&self.woken) })
    }

    /// Polls the task that was woken first.
    pub fn poll_next(&self) -> Polled {
        loop {
            let Some(id) = self.woken.pop() else { return Polled::Nothing };
            self.polls.set(self.polls.get() + 1);
            if id == ROOT {
                return Polled::Root;
            }
            let Some((mut future, waker)) = self.take_future(id) else { continue };
            waker.polled();
            let is_done = future.as_mut().poll(&mut Context::from_waker(&Waker::from(waker))).is_ready();
            if is_done {
                self.tasks.borrow_mut().remove(&id);
            } else if let Some(task) = self.tasks.borrow_mut().get_mut(&id) {
                task.future = Some(future);
                if take(&mut task.is_missed) {
                    self.woken.push(id);
                }
            }
            return Polled::Task;
        }
    }

    /// Takes the future of a task, to poll it; `None` if the task has ended, or is polled already.
    fn take_future(&self, id: u64) -> Option<(TaskFuture, Arc<TaskWaker>)> {
        let mut tasks = self.tasks.borrow_mut();
        let task = tasks.get_mut(&id)?;
        let future = task.future.take();
        task.is_missed = future.is_none();
        Some((future?, Arc::clone(&task.waker)))
    }

    /// Returns the number of tasks that have not ended.
    pub fn len(&self) -> usize {
        self.tasks.borrow().len()
    }

    /// Returns the number of polls.
    pub fn polls(&self) -> u64 {
        self.polls.get()
    }

    /// Drops all tasks, including tasks that are spawned while others are dropped.
    pub fn clear(&self) {
        loop {
            let tasks = take(&mut *self.tasks.borrow_mut());
            if tasks.is_empty() {
                break;
            }
            drop(tasks);
        }
        while self.woken.pop().is_some() {}
    }
}

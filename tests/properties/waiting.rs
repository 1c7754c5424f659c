//! Checks that waits are served in order, end in time, and are not woken needlessly.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};

use crate::account::Account;

/// The tasks that wait on a connection.
#[derive(Default)]
pub struct Waiting {
    /// The places of the senders that wait, in the order in which they began to wait.
    line: RefCell<BTreeSet<u64>>,
    last_place: Cell<u64>,
    /// The number of tasks that wait for anything.
    count: Cell<usize>,
}

impl Waiting {
    fn next_place(&self) -> u64 {
        self.last_place.set(self.last_place.get() + 1);
        self.last_place.get()
    }

    /// Takes a place in the line until the returned value is dropped.
    fn stand_at(&self, place: u64) -> Defer<impl Fn()> {
        self.line.borrow_mut().insert(place);
        Defer(move || {
            self.line.borrow_mut().remove(&place);
        })
    }
}

/// The longest interval between looks at an open socket in a visible page.
const LONGEST_LOOK: Duration = Duration::from_millis(51);
/// The shortest interval between looks with timers.
const SHORTEST_LOOK: Duration = Duration::from_millis(4);

impl Account {
    /// Waits for a future, and checks that the end of the connection resolves it at once.
    pub async fn wait<F: Future>(&self, what: &str, future: F) -> F::Output {
        let page = &self.world.page;
        let began = page.elapsed();
        self.waiting.count.set(self.waiting.count.get() + 1);
        let _waiting = Defer(|| self.waiting.count.set(self.waiting.count.get() - 1));
        let output = future.await;
        let ended = self.end.borrow().as_ref().map(|(at, _)| *at);
        if let Some(ended) = ended {
            assert_eq!(page.elapsed(), ended.max(began), "{what} goes on after the end");
        }
        output
    }

    /// Waits for a future that looks at the socket wake, and checks that it is not woken more often.
    pub async fn look<F: Future>(&self, future: F) -> F::Output {
        let page = &self.world.page;
        let (began, handed_over) = (page.elapsed(), self.handed_over_so_far());
        let (wakes, mut future) = (Arc::<AtomicU64>::default(), pin!(future));
        let output = poll_fn(|context| {
            let counting = Counting { waker: context.waker().clone(), wakes: Arc::clone(&wakes) };
            future.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(counting))))
        })
        .await;
        // After each message that is handed over, a look follows in the next turn of the event loop.
        let timed = ((page.elapsed() - began).as_nanos() / SHORTEST_LOOK.as_nanos()) as u64;
        let looks = 3 + timed + self.handed_over_so_far() - handed_over;
        let wakes = wakes.load(Ordering::SeqCst);
        assert!(wakes <= looks, "it is woken {wakes} times, for {looks} looks at the most");
        output
    }

    /// Waits for a send behind all senders that already wait.
    ///
    /// # Panics
    ///
    /// Panics if the sender has overtaken another.
    pub async fn in_turn<T, E>(&self, send: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.in_turn_of(&Cell::new(None), send).await
    }

    /// Like [`in_turn`](Self::in_turn), for a sink, which keeps its place when a future that waited for room is dropped.
    pub async fn in_turn_of<T, E>(
        &self,
        kept: &Cell<Option<u64>>,
        send: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut waits = None;
        let mut send = pin!(self.look(send));
        let sent = poll_fn(|context| {
            // A sink gives up its place before its message is sent. The next sender may be polled in between, within this poll.
            waits = None;
            let polled = send.as_mut().poll(context);
            if polled.is_pending() {
                let place = kept.get().unwrap_or_else(|| self.waiting.next_place());
                kept.set(Some(place));
                waits = Some(self.waiting.stand_at(place));
            }
            polled
        })
        .await;
        let place = kept.take().unwrap_or_else(|| self.waiting.next_place());
        if sent.is_ok() {
            self.is_first(place);
        }
        sent
    }

    /// Checks that no sender waits that began to wait earlier.
    pub fn is_first(&self, place: u64) {
        let first = self.waiting.line.borrow().first().copied();
        assert!(first.is_none_or(|first| first >= place), "a sender has overtaken one that waits");
    }

    /// Waits for a flush.
    ///
    /// # Panics
    ///
    /// Panics if the flush resolves before everything has left, or late.
    pub async fn flush<E>(&self, flush: impl Future<Output = Result<(), E>>) -> Result<(), E> {
        let page = &self.world.page;
        let (began, undisturbed, is_alone) = (page.elapsed(), self.world.undisturbed(), self.waiting.count.get() == 1);
        let emptied = Cell::new((page.unsent() == 0).then_some(began));
        let watch = async {
            while emptied.get().is_none() {
                page.sleep(Duration::from_millis(1)).await;
                if page.unsent() == 0 {
                    emptied.set(Some(page.elapsed()));
                }
            }
            std::future::pending::<()>().await;
        };
        let Either::Left((flushed, _)) = select(pin!(self.look(flush)), pin!(watch)).await else {
            unreachable!("it never ends")
        };
        flushed?;
        // A task that is polled inline may send in between.
        assert!(page.unsent() == 0 || self.world.polls_inline, "a flush says that everything has left");
        if undisturbed.is_some() && undisturbed == self.world.undisturbed() {
            let emptied = emptied.get().unwrap_or(page.elapsed());
            let (waited, late) = (emptied - began, page.elapsed() - emptied);
            let limit = match waited {
                // In a task that is polled inline, the browser may not yet have counted what has left.
                Duration::ZERO if !self.world.polls_inline => Duration::ZERO,
                // Looks follow after 1, 2, 4, 8, 16, 32 and then every 50 ms, unless another task has begun to wait before.
                _ if is_alone => (waited + Duration::from_millis(5)).min(LONGEST_LOOK),
                _ => LONGEST_LOOK,
            };
            assert!(late <= limit, "a flush takes {late:?} more than it must, which is {limit:?}");
        }
        Ok(())
    }
}

/// Checks that a sink that buffers nothing flushes at once.
pub fn flush_at_once<E>(flush: impl Future<Output = Result<(), E>>) -> Result<(), E> {
    flush.now_or_never().expect("the sink has nothing to wait for")
}

/// Runs a closure when it is dropped.
struct Defer<F: Fn()>(F);

impl<F: Fn()> Drop for Defer<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Counts the wakes of a future.
struct Counting {
    waker: Waker,
    wakes: Arc<AtomicU64>,
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        self.waker.wake_by_ref();
    }
}

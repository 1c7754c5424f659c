//! The page of a plan: its properties, what happens to it, and the tasks that run in it.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_util::future::{Either, select};
use proptest::collection::vec;
use proptest_derive::Arbitrary;
use wasm_websocket::testing::{Network, Page};

use crate::inline;
use crate::plan::{Browser, Line, delay, milliseconds, time};
use crate::seeds::note;

/// The page and its network, and what happens to them.
#[derive(Arbitrary, Clone, Debug)]
pub struct WorldPlan {
    seed: u64,
    browser: Browser,
    /// Whether a task is polled as soon as it is woken, within the call that wakes it.
    #[proptest(strategy = "proptest::bool::weighted(0.25)")]
    pub polls_inline: bool,
    network: Line,
    #[proptest(strategy = "vec((delay(), proptest::prelude::any::<Happening>()), 0..4)")]
    happenings: Vec<(u32, Happening)>,
}

impl WorldPlan {
    /// Returns whether the page has the transport over streams.
    pub fn has_streams(&self) -> bool {
        matches!(self.browser, Browser::Chromium)
    }
}

/// An event that happens to the page.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Happening {
    Hide,
    Show,
    /// The page is frozen for a number of milliseconds.
    Freeze(#[proptest(strategy = "time()")] u32),
    /// The page is frozen for a number of milliseconds when the peer has received a ping, if there are pings.
    FreezeWhenPinged(#[proptest(strategy = "1000..14_000_u32")] u32),
    /// The page is frozen for a number of milliseconds, and is resumed without its connections.
    Lose(#[proptest(strategy = "time()")] u32),
    /// There is no network for a number of milliseconds.
    Offline(#[proptest(strategy = "delay()")] u32),
    Online,
    Restore,
    #[proptest(weight = 2)]
    Network(Line),
    SetClock(#[proptest(strategy = "-20_000..20_000_i64")] i64),
    /// A number of milliseconds passes in the current state of the page.
    Pass(#[proptest(strategy = "1..600_u32")] u32),
}

/// A page, and its history.
pub struct World {
    pub page: Page,
    pub polls_inline: bool,
    /// Whether a message counts as unsent until all of it has left.
    pub counts_whole: bool,
    is_hidden: Cell<bool>,
    is_frozen: Cell<bool>,
    /// The number of times that the page was hidden or frozen, or its clock set.
    disturbances: Cell<u64>,
    /// The time of the last such event, or of the last time that the page was shown or resumed.
    disturbed_at: Cell<Option<Duration>>,
    /// The number of wake-ups.
    pub wake_ups: Cell<u64>,
    /// The time of the last wake-up.
    pub woken_at: Cell<Option<Duration>>,
    pub was_offline: Cell<bool>,
    /// Whether the page has lost its connections.
    pub was_cut: Cell<bool>,
    /// A flag of each connection, which is set when the page loses its connections.
    pub are_broken: RefCell<Vec<Rc<Cell<bool>>>>,
    pub clock_was_set: Cell<bool>,
    /// Whether a heartbeat pings. `pings` counts the pings that a peer has received.
    pub has_pings: Cell<bool>,
    pub pings: Cell<u64>,
    /// The memory limit in bytes: a larger message is [`OutOfMemory`](wasm_websocket::Error::OutOfMemory).
    pub memory: Cell<u64>,
    running: Cell<usize>,
    /// The tasks that wait for a condition, woken whenever something changes.
    waiting: RefCell<Vec<Waker>>,
    is_calm: Cell<bool>,
    is_over: Cell<bool>,
}

/// Longer than any task takes after the last event of the page, in milliseconds.
const PATIENCE: u32 = 400_000;
/// The longest interval of a heartbeat, in milliseconds.
pub const LONGEST_INTERVAL: u32 = 30_000;

impl World {
    /// Runs a program in the page of a plan.
    pub fn run<F: Future<Output = ()>>(plan: &WorldPlan, program: impl FnOnce(Rc<Self>) -> F) {
        let page = Page::with_seed(plan.seed).engine(plan.browser.into());
        page.set_network(plan.network.into());
        let world = Rc::new(Self {
            page: page.clone(),
            polls_inline: plan.polls_inline,
            counts_whole: matches!(plan.browser, Browser::Firefox),
            is_hidden: Cell::default(),
            is_frozen: Cell::default(),
            disturbances: Cell::default(),
            disturbed_at: Cell::default(),
            wake_ups: Cell::default(),
            woken_at: Cell::default(),
            was_offline: Cell::default(),
            was_cut: Cell::default(),
            are_broken: RefCell::default(),
            clock_was_set: Cell::default(),
            has_pings: Cell::default(),
            pings: Cell::default(),
            memory: Cell::new(u64::MAX),
            running: Cell::default(),
            waiting: RefCell::default(),
            is_calm: Cell::default(),
            is_over: Cell::default(),
        });
        page.run(async {
            let happenings = Self::happen(Rc::clone(&world), plan.happenings.clone());
            world.spawn(happenings);
            program(Rc::clone(&world)).await;
        });
    }

    async fn happen(self: Rc<Self>, happenings: Vec<(u32, Happening)>) {
        let page = &self.page;
        for (delay, happening) in happenings {
            page.sleep(milliseconds(delay)).await;
            note(page, || format!("page: {happening:?}"));
            self.wake_ups.set(self.wake_ups.get() + 1);
            match happening {
                Happening::Hide => self.set_hidden(true),
                Happening::Show => self.set_hidden(false),
                Happening::Freeze(time) => {
                    self.freeze(time).await;
                    page.resume();
                    self.thaws();
                }
                Happening::FreezeWhenPinged(time) if self.has_pings.get() => {
                    let pings = self.pings.get();
                    self.within(Some(LONGEST_INTERVAL), self.until(|| self.pings.get() > pings)).await;
                    self.freeze(time).await;
                    page.resume();
                    self.thaws();
                }
                Happening::FreezeWhenPinged(_) => {}
                Happening::Lose(time) => {
                    self.freeze(time).await;
                    self.was_cut.set(true);
                    self.are_broken.borrow().iter().for_each(|is_broken| is_broken.set(true));
                    page.resume_without_connections();
                    self.is_hidden.set(false);
                    self.wakes();
                    self.thaws();
                }
                Happening::Offline(time) => {
                    self.was_offline.set(true);
                    page.go_offline();
                    page.sleep(milliseconds(time)).await;
                    page.come_online();
                    self.wakes();
                }
                Happening::Online => {
                    page.come_online();
                    self.wakes();
                }
                Happening::Restore => {
                    page.restore();
                    self.wakes();
                }
                Happening::Network(line) => page.set_network(line.into()),
                Happening::SetClock(offset) => {
                    self.is_disturbed();
                    self.clock_was_set.set(true);
                    page.set_clock(offset);
                }
                Happening::Pass(seconds) => page.sleep(milliseconds(seconds * 1000)).await,
            }
        }
        self.set_hidden(false);
        page.set_network(Network::default());
        self.is_calm.set(true);
        self.changed();
    }

    async fn freeze(&self, time: u32) {
        self.is_disturbed();
        self.is_frozen.set(true);
        self.page.freeze();
        self.page.sleep(milliseconds(time)).await;
    }

    fn thaws(&self) {
        self.is_frozen.set(false);
        self.disturbed_at.set(Some(self.page.elapsed()));
        self.changed();
    }

    /// Notes a wake-up.
    fn wakes(&self) {
        self.woken_at.set(Some(self.page.elapsed()));
    }

    fn set_hidden(&self, hidden: bool) {
        if hidden && !self.is_hidden.get() {
            self.is_disturbed();
        }
        if !hidden && self.is_hidden.get() {
            self.disturbed_at.set(Some(self.page.elapsed()));
            self.wakes();
        }
        self.is_hidden.set(hidden);
        if hidden { self.page.hide() } else { self.page.show() }
    }

    /// Returns a number that changes when the page is hidden or frozen, or its clock set; `None` while it is hidden or frozen.
    pub fn undisturbed(&self) -> Option<u64> {
        let is_disturbed = self.is_hidden.get() || self.is_frozen.get();
        (!is_disturbed).then(|| self.disturbances.get())
    }

    /// Limits the memory for messages: each limit in bytes applies for a number of milliseconds.
    pub fn limit_memory(self: &Rc<Self>, limits: &[(u64, u32)]) {
        let (world, limits) = (Rc::clone(self), limits.to_vec());
        self.spawn(async move {
            let set = |limit| {
                world.memory.set(limit);
                world.page.set_memory(limit);
            };
            for (limit, time) in limits {
                set(limit);
                world.page.sleep(milliseconds(time)).await;
            }
            set(u64::MAX);
        });
    }

    /// Returns whether the page was neither hidden nor frozen, nor its clock set, since a time.
    pub fn was_undisturbed_since(&self, time: Duration) -> bool {
        self.undisturbed().is_some() && self.disturbed_at.get().is_none_or(|at| at < time)
    }

    fn is_disturbed(&self) {
        self.disturbances.set(self.disturbances.get() + 1);
        self.disturbed_at.set(Some(self.page.elapsed()));
    }

    /// Spawns a task of the program. [`settle`](Self::settle) waits for it.
    pub fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        let running = self.running();
        let task = async move {
            task.await;
            drop(running);
        };
        if self.polls_inline { inline::spawn(task) } else { self.page.spawn(task) }
    }

    /// Returns a value that makes [`settle`](Self::settle) wait until it is dropped.
    pub fn running(self: &Rc<Self>) -> Running {
        self.running.set(self.running.get() + 1);
        Running(Rc::clone(self))
    }

    /// Waits until all tasks of the program have ended. Returns false if they do not end.
    pub async fn settle(&self) -> bool {
        self.in_calm(|| self.running.get() == 0).await
    }

    /// Waits until a condition holds. Returns false if it does not hold long after the last event of the page.
    pub async fn in_calm(&self, is_true: impl Fn() -> bool) -> bool {
        self.until(|| self.is_calm.get() || is_true()).await;
        let limit = pin!(self.page.sleep(milliseconds(PATIENCE)));
        matches!(select(pin!(self.until(is_true)), limit).await, Either::Left(_))
    }

    /// Waits like code of the page, which does not run while the page is frozen.
    pub async fn pause(&self, delay: u32) {
        self.page.sleep(milliseconds(delay)).await;
        self.until(|| !self.is_frozen.get()).await;
    }

    /// Resolves with the output of a future, or with `None` at the time limit, in milliseconds.
    pub async fn within<F: Future>(&self, limit: Option<u32>, future: F) -> Option<F::Output> {
        let Some(limit) = limit else { return Some(future.await) };
        match select(pin!(future), pin!(self.pause(limit))).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(_) => None,
        }
    }

    /// Ends all waits that only wait for the end.
    pub fn end(&self) {
        self.is_over.set(true);
        self.changed();
    }

    pub fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Like [`within`](Self::within), with the end of the program as the limit.
    pub async fn until_end<F: Future>(&self, future: F) -> Option<F::Output> {
        match select(pin!(future), pin!(self.until(|| self.is_over.get()))).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(_) => None,
        }
    }

    /// Resolves when a condition holds.
    pub async fn until(&self, is_true: impl Fn() -> bool) {
        poll_fn(|context| {
            if is_true() {
                return Poll::Ready(());
            }
            let mut waiting = self.waiting.borrow_mut();
            // Each wake polls a task once more if it is polled inline.
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// Makes all waiting tasks check their conditions again.
    pub fn changed(&self) {
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    /// Checks that the page holds nothing after everything was dropped.
    pub async fn nothing_is_left(&self) {
        // Browsers give up a silent peer after a minute.
        self.page.sleep(milliseconds(61_000)).await;
        assert_eq!(self.page.leftovers(), Default::default(), "something is left");
    }
}

/// A task that runs in the page or in the world.
pub struct Running(Rc<World>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get() - 1);
        self.0.changed();
    }
}

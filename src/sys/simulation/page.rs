//! A simulated page: its event loop, its clock, and the networks and peers around it.
//!
//! There are two kinds of events:
//!
//! - *World events* of networks and peers happen at their time, even if the page is busy or frozen.
//! - *Tasks* belong to the page: the event loop runs them one by one, with microtasks after each. Tasks of one source run in
//!   order. The seed decides which source is next, because browsers are free to choose.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::mem::take;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::executor::{Executor, Polled};
use super::server::{self, Servers};
use super::socket::Inner;
use crate::Message;

/// An engine, where engines differ.
///
/// # Examples
///
/// ```
/// use wasm_websocket::testing::{Engine, Page};
/// use wasm_websocket::WebSocketStream;
///
/// /// Returns whether a page can connect to a server that ignores subprotocols.
/// fn is_open(engine: Engine) -> bool {
///     let page = Page::new().engine(engine);
///     page.serve("wss://example.com/chat", async |handshake| {
///         if let Some(mut peer) = handshake.accept() { peer.drain().await }
///     });
///     let options = wasm_websocket::Options::new().protocols(["chat.v2"]);
///     page.run(async { options.connect("wss://example.com/chat").await.is_ok() })
/// }
///
/// assert!(is_open(Engine::Firefox) && !is_open(Engine::Chromium)); // so test your app with both
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Chromium and Edge.
    #[default]
    Chromium,
    /// Firefox.
    Firefox,
}

/// The source of a task. Tasks of one source run in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The events of one socket.
    Socket(u64),
    /// Messages from the page to itself.
    Turn,
    Timer,
    /// Events of the page and its network: `online`, `pageshow`, `visibilitychange`.
    Page,
}

type Action = Box<dyn FnOnce()>;
/// A listener for events of the page.
type Listening = (u64, PageEvent, Rc<dyn Fn()>);
/// Decides whether the browser throws for a message.
type Throws = Rc<dyn Fn(&Message) -> bool>;

/// An event that happens at some time.
enum Scheduled {
    World(Action),
    /// A timeout of the page: when it was set, and when it is due. Hidden and frozen pages delay it.
    Timeout(Duration, Duration, Action),
}

pub struct Page {
    pub executor: Executor,
    /// The tasks of the peers, which the page does not delay.
    pub world: Executor,
    pub engine: Cell<Engine>,
    /// How long a run may take.
    pub time_limit: Cell<Duration>,
    pub servers: Servers,
    /// The number of milliseconds by which JavaScript's `Date` is ahead of the simulated time.
    clock_offset: Cell<i64>,
    now: Cell<Duration>,
    random: Cell<u64>,
    scheduled: RefCell<BTreeMap<(Duration, u64), Scheduled>>,
    ready: RefCell<Vec<(Source, VecDeque<Action>)>>,
    /// The remaining callbacks of the current task: one for each listener, with microtasks after each.
    callbacks: RefCell<VecDeque<Action>>,
    last_id: Cell<u64>,
    is_hidden: Cell<bool>,
    is_frozen: Cell<bool>,
    /// Whether timers are held back.
    is_held: Cell<bool>,
    pub is_offline: Cell<bool>,
    /// World events that happen when the page comes online.
    at_online: RefCell<Vec<Action>>,
    /// Timeouts that were due while the page was frozen or its timers were held back.
    overdue: RefCell<VecDeque<Action>>,
    pub listeners: RefCell<Vec<Listening>>,
    pub live_listeners: Cell<usize>,
    pub sockets: RefCell<BTreeMap<u64, Rc<Inner>>>,
    /// Decides for which messages the browser's `send` throws.
    pub throws: RefCell<Option<Throws>>,
    pub memory_limit: Cell<u64>,
    /// The number of payload bytes that sockets of this page have accepted and that have not left it, even if they never will.
    pub unsent: Cell<u64>,
    tasks_run: Cell<u64>,
    /// The number of the current moment. A page sees a change of the network only in the next moment.
    moment: Cell<u64>,
    /// The number of tasks and polls since the page last waited.
    busy: Cell<u64>,
}

/// Events of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageEvent {
    /// The network has come back.
    Online,
    /// The page has come back from the browser's cache.
    Restored,
    /// The page is visible.
    Shown,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Page>>> = const { RefCell::new(None) };
}

/// Returns the page in which this code runs, if any.
pub fn current() -> Option<Rc<Page>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// 2026-01-01, because some code treats an early time as wrong.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);
/// The number of tasks and polls without a wait above which a page counts as hanging. A message that has arrived takes three.
const BUSY: u64 = 2_000_000;
/// The number of steps without a wake of the main future above which the future counts as waiting for ever.
const IDLE: u64 = 2_000_000;
/// How long a run may take by default.
const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);
/// The longest time that a task takes, in nanoseconds.
const TASK: u64 = 40_000;
/// The interval in which timers of a hidden page fire. After five minutes Chromium delays chained timers further, but the
/// simulation's only timers, [`Alarm`](super::Alarm)s, are never chained: each fires in its own turn.
const HIDDEN_TICK: Duration = Duration::from_secs(1);

impl Page {
    pub fn new(seed: u64) -> Rc<Self> {
        Rc::new(Self {
            executor: Executor::default(),
            world: Executor::default(),
            engine: Cell::default(),
            time_limit: Cell::new(MONTH),
            servers: Servers::default(),
            clock_offset: Cell::default(),
            now: Cell::default(),
            random: Cell::new(seed),
            scheduled: RefCell::default(),
            ready: RefCell::default(),
            callbacks: RefCell::default(),
            last_id: Cell::default(),
            is_hidden: Cell::default(),
            is_frozen: Cell::default(),
            is_held: Cell::default(),
            is_offline: Cell::default(),
            at_online: RefCell::default(),
            overdue: RefCell::default(),
            listeners: RefCell::default(),
            live_listeners: Cell::default(),
            sockets: RefCell::default(),
            throws: RefCell::default(),
            memory_limit: Cell::new(u64::MAX),
            unsent: Cell::default(),
            tasks_run: Cell::default(),
            moment: Cell::default(),
            busy: Cell::default(),
        })
    }

    /// Listens for connections to a URL.
    ///
    /// # Panics
    ///
    /// Panics if no page can connect to the URL.
    #[track_caller]
    pub fn listen(&self, url: &str) -> Rc<server::Listening> {
        match self.servers.listen(url) {
            Ok(listening) => listening,
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs the page and the world until a future resolves.
    ///
    /// # Panics
    ///
    /// Panics if nothing can wake the future any more, if the page never becomes idle, or at the time limit.
    pub fn run<F: Future>(self: &Rc<Self>, future: F) -> F::Output {
        let _entered = Entered::new(Rc::clone(self));
        let root = self.executor.root();
        let waker = Waker::from(root.clone());
        let mut future = pin!(future);
        waker.wake_by_ref();
        let (mut idle, end) = (0, self.elapsed().saturating_add(self.time_limit.get()));
        loop {
            // Something may wake the future for ever, such as attempts that fail.
            if self.elapsed() > end {
                panic!(
                    "the future has not resolved within {:?} of the page's time; `Page::time_limit` sets another limit",
                    self.time_limit.get()
                );
            }
            idle += 1;
            if idle > IDLE {
                panic!("the future waits for ever: only timers go on, for {:?} by now", self.elapsed());
            }
            self.run_world();
            match self.executor.poll_next() {
                Polled::Root => {
                    root.polled();
                    idle = 0;
                    if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                        return output;
                    }
                }
                Polled::Task => {}
                Polled::Nothing if self.step() => {}
                Polled::Nothing => panic!("the future waits, and nothing will ever happen in this page"),
            }
            self.count_busy();
        }
    }

    fn count_busy(&self) {
        self.busy.set(self.busy.get() + 1);
        if self.busy.get() > BUSY {
            panic!("the page never waits: it has run {BUSY} tasks and polls in a row");
        }
    }

    /// Polls the peers' tasks that were woken.
    fn run_world(&self) {
        while self.world.poll_next() != Polled::Nothing {
            self.count_busy();
        }
    }

    /// Runs the next task, or lets time pass until the next event. Returns false if there is none.
    fn step(self: &Rc<Self>) -> bool {
        if self.run_callback() || self.next_moment() || self.run_task() {
            return true;
        }
        let Some(next) = self.next_time() else { return false };
        self.busy.set(0);
        self.now.set(self.now.get().max(next));
        self.next_moment();
        true
    }

    /// Returns the time of the next event.
    fn next_time(&self) -> Option<Duration> {
        self.scheduled.borrow().first_key_value().map(|((at, _), _)| *at)
    }

    /// Runs all events that are due, and begins the next moment, in which the page sees them. Returns whether there were any.
    fn next_moment(self: &Rc<Self>) -> bool {
        let has_happened = self.happen();
        self.moment.set(self.moment.get() + 1);
        has_happened
    }

    /// Blocks the page for a time: none of its tasks run, and world events still happen.
    pub fn block(self: &Rc<Self>, time: Duration) {
        let end = self.now.get().saturating_add(time);
        while let Some(next) = self.next_time().filter(|next| *next <= end) {
            self.now.set(self.now.get().max(next));
            self.happen();
        }
        self.now.set(end);
    }

    pub fn moment(&self) -> u64 {
        self.moment.get()
    }

    /// Runs all events that are due. Returns whether there were any.
    fn happen(self: &Rc<Self>) -> bool {
        let mut has_happened = false;
        loop {
            let mut scheduled = self.scheduled.borrow_mut();
            let due = scheduled.first_entry().filter(|entry| entry.key().0 <= self.now.get());
            let Some(scheduled_now) = due.map(|entry| entry.remove()) else { return has_happened };
            drop(scheduled);
            has_happened = true;
            match scheduled_now {
                Scheduled::World(action) => {
                    action();
                    self.run_world();
                }
                Scheduled::Timeout(set, due, action) => self.time_out(set, due, action),
            }
        }
    }

    fn time_out(&self, set: Duration, due: Duration, action: Action) {
        let fires = match (self.is_hidden.get(), self.engine.get()) {
            (false, _) => due,
            (true, Engine::Firefox) => due.max(set + HIDDEN_TICK),
            (true, Engine::Chromium) => next_multiple(due, HIDDEN_TICK),
        };
        if fires > self.now.get() {
            self.schedule_at(fires, Scheduled::Timeout(set, due, action));
        } else if self.is_frozen.get() || self.is_held.get() {
            self.overdue.borrow_mut().push_back(action);
        } else {
            self.queue(Source::Timer, action);
        }
    }

    /// Runs the next callback of the current task.
    fn run_callback(&self) -> bool {
        if self.is_frozen.get() {
            return false;
        }
        let callback = self.callbacks.borrow_mut().pop_front();
        callback.map(|callback| callback()).is_some()
    }

    /// Adds a callback to the current task.
    pub fn call_back(&self, callback: impl FnOnce() + 'static) {
        self.callbacks.borrow_mut().push_back(Box::new(callback));
    }

    /// Runs a task of a source that the seed chooses. Returns whether there was one.
    fn run_task(self: &Rc<Self>) -> bool {
        if self.is_frozen.get() {
            return false;
        }
        let mut ready = self.ready.borrow_mut();
        if ready.is_empty() {
            return false;
        }
        let index = (self.random_below(ready.len() as u64)) as usize;
        let action = ready[index].1.pop_front();
        if ready[index].1.is_empty() {
            ready.remove(index);
        }
        drop(ready);
        let took = Duration::from_nanos(self.random_below(TASK));
        self.now.set(self.now.get() + took);
        self.tasks_run.set(self.tasks_run.get() + 1);
        if let Some(action) = action {
            action();
        }
        true
    }

    /// Queues a task.
    pub fn queue(&self, source: Source, action: Action) {
        let mut ready = self.ready.borrow_mut();
        match ready.iter_mut().find(|(queued, _)| *queued == source) {
            Some((_, tasks)) => tasks.push_back(action),
            None => ready.push((source, [action].into())),
        }
    }

    /// Schedules a world event after a delay.
    pub fn after(&self, delay: Duration, action: impl FnOnce() + 'static) -> ScheduledId {
        self.schedule_at(self.now.get().saturating_add(delay), Scheduled::World(Box::new(action)))
    }

    /// Sets a timeout of the page.
    pub fn set_timeout(&self, delay: Duration, action: impl FnOnce() + 'static) -> ScheduledId {
        let (set, due) = (self.now.get(), self.now.get().saturating_add(delay));
        self.schedule_at(due, Scheduled::Timeout(set, due, Box::new(action)))
    }

    fn schedule_at(&self, at: Duration, scheduled: Scheduled) -> ScheduledId {
        let id = self.next_id();
        self.scheduled.borrow_mut().insert((at, id), scheduled);
        ScheduledId(id)
    }

    pub fn cancel(&self, ScheduledId(id): ScheduledId) {
        let mut scheduled = self.scheduled.borrow_mut();
        // Found by its id: a delayed timeout is at another time than it was set for.
        let key = scheduled.keys().find(|(_, other)| *other == id).copied();
        let cancelled = key.and_then(|key| scheduled.remove(&key));
        drop(scheduled);
        drop(cancelled);
    }

    /// Schedules a world event for the moment in which the page comes online.
    pub fn when_online(&self, action: impl FnOnce() + 'static) {
        self.at_online.borrow_mut().push(Box::new(action));
    }

    /// Reconnects the page to the network.
    pub fn come_online(self: &Rc<Self>) {
        self.is_offline.set(false);
        for action in self.at_online.take() {
            self.after(Duration::ZERO, action);
        }
        self.emit(PageEvent::Online);
    }

    pub fn next_id(&self) -> u64 {
        self.last_id.set(self.last_id.get() + 1);
        self.last_id.get()
    }

    /// Returns the time since the page was opened.
    pub fn elapsed(&self) -> Duration {
        self.now.get()
    }

    /// Returns the time since 1970, of the device's clock, which may be set.
    pub fn clock(&self) -> Duration {
        let offset = Duration::from_millis(self.clock_offset.get().unsigned_abs());
        let time = EPOCH + self.now.get();
        if self.clock_offset.get() < 0 { time.saturating_sub(offset) } else { time + offset }
    }

    /// Sets the device's clock forward or back by a number of milliseconds.
    pub fn set_clock(&self, milliseconds: i64) {
        self.clock_offset.set(self.clock_offset.get().saturating_add(milliseconds));
    }

    /// Returns the next random number (SplitMix64).
    pub fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.random.set(state);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn random_below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.random() % bound }
    }

    pub fn is_hidden(&self) -> bool {
        self.is_hidden.get()
    }

    /// Hides the page, as behind another tab, or shows it.
    pub fn set_hidden(self: &Rc<Self>, hidden: bool) {
        if hidden == self.is_hidden() {
            return;
        }
        self.is_hidden.set(hidden);
        if !hidden {
            // Timeouts that were delayed to the next tick are due at their own time again.
            let scheduled = take(&mut *self.scheduled.borrow_mut());
            let as_set = scheduled.into_iter().map(|((at, id), scheduled)| match scheduled {
                Scheduled::Timeout(_, due, _) => ((due, id), scheduled),
                Scheduled::World(_) => ((at, id), scheduled),
            });
            self.scheduled.borrow_mut().extend(as_set);
            self.emit(PageEvent::Shown);
        }
    }

    /// Freezes the page, so that none of its tasks run, or resumes it.
    pub fn set_frozen(self: &Rc<Self>, frozen: bool) {
        self.is_frozen.set(frozen);
        // Overdue timers may fire before the events that have arrived meanwhile.
        self.fire_overdue();
    }

    /// Ends all connections, like a browser that keeps a page in its cache without them. The page sees it when it runs again.
    pub fn end_connections(&self) {
        // One message that had arrived may still be delivered.
        for (source, tasks) in &mut *self.ready.borrow_mut() {
            if let Source::Socket(_) = source {
                tasks.truncate(1);
            }
        }
        let sockets: Vec<_> = self.sockets.borrow().values().cloned().collect();
        for socket in sockets {
            socket.is_ended_by_browser(Duration::from_millis(4 + self.random_below(16)));
        }
    }

    /// Holds back timers, or releases them.
    pub fn set_held(&self, held: bool) {
        self.is_held.set(held);
        self.fire_overdue();
    }

    fn fire_overdue(&self) {
        if !self.is_frozen.get() && !self.is_held.get() {
            let overdue = take(&mut *self.overdue.borrow_mut());
            overdue.into_iter().for_each(|action| self.queue(Source::Timer, action));
        }
    }

    /// Queues an event of the page.
    pub fn emit(self: &Rc<Self>, event: PageEvent) {
        let page = Rc::clone(self);
        self.queue(
            Source::Page,
            Box::new(move || {
                let listeners = page.listeners.borrow().clone();
                for (id, _, closure) in listeners.into_iter().filter(|(_, listened, _)| *listened == event) {
                    let page_then = Rc::clone(&page);
                    page.call_back(move || {
                        if page_then.listeners.borrow().iter().any(|(listening, ..)| *listening == id) {
                            closure();
                        }
                    });
                }
            }),
        );
    }

    /// Drops all events, tasks and sockets, which may hold a reference to the page.
    fn leave(&self) {
        drop(self.scheduled.take());
        drop(self.ready.take());
        drop(self.callbacks.take());
        drop(self.overdue.take());
        drop(self.at_online.take());
        drop(self.sockets.take());
        self.servers.clear();
    }

    /// Returns the number of timeouts that are set.
    pub fn timeouts(&self) -> usize {
        let scheduled = self.scheduled.borrow();
        scheduled.values().filter(|scheduled| matches!(scheduled, Scheduled::Timeout(..))).count()
    }

    /// Returns the number of tasks that the event loop has run.
    pub fn tasks_run(&self) -> u64 {
        self.tasks_run.get()
    }
}

/// A scheduled event, to cancel it.
#[derive(Clone, Copy)]
pub struct ScheduledId(u64);

fn next_multiple(time: Duration, tick: Duration) -> Duration {
    if tick.is_zero() {
        return time;
    }
    let tick = tick.as_nanos() as u64;
    Duration::from_nanos((time.as_nanos() as u64).div_ceil(tick) * tick)
}

/// Makes a page the current page until it is dropped.
struct Entered {
    page: Rc<Page>,
    before: Option<Rc<Page>>,
}

impl Entered {
    fn new(page: Rc<Page>) -> Self {
        let before = CURRENT.with(|current| current.borrow_mut().replace(Rc::clone(&page)));
        Self { page, before }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // While the page is still current, because dropping tasks drops its timers and sockets.
        self.page.executor.clear();
        self.page.world.clear();
        self.page.leave();
        let before = self.before.take();
        let _ = CURRENT.try_with(|current| *current.borrow_mut() = before);
    }
}

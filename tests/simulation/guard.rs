//! Runs each test in simulated pages, and implements the actions of tests on a page.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::mem::replace;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use std::{env, fmt, thread};

use futures_util::future::{Either, select};
use wasm_websocket::testing::{self, Engine, Leftovers, Page};
use wasm_websocket::{Blob, ReadyState, WebSocket, WebSocketStream};

use crate::peers;
use crate::suite::peer::is_by_streams;

/// Makes an `async fn` a test in pages of both engines, with a few seeds.
macro_rules! browser_test {
    ($(#[$attribute:meta])* async fn $name:ident() $body:block) => {
        #[test]
        $(#[$attribute])*
        fn $name() {
            #[allow(dead_code, reason = "for tests that are skipped in some browsers")]
            const TEST: &str = stringify!($name);
            $crate::suite::guard::guarded(|| async $body);
        }
    };
}

/// The timeout of a test, in simulated time.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The time for which a browser keeps dropped sockets whose peer never answers.
const LONGEST_END: Duration = Duration::from_secs(70);

thread_local!(static PAGE: RefCell<Option<Page>> = const { RefCell::new(None) });

/// Returns the page of the test that this thread runs.
pub fn page() -> Page {
    PAGE.with_borrow(|page| page.clone().expect("this is called in a test"))
}

/// Returns the value of an environment variable, or a default.
fn from_environment(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |value| value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

/// Returns the engines to simulate, whose names contain `TEST_ENGINE`.
fn engines() -> impl Iterator<Item = Engine> {
    let wanted = env::var("TEST_ENGINE").unwrap_or_default();
    // Firefox has no streams.
    let all = [Engine::Chromium, Engine::Firefox].into_iter().take(if is_by_streams() { 1 } else { 2 });
    all.filter(move |engine| format!("{engine:?}").contains(&wanted))
}

/// Runs a test in pages of all engines, with `TEST_SEEDS` seeds from `TEST_SEED` on.
pub fn guarded<F: Future<Output = ()>>(test: impl Fn() -> F) {
    let first = from_environment("TEST_SEED", 0);
    let mut pages = 0;
    for engine in engines() {
        for seed in first..first + from_environment("TEST_SEEDS", 4) {
            let _running = Running { engine, seed };
            let page = Page::with_seed(seed).engine(engine);
            peers::serve(&page);
            PAGE.set(Some(page.clone()));
            page.run(run(test()));
            pages += 1;
        }
    }
    assert!(pages > 0, "no page was run: TEST_ENGINE and TEST_SEEDS choose none");
}

/// Prints the engine and the seed if a test fails.
struct Running {
    engine: Engine,
    seed: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        PAGE.take();
        if thread::panicking() {
            eprintln!("as {:?}, with TEST_SEED={}", self.engine, self.seed);
        }
    }
}

async fn run(test: impl Future<Output = ()>) {
    if let Either::Right(_) = select(pin!(test), pin!(page().sleep(PATIENCE))).await {
        panic!("the test hangs");
    }
    // Events in flight may still call code for objects that the test has dropped.
    page().sleep(LONGEST_END).await;
    assert_eq!(page().leftovers(), Leftovers::default());
}

/// Waits for some milliseconds, to check that nothing happens, which cannot be awaited.
pub async fn turn(milliseconds: u32) {
    page().sleep(Duration::from_millis(milliseconds.into())).await;
}

/// Reports that this engine deviates from the standard in a case of `tests/cases.md`.
pub fn deviation(case: &str, what: &str) {
    println!("deviation {case}: {what}");
}

/// Reports that a test, by its `TEST`, shows nothing in this run. The test then returns.
pub fn skipped(test: &str) {
    println!("skipped {test}");
}

/// Does nothing, since there is no garbage.
pub fn collect_garbage() {}

/// Keeps the event loop busy for some milliseconds, so that events that arrive meanwhile wait.
pub fn block(milliseconds: f64) {
    page().block(Duration::from_secs_f64(milliseconds / 1000.0));
}

/// Resolves when the messages in flight have arrived, even if the reader does not take them.
pub fn arrival(_stream: &WebSocketStream, _messages: u32) -> impl Future<Output = ()> + use<> {
    turn(2000)
}

/// Does nothing, since [`arrival`] does not need it here.
pub fn watch_reads() {}

/// Runs the tasks that were woken, before the next task of the event loop.
pub async fn microtasks() {
    let mut has_waited = false;
    poll_fn(|context| {
        if replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A clock that the test controls, until it is dropped.
pub struct Clock(Cell<i64>);

impl Clock {
    /// Sets the clock forward or back by milliseconds.
    pub fn set_forward(milliseconds: i32) -> Self {
        page().set_clock(milliseconds.into());
        Self(Cell::new(milliseconds.into()))
    }

    /// Leaves the clock as it is, since simulated timers are not late.
    pub fn stopped() -> Self {
        Self::set_forward(0)
    }

    /// Sets the clock forward.
    pub fn advance(&self, time: Duration) {
        let milliseconds = time.as_millis() as i64;
        page().set_clock(milliseconds);
        self.0.set(self.0.get() + milliseconds);
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        page().set_clock(-self.0.get());
    }
}

/// Holds back all timers until it is dropped.
pub struct NoTimers;

impl NoTimers {
    pub fn new() -> Self {
        page().hold_timers(true);
        Self
    }

    /// Resolves when a timer was set.
    pub async fn wanted(&self) {
        while page().leftovers().timers == 0 {
            turn(1).await;
        }
    }
}

impl Drop for NoTimers {
    fn drop(&mut self) {
        page().hold_timers(false);
    }
}

/// Returns a number that is unique among tests.
pub fn random() -> f64 {
    thread_local!(static LAST: Cell<f64> = const { Cell::new(0.0) });
    LAST.set(LAST.get() + 1.0);
    LAST.get()
}

/// A short hash in place of SHA-256.
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Adds bytes to the hash, by FNV-1a.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// Returns a Blob that cannot be read any more, since its file was removed.
pub async fn unreadable_blob() -> Option<Blob> {
    Some(testing::unreadable_blob(9))
}

/// Returns the origin of the page, and the path against which relative URLs are resolved.
pub fn location() -> (String, String) {
    ("http://127.0.0.1".into(), "/".into())
}

/// Returns whether the browser itself refuses two subprotocols, of which one is invalid. The simulation validates none.
pub fn browser_refuses(_protocols: [&str; 2]) -> bool {
    true
}

/// Spawns a task beside the test.
pub fn spawn_local(future: impl Future<Output = ()> + 'static) {
    page().spawn(future);
}

/// Returns the state of the page's only socket, even after its handle was dropped.
pub fn state_of(_socket: &WebSocket) -> impl Fn() -> ReadyState + use<> {
    let page = page();
    move || page.sockets().last().copied().unwrap_or(ReadyState::Closed)
}

/// Returns a Blob whose file was removed.
pub fn blob_that_fails() -> Blob {
    testing::unreadable_blob(3)
}

/// Returns a Blob with the bytes of several Blobs.
pub async fn blob_of(blobs: impl Iterator<Item = Blob>) -> Blob {
    let mut bytes = Vec::new();
    for blob in blobs {
        bytes.extend(blob.bytes().await.unwrap());
    }
    Blob::new(&bytes, "")
}

/// Returns the hash that the simulated peers report instead of SHA-256.
pub async fn sha256(blob: &Blob) -> String {
    let mut digest = Digest::default();
    digest.update(&blob.bytes().await.unwrap());
    digest.to_string()
}

/// Returns the number of turns of the event loop during an action, and the longest turn in milliseconds, which is 0 here.
pub async fn turns(done: impl Future<Output = ()>) -> (u32, f64) {
    let before = page().turns();
    done.await;
    ((page().turns() - before) as u32, 0.0)
}

/// Returns 0, since there is no wasm memory here.
pub fn memory_size() -> usize {
    0
}

/// Returns the number of unsent bytes, as the network counts them, of a page with one open socket.
pub fn browsers_amount(_socket: &WebSocket) -> u64 {
    page().unsent()
}

/// Stops the task for a while, like a synchronous request in a browser.
pub fn stop_task() {
    block(50.0);
}

/// Fires an event of the page, such as `online`.
pub fn dispatch(name: &str) {
    match name {
        "online" => page().come_online(),
        "pageshow" => page().restore(),
        // The simulation ignores this event.
        "offline" => {}
        _ => panic!("{name} is not simulated"),
    }
}

/// Returns whether the page has a document, which can be shown and hidden.
pub fn has_document() -> bool {
    true
}

/// Hides the page, or shows it.
pub fn set_hidden(is_hidden: bool) {
    if is_hidden { page().hide() } else { page().show() }
}

/// Returns the time in milliseconds, of a clock that cannot be set.
pub fn now() -> f64 {
    page().elapsed().as_secs_f64() * 1000.0
}

/// Returns whether the browser is WebKit.
pub fn is_webkit() -> bool {
    false
}

/// Writes to the console.
pub fn log(text: &str) {
    println!("{text}");
}

/// The objects that are left in the page, without the browser's own sockets, which close later.
#[derive(Debug, PartialEq)]
pub struct Live(Leftovers);

impl Live {
    pub fn now() -> Self {
        let mut leftovers = page().leftovers();
        leftovers.sockets = 0;
        Self(leftovers)
    }

    pub async fn at_rest() -> Self {
        turn(100).await;
        Self::now()
    }

    pub fn with_memory_of(self, _other: &Self) -> Self {
        self
    }

    pub fn assert_no_more_than(&self, before: &Self) {
        assert_eq!(self, before);
    }
}

//! Runs each test in simulated pages, and does to those what tests do to a page.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use std::{env, fmt, thread};

use futures_util::future::{Either, select};
use wasm_websocket::testing::{self, Engine, Leftovers, Page};
use wasm_websocket::{Blob, ReadyState, WebSocket, WebSocketStream};

use crate::peers;

/// Makes an `async fn` a test in pages of both engines, with a few seeds.
macro_rules! browser_test {
    ($(#[$attribute:meta])* async fn $name:ident() $body:block) => {
        #[test]
        $(#[$attribute])*
        fn $name() {
            $crate::suite::guard::guarded(|| async $body);
        }
    };
}

/// How long a test may take, by its page's time.
const PATIENCE: Duration = Duration::from_secs(3600);

/// How long a browser holds what was dropped, with a peer that never answers.
const LONGEST_END: Duration = Duration::from_secs(70);

thread_local!(static PAGE: RefCell<Option<Page>> = const { RefCell::new(None) });

/// The page of the test that this thread runs.
pub fn page() -> Page {
    PAGE.with_borrow(|page| page.clone().expect("this is called in a test"))
}

/// What the environment says, or something else.
fn from_environment(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |value| value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

/// The engines to run as: those whose name contains `TEST_ENGINE`.
fn engines() -> impl Iterator<Item = Engine> {
    let wanted = env::var("TEST_ENGINE").unwrap_or_default();
    [Engine::Chromium, Engine::Firefox].into_iter().filter(move |engine| format!("{engine:?}").contains(&wanted))
}

/// Runs a test in pages of all engines, with `TEST_SEEDS` seeds from `TEST_SEED` on.
pub fn guarded<F: Future<Output = ()>>(test: impl Fn() -> F) {
    let first = from_environment("TEST_SEED", 0);
    for engine in engines() {
        for seed in first..first + from_environment("TEST_SEEDS", 4) {
            let _running = Running { engine, seed };
            let page = Page::with_seed(seed).engine(engine);
            peers::serve(&page);
            PAGE.set(Some(page.clone()));
            page.run(run(test()));
        }
    }
}

/// Says where a test has failed.
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
    // What the test has dropped may still be called by events that are on their way.
    page().sleep(LONGEST_END).await;
    assert_eq!(page().leftovers(), Leftovers::default());
}

/// Waits for some milliseconds, for what cannot be awaited: that nothing happens.
pub async fn turn(milliseconds: u32) {
    page().sleep(Duration::from_millis(milliseconds.into())).await;
}

/// Reports that this engine does otherwise than the standard has it in a case of `tests/cases.md`.
pub fn deviation(case: &str, what: &str) {
    println!("deviation {case}: {what}");
}

/// Keeps the event loop busy for some milliseconds, so that what arrives meanwhile waits.
pub fn block(milliseconds: f64) {
    page().block(Duration::from_secs_f64(milliseconds / 1000.0));
}

/// Resolves when messages have arrived that are on their way, whether anybody takes them or not.
pub fn arrival(_stream: &WebSocketStream, _messages: u32) -> impl Future<Output = ()> + use<> {
    turn(2000)
}

/// A number that no other test has.
pub fn random() -> f64 {
    thread_local!(static LAST: Cell<f64> = const { Cell::new(0.0) });
    LAST.set(LAST.get() + 1.0);
    LAST.get()
}

/// What stands for a SHA-256 here: a shorter hash, by which the same bytes are the same.
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// As FNV-1a does it.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// A Blob that cannot be read any more: the file that it stands for has been removed.
pub async fn unreadable_blob() -> Option<Blob> {
    Some(testing::unreadable_blob(9))
}

/// The origin of the page, and the path of what relative URLs are relative to.
pub fn location() -> (String, String) {
    ("http://127.0.0.1".into(), "/".into())
}

/// Whether the browser itself refuses two subprotocols, of which one is bad. The simulation looks at none.
pub fn browser_refuses(_protocols: [&str; 2]) -> bool {
    true
}

/// Runs a future beside the test.
pub fn spawn_local(future: impl Future<Output = ()> + 'static) {
    page().spawn(future);
}

/// The state of the only socket that there is, also when its handle has gone.
pub fn state_of(_socket: &WebSocket) -> impl Fn() -> ReadyState + use<> {
    let page = page();
    move || page.sockets().last().copied().unwrap_or(ReadyState::Closed)
}

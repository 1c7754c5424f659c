//! Makes uncaught errors and unhandled rejections fail the test in which they occur.
//!
//! wasm-bindgen's test runner does not notice them, not even "closure invoked recursively or after being dropped".

use std::alloc::System;
use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use js_sys::{Function, Promise, Reflect};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use wasm_bindgen::prelude::*;
use wasm_websocket::{Blob, ReadyState, Transport, WebSocket, WebSocketStream};

/// Makes an `async fn` a guarded test, which needs the server.
macro_rules! browser_test {
    ($(#[$attribute:meta])* async fn $name:ident() $body:block) => {
        #[wasm_bindgen_test::wasm_bindgen_test]
        $(#[$attribute])*
        async fn $name() {
            #[allow(dead_code, reason = "for tests that are skipped in some browsers")]
            const TEST: &str = stringify!($name);
            $crate::suite::peer::assert_up().await;
            $crate::suite::guard::guarded(async $body).await;
        }
    };
}

/// The timeout of a test, in milliseconds. A busy machine can be ten times as slow as an idle one.
const PATIENCE: u32 = if option_env!("TEST_LARGE").is_some() { 600_000 } else { 150_000 };

/// Runs a test. Panics if the test hangs, or if there were uncaught errors or unhandled rejections meanwhile.
pub async fn guarded(test: impl Future<Output = ()>) {
    let guard = Guard::new();
    if let Either::Right(_) = select(pin!(test), pin!(turn(PATIENCE))).await {
        panic!("the test hangs; uncaught so far: {:?}", guard.seen());
    }
    // Events in flight may still call code for objects that the test has dropped.
    turn(10).await;
    guard.assert_quiet();
}

/// Waits for some milliseconds, to check that nothing happens, which cannot be awaited.
pub async fn turn(milliseconds: u32) {
    let (over, is_over) = oneshot::channel::<()>();
    let mut over = Some(over);
    let callback = Closure::own_assert_unwind_safe(move || drop(over.take()));
    let _timeout = Timeout(setTimeout(&callback, milliseconds));
    // The receiver resolves when the callback drops the sender.
    let _ = is_over.await;
}

/// A timeout that is cleared when it is dropped.
struct Timeout(JsValue);

impl Drop for Timeout {
    fn drop(&mut self) {
        clearTimeout(&self.0);
    }
}

#[wasm_bindgen]
extern "C" {
    fn setTimeout(callback: &Closure<dyn FnMut()>, milliseconds: u32) -> JsValue;
    fn clearTimeout(timeout: &JsValue);
}

/// Reports that this browser deviates from the standard in a case of `tests/cases.md`, for the conformance table.
///
/// Tests call this only when they see the deviation, so the table is never older than the run.
pub fn deviation(case: &str, what: &str) {
    log(&format!("deviation {case}: {what}"));
}

/// Reports that a test, by its `TEST`, shows nothing in this run, for the conformance table. The test then returns.
pub fn skipped(test: &str) {
    log(&format!("skipped {test}"));
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    pub fn log(text: &str);

    fn eval(script: &str) -> JsValue;
}

/// Returns whether the browser is WebKit. WebKit hands sent messages to another process: its `bufferedAmount` is soon 0, and
/// senders have nothing to wait for.
pub fn is_webkit() -> bool {
    let user_agent = js("navigator.userAgent").as_string().unwrap();
    user_agent.contains("AppleWebKit/") && !user_agent.contains("Chrome/")
}

/// Evaluates a JavaScript expression, for objects and functions without a binding.
pub fn js(expression: &str) -> JsValue {
    eval(&format!("({expression})"))
}

/// Returns the function that a JavaScript expression evaluates to.
pub fn js_function(expression: &str) -> Function {
    js(expression).unchecked_into()
}

/// Spawns a task beside the test.
pub fn spawn_local(future: impl Future<Output = ()> + 'static) {
    js_sys::futures::spawn_local(future);
}

/// Makes browsers collect garbage by allocating buffers that nobody keeps. A page has no other means.
pub fn collect_garbage() {
    js("Array.from({ length: 32 }, () => new ArrayBuffer(8 << 20)).length");
}

/// Keeps the event loop busy for some milliseconds, so that events that arrive meanwhile wait.
pub fn block(milliseconds: f64) {
    let end = js_sys::Date::now() + milliseconds;
    while js_sys::Date::now() < end {}
}

/// Runs the tasks that were woken, before the next task of the event loop.
pub async fn microtasks() {
    let _ = Promise::resolve(&JsValue::NULL).await;
}

/// A clock that the test controls, until it is dropped.
pub struct Clock;

impl Clock {
    /// Sets the clock forward or back by milliseconds.
    pub fn set_forward(milliseconds: i32) -> Self {
        Self::set(&format!("t + {milliseconds}"))
    }

    /// Makes the clock show an expression of `t`, the current time, and of `begin`, the time of this call.
    fn set(time: &str) -> Self {
        js(&format!(
            "((now, begin) => Date.now = Object.assign(() => {{ const t = now(); return {time} }}, {{ now, advanced: 0 }}))
            (Date.now, Date.now())"
        ));
        Self
    }

    /// Stops the clock, so that nothing is late however busy the machine is.
    pub fn stopped() -> Self {
        Self::set("begin + Date.now.advanced")
    }

    /// Sets a stopped clock forward.
    pub fn advance(&self, time: Duration) {
        js(&format!("Date.now.advanced += {}", time.as_millis()));
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        js("Date.now = Date.now.now");
    }
}

/// A guard: no timer can be set until it is dropped.
pub struct NoTimers(JsValue);

impl NoTimers {
    pub fn new() -> Self {
        Self(js("(() => {
            const { setTimeout } = globalThis;
            const wanted = new Promise(resolve => globalThis.setTimeout = () => (resolve(), 0));
            return { setTimeout, wanted };
        })()"))
    }

    /// Resolves when code has tried to set a timer.
    pub async fn wanted(&self) {
        let wanted: Promise = Reflect::get(&self.0, &"wanted".into()).unwrap().unchecked_into();
        wanted.await.unwrap();
    }
}

impl Drop for NoTimers {
    fn drop(&mut self) {
        let name = "setTimeout".into();
        Reflect::set(&js_sys::global(), &name, &Reflect::get(&self.0, &name).unwrap()).unwrap();
    }
}

/// Resolves when this many more messages have arrived, even if the reader does not take them.
pub fn arrival(stream: &WebSocketStream, messages: u32) -> impl Future<Output = ()> + use<> {
    // This listener is called after the stream's own, which has queued the message by then.
    let listen = "(socket, messages) => new Promise(resolve => {
        const listener = () => {
            if (--messages > 0) return;
            socket.removeEventListener('message', listener);
            resolve();
        };
        socket.addEventListener('message', listener);
    })";
    // Over streams there are no events, so this counts reads.
    let count = "(socket, messages) => new Promise(resolve => globalThis.hasRead = () => {
        if (--messages === 0) resolve();
    })";
    let listen = if stream.transport() == Transport::Streams { count } else { listen };
    let arrived = js_function(listen).call2(&JsValue::NULL, stream.as_raw(), &messages.into()).unwrap();
    async { drop(arrived.unchecked_into::<Promise>().await.unwrap()) }
}

/// Calls `hasRead` for each message that any stream reads, for [`arrival`].
pub fn watch_reads() {
    js("globalThis.hasRead ??= (() => {
        const { prototype } = ReadableStreamDefaultReader, { read } = prototype;
        prototype.read = function () {
            const promise = read.call(this);
            promise.then(({ done }) => done || globalThis.hasRead(), () => {});
            return promise;
        };
        return () => {};
    })()");
}

/// Returns a Blob that cannot be read any more, since its file was removed; `None` where pages cannot create files.
pub async fn unreadable_blob() -> Option<Blob> {
    let script = "(async () => {
        const folder = await navigator.storage.getDirectory();
        const handle = await folder.getFileHandle('removed', { create: true });
        const channel = await handle.createWritable();
        await channel.write('something');
        await channel.close();
        const file = await handle.getFile();
        await folder.removeEntry('removed');
        return file;
    })()";
    let file: Promise = js(script).unchecked_into();
    Some(Blob::from_raw(file.await.ok()?.unchecked_into()))
}

/// Returns the origin of the page, and the path against which relative URLs are resolved: in a worker, the path of its script.
pub fn location() -> (String, String) {
    let part = |name: &str| js(&format!("globalThis.location.{name}")).as_string().unwrap();
    (part("origin"), part("pathname"))
}

/// Returns whether the browser itself refuses two subprotocols.
pub fn browser_refuses(protocols: [&str; 2]) -> bool {
    let url = super::peer::url("/echo");
    let protocols = js_sys::Array::of2(&protocols[0].into(), &protocols[1].into());
    web_sys::WebSocket::new_with_str_sequence(&url, &protocols).is_err()
}

/// Returns the state of a socket, even after its handle was dropped.
pub fn state_of(socket: &WebSocket) -> impl Fn() -> ReadyState + use<> {
    let socket = socket.as_raw().clone();
    move || match socket.ready_state() {
        web_sys::WebSocket::CONNECTING => ReadyState::Connecting,
        web_sys::WebSocket::OPEN => ReadyState::Open,
        web_sys::WebSocket::CLOSING => ReadyState::Closing,
        _ => ReadyState::Closed,
    }
}

/// Returns a Blob that cannot be read, as if its file was removed.
pub fn blob_that_fails() -> Blob {
    let blob = js("Object.assign(new Blob(['[1]']), { arrayBuffer: () => Promise.reject(new Error('gone')) })");
    Blob::from_raw(blob.into())
}

/// Returns a Blob that consists of references to other Blobs.
pub async fn blob_of(blobs: impl Iterator<Item = Blob>) -> Blob {
    let blobs: js_sys::Array = blobs.map(|blob| JsValue::from(blob.into_raw())).collect();
    Blob::from_raw(web_sys::Blob::new_with_blob_sequence(&blobs).unwrap())
}

/// Returns the SHA-256 of a Blob.
///
/// The browser's function needs all bytes in memory. For the Blob of 1 GiB, the hash is therefore a constant, made by
/// `python3 -c "import hashlib; print(hashlib.sha256(b''.join(bytes([i]) * (64 << 20) for i in range(16))).hexdigest())"`
pub async fn sha256(blob: &Blob) -> String {
    if blob.len() == 1 << 30 {
        return "d2d2e720d9549cee1571eae12e810a0c79188e24fa247ecd327add83b548f66f".into();
    }
    let digest = js_function("async blob => crypto.subtle.digest('SHA-256', await blob.arrayBuffer())");
    let digest: Promise = digest.call1(&JsValue::NULL, blob.as_raw()).unwrap().unchecked_into();
    let digest = js_sys::Uint8Array::new(&digest.await.unwrap()).to_vec();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the number of turns of the event loop during an action, and the longest turn in milliseconds.
pub async fn turns(done: impl Future<Output = ()>) -> (u32, f64) {
    let next_turn = js_function(
        "() => new Promise(resolve => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => resolve(port1.close());
        port2.postMessage(null);
    })",
    );
    let (mut turns, mut longest, mut last) = (0, 0.0_f64, js_sys::Date::now());
    let mut done = pin!(done);
    loop {
        let next_turn: Promise = next_turn.call0(&JsValue::NULL).unwrap().unchecked_into();
        let is_over = matches!(select(done.as_mut(), next_turn.into_future()).await, Either::Left(_));
        let now = js_sys::Date::now();
        (longest, last) = (longest.max(now - last), now);
        if is_over {
            return (turns, longest);
        }
        turns += 1;
    }
}

/// Returns the number of pages of wasm memory.
pub fn memory_size() -> usize {
    std::arch::wasm32::memory_size(0)
}

/// Returns the `bufferedAmount` of the raw socket.
pub fn browsers_amount(socket: &WebSocket) -> u64 {
    Reflect::get(socket.as_raw(), &"bufferedAmount".into()).unwrap().as_f64().unwrap() as u64
}

/// Stops the task with a synchronous `XMLHttpRequest`, where the browser has it.
pub fn stop_task() {
    let request = "(() => { const r = new XMLHttpRequest(); r.open('GET', location.href, false); r.send(); })()";
    assert!(js("typeof XMLHttpRequest === 'undefined'").is_truthy() || js(request).is_undefined());
}

/// Fires an event of the page, such as `online`.
pub fn dispatch(name: &str) {
    let event = js(&format!("Object.assign(new Event('{name}'), {{ persisted: true }})"));
    let global: web_sys::EventTarget = js_sys::global().unchecked_into();
    global.dispatch_event(event.unchecked_ref()).unwrap();
}

/// Returns whether the page has a document, which can be shown and hidden.
pub fn has_document() -> bool {
    js("typeof document").as_string().as_deref() != Some("undefined")
}

/// Makes the document look hidden or visible to scripts.
pub fn set_hidden(is_hidden: bool) {
    let state = if is_hidden { "hidden" } else { "visible" };
    js(&format!("Object.defineProperty(document, 'visibilityState', {{ value: '{state}', configurable: true }})"));
    js("document.dispatchEvent(new Event('visibilitychange'))");
    if !is_hidden {
        js("delete document.visibilityState");
    }
}

/// Returns the time in milliseconds.
pub fn now() -> f64 {
    js_sys::Date::now()
}

/// Returns a number that is unique among tests.
pub fn random() -> f64 {
    js_sys::Math::random()
}

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The allocated bytes and blocks, the JavaScript objects that Rust holds, and the pages of wasm memory.
///
/// The closure of each listener is a block, so listeners are counted, too.
#[derive(Debug, PartialEq)]
pub struct Live {
    pub bytes: usize,
    pub blocks: usize,
    pub objects: u32,
    pub pages: usize,
}

impl Live {
    pub fn now() -> Self {
        let stats = ALLOCATOR.stats();
        // The bytes include those by which reallocations grow and shrink blocks.
        let bytes = stats.bytes_allocated - stats.bytes_deallocated;
        let blocks = stats.allocations - stats.deallocations;
        let objects = wasm_bindgen::externref_heap_live_count();
        Self { bytes, blocks, objects, pages: memory_size() }
    }

    /// Waits until nothing has changed for 100 ms, and returns what is left. Closures that have run, and tasks that have ended, are
    /// freed in later turns. Timers that should have been cleared fire meanwhile.
    pub async fn at_rest() -> Self {
        loop {
            let before = Self::now();
            turn(100).await;
            if Self::now() == before {
                return before;
            }
        }
    }

    /// Takes over the bytes and the pages of another value, so that a comparison with it ignores them.
    pub fn with_memory_of(self, other: &Self) -> Self {
        Self { bytes: other.bytes, pages: other.pages, ..self }
    }

    /// Asserts that no more is live than before. Less may be live: what earlier tests have left to the browser's garbage collector
    /// is freed at any time.
    pub fn assert_no_more_than(&self, before: &Self) {
        let count = |live: &Self| [live.bytes, live.blocks, live.objects as usize, live.pages];
        let is_no_more = count(self).iter().zip(count(before)).all(|(now, before)| *now <= before);
        assert!(is_no_more, "{self:?} is left, and before it was {before:?}");
    }
}

/// Returns the number of bytes that were allocated so far, whether they were freed or not.
pub fn allocated() -> usize {
    ALLOCATOR.stats().bytes_allocated
}

type Listener = Closure<dyn FnMut(web_sys::Event)>;

/// Listens to the events of the global scope that report uncaught errors and unhandled rejections.
pub struct Guard {
    seen: Rc<RefCell<Vec<String>>>,
    listeners: [(&'static str, Listener); 2],
}

impl Guard {
    pub fn new() -> Self {
        let seen = Rc::<RefCell<Vec<String>>>::default();
        let listener = |name: &'static str, detail: &'static str| {
            let seen = seen.clone();
            let callback = Closure::own_assert_unwind_safe(move |event: web_sys::Event| {
                let detail = Reflect::get(&event, &detail.into()).unwrap_or_default();
                seen.borrow_mut().push(format!("{name}: {detail:?}"));
            });
            target().add_event_listener_with_callback(name, callback.as_ref().unchecked_ref()).unwrap();
            (name, callback)
        };
        let listeners = [listener("error", "message"), listener("unhandledrejection", "reason")];
        Self { seen, listeners }
    }

    /// Returns the uncaught errors and unhandled rejections so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.borrow().clone()
    }

    fn assert_quiet(&self) {
        let (mut seen, expected) = (self.seen(), EXPECTED.take());
        for expected in expected {
            let position = seen.iter().position(|seen| seen.contains(expected));
            seen.remove(position.unwrap_or_else(|| panic!("{expected:?} was not thrown, only {seen:?}")));
        }
        assert_eq!(seen, [""; 0], "nobody caught this");
    }
}

thread_local!(static EXPECTED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) });

/// Expects one uncaught error or unhandled rejection whose message contains `text` in this test.
pub fn expect_uncaught(text: &'static str) {
    EXPECTED.with_borrow_mut(|expected| expected.push(text));
}

impl Drop for Guard {
    fn drop(&mut self) {
        for (name, callback) in &self.listeners {
            target().remove_event_listener_with_callback(name, callback.as_ref().unchecked_ref()).unwrap();
        }
    }
}

fn target() -> web_sys::EventTarget {
    js_sys::global().unchecked_into()
}

#[wasm_bindgen_test::wasm_bindgen_test]
async fn the_guard_sees_uncaught_errors_and_unhandled_rejections() {
    let guard = Guard::new();
    let throw = Closure::own_assert_unwind_safe(|| wasm_bindgen::throw_str("thrown in a timer"));
    setTimeout(&throw, 0);
    let _ = Promise::reject(&"rejected".into());
    turn(50).await;
    let seen = guard.seen().join("\n");
    assert!(seen.contains("thrown in a timer") && seen.contains("rejected"), "{seen:?}");
}

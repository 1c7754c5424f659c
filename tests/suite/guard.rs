//! Makes uncaught errors and unhandled rejections fail the test in which they occur.
//!
//! wasm-bindgen's test runner does not notice them, not even "closure invoked recursively or after being dropped".

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;

/// Makes an `async fn` a test that is guarded, and that needs the server.
macro_rules! browser_test {
    ($(#[$attribute:meta])* async fn $name:ident() $body:block) => {
        #[wasm_bindgen_test::wasm_bindgen_test]
        $(#[$attribute])*
        async fn $name() {
            $crate::suite::peer::assert_up().await;
            $crate::suite::guard::guarded(async $body).await;
        }
    };
}

/// How long a test may take, in milliseconds.
const PATIENCE: u32 = if option_env!("TEST_LARGE").is_some() { 600_000 } else { 50_000 };

/// Runs a test; panics if it hangs, or if anything was thrown meanwhile that nobody caught.
pub async fn guarded(test: impl Future<Output = ()>) {
    let guard = Guard::new();
    if let Either::Right(_) = select(pin!(test), pin!(turn(PATIENCE))).await {
        panic!("the test hangs; uncaught so far: {:?}", guard.seen());
    }
    // What the test has dropped may still be called by events that are on their way.
    turn(10).await;
    guard.assert_quiet();
}

/// Waits for some milliseconds, for what cannot be awaited: that nothing happens.
pub async fn turn(milliseconds: u32) {
    let (over, is_over) = oneshot::channel::<()>();
    let mut over = Some(over);
    let callback = Closure::own_assert_unwind_safe(move || drop(over.take()));
    let _timeout = Timeout(setTimeout(&callback, milliseconds));
    // It resolves when the sender is dropped.
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

/// Reports that this browser does otherwise than the standard has it in a case of `tests/cases.md`, for the conformance
/// table.
///
/// A test that calls it has seen it, so what the table says is never older than the run.
pub fn deviation(case: &str, what: &str) {
    log(&format!("deviation {case}: {what}"));
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    pub fn log(text: &str);

    fn eval(script: &str) -> JsValue;
}

/// Whether this is WebKit, which hands all that is sent to another process: soon its `bufferedAmount` is 0, and there is
/// nothing to wait for.
pub fn is_webkit() -> bool {
    let user_agent = js("navigator.userAgent").as_string().unwrap();
    user_agent.contains("AppleWebKit/") && !user_agent.contains("Chrome/")
}

/// What JavaScript makes of an expression, for what has no binding.
pub fn js(expression: &str) -> JsValue {
    eval(&format!("({expression})"))
}

/// The function that an expression makes.
pub fn js_function(expression: &str) -> Function {
    js(expression).unchecked_into()
}

/// Keeps the event loop busy for some milliseconds, so that what arrives meanwhile waits.
pub fn block(milliseconds: f64) {
    let end = js_sys::Date::now() + milliseconds;
    while js_sys::Date::now() < end {}
}

type Listener = Closure<dyn FnMut(web_sys::Event)>;

/// Listens to the events of the global scope by which a browser tells of what nobody caught.
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

    /// What nobody caught, so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.borrow().clone()
    }

    fn assert_quiet(&self) {
        let (mut seen, expected) = (self.seen(), EXPECTED.take());
        for expected in expected {
            let position = seen.iter().position(|seen| seen.contains(expected));
            seen.remove(position.unwrap_or_else(|| panic!("{expected:?} was not thrown, but {seen:?}")));
        }
        assert_eq!(seen, [""; 0], "nobody caught this");
    }
}

thread_local!(static EXPECTED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) });

/// Expects something to be thrown in this test that nobody catches, once.
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

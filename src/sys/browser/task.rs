//! Tasks of the page, its clock and its randomness.

use std::future::Future;
use std::time::Duration;

/// Whether there is an event loop that runs tasks.
pub fn has_event_loop() -> bool {
    true
}

/// Runs a future to its end.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    js_sys::futures::spawn_local(future);
}

/// The time since 1970, by a clock that may be set.
pub fn now() -> Duration {
    // The page may have put a clock of its own in the place of the browser's.
    Duration::from_millis(js_sys::Date::now() as u64)
}

/// A random number from 0 to 1.
pub fn random() -> f64 {
    js_sys::Math::random()
}

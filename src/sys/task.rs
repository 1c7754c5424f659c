//! Work that goes on by itself, and what it needs to know.

use std::future::Future;
use std::time::Duration;

/// Whether there is an event loop. A component that is rendered on a server runs natively, where there is none.
pub(crate) const HAS_EVENT_LOOP: bool = cfg!(target_family = "wasm");

/// Runs a future to its end, if there is an event loop.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    if HAS_EVENT_LOOP {
        js_sys::futures::spawn_local(future);
    }
}

/// The time since 1970, by a clock that may be set.
pub(crate) fn now() -> Duration {
    let seconds = if HAS_EVENT_LOOP { js_sys::Date::now() / 1000.0 } else { 0.0 };
    // The page may have put a clock of its own in the place of the browser's.
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// A random number from 0 to 1.
pub(crate) fn random() -> f64 {
    if HAS_EVENT_LOOP { js_sys::Math::random() } else { 0.0 }
}

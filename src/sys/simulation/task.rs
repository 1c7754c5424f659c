//! Tasks of the page, its clock and its randomness.

use std::future::Future;
use std::time::Duration;

use super::page::current;

/// Returns whether there is an event loop that runs tasks. A component that is rendered on a server has none.
pub fn has_event_loop() -> bool {
    current().is_some()
}

/// Spawns a task, if there is an event loop.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    if let Some(page) = current() {
        page.executor.spawn(future);
    }
}

/// Returns the time since 1970, of a clock that may be set.
pub fn now() -> Duration {
    current().map_or(Duration::ZERO, |page| page.clock())
}

/// Returns a random number from 0 to 1.
pub fn random() -> f64 {
    current().map_or(0.0, |page| (page.random() >> 11) as f64 / (1_u64 << 53) as f64)
}

/// Returns random bits, from the seed; `None` outside of a page.
#[cfg(feature = "session")]
pub fn random_bits() -> Option<u128> {
    current().map(|page| u128::from(page.random()) << 64 | u128::from(page.random()))
}

//! Tasks of the page, its clock and its randomness.

use std::future::Future;
use std::time::Duration;

/// Returns whether there is an event loop that runs tasks.
pub fn has_event_loop() -> bool {
    true
}

/// Spawns a task.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    js_sys::futures::spawn_local(future);
}

/// Returns the time since 1970, of a clock that the user may set.
pub fn now() -> Duration {
    // The page may have replaced the browser's clock.
    Duration::from_millis(js_sys::Date::now() as u64)
}

/// Returns a random number from 0 to 1.
pub fn random() -> f64 {
    js_sys::Math::random()
}

/// Returns random bits of a cryptographic generator; `None` if there is none.
#[cfg(feature = "session")]
pub fn random_bits() -> Option<u128> {
    let array = js_sys::Uint8Array::new_with_length(16);
    super::bindings::get_random_values(&array).ok()?;
    let mut bytes = [0; 16];
    array.copy_to(&mut bytes);
    Some(u128::from_le_bytes(bytes))
}

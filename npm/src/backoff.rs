//! Reads a [`Backoff`] from a plain object that `reconnect-options.ts` has checked.

use wasm_websocket::reconnect::Backoff;

use crate::object::Plain;
use crate::options::duration;

/// Reads the fields of `Backoff` in `reconnect-options.ts`.
pub(crate) fn read(given: &Plain) -> Backoff {
    let mut backoff = Backoff::new();
    if let Some(base) = duration(given, "base") {
        backoff = backoff.base(base);
    }
    if let Some(cap) = duration(given, "cap") {
        backoff = backoff.cap(cap);
    }
    if let Some(floor) = duration(given, "floor") {
        backoff = backoff.floor(floor);
    }
    if let Some(attempts) = given.number("maxAttempts") {
        backoff = backoff.max_attempts(attempts as u32);
    }
    if let Some(elapsed) = duration(given, "maxElapsed") {
        backoff = backoff.max_elapsed(elapsed);
    }
    backoff
}

//! Tests of the pure parts of connections that come back, with a clock that the tests set.

mod backoff;
mod heartbeat;
mod inbox;
mod kept;
mod machine;
mod outbox;
mod policy;
mod state;

#[cfg(not(target_arch = "wasm32"))]
mod board;
#[cfg(not(target_arch = "wasm32"))]
mod exactly_once;
#[cfg(not(target_arch = "wasm32"))]
mod login;
#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(not(target_arch = "wasm32"))]
mod page;
#[cfg(not(target_arch = "wasm32"))]
mod pointers;
#[cfg(not(target_arch = "wasm32"))]
mod requests;
// The generator of schedules does not run in browsers.
#[cfg(not(target_arch = "wasm32"))]
mod schedules;
#[cfg(not(target_arch = "wasm32"))]
mod world;

use std::time::Duration;

use super::test;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

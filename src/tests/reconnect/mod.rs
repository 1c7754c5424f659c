//! What decides about connections that come and go, by a clock of the tests' own.

mod backoff;
mod heartbeat;
mod inbox;
mod kept;
mod machine;
mod outbox;
mod policy;
mod state;

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(not(target_arch = "wasm32"))]
mod page;
// What makes the schedules does not run in browsers.
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

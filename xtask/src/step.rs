//! Steps that print their name and how long they took.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};

/// Runs one step. Its name says what is being done, such as "building the server".
pub fn step<T>(name: &str, action: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("▸ {name} …");
    let start = Instant::now();
    let result = action().with_context(|| format!("failed: {name}"));
    let mark = if result.is_ok() { "✓" } else { "✗" };
    eprintln!("{mark} {name}: {:.1} s", start.elapsed().as_secs_f32());
    result
}

/// Waits until no other thread is in a step that holds this guard, too.
pub fn alone(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! How long to wait before the next attempt, and when to give up.

use std::time::Duration;

/// How long to wait between attempts to connect, and when to give up.
///
/// The delay before the n-th attempt that follows a loss or a failure is a random part of `base · 2ⁿ⁻¹`, or of `cap` if that
/// is less, and never less than `floor`. That is called *full jitter*. It holds at the cap, too: clients that were cut off
/// together do not come back together.
///
/// Attempts and their time are counted anew when a connection was open for 10 seconds and something was received on it, so
/// that a server which accepts and closes at once is not asked without end and without delay; and when the caller says
/// [`reconnect_now`](crate::Reconnecting::reconnect_now) or [`resume`](crate::Reconnecting::resume).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wasm_websocket::{Backoff, ReconnectOptions};
///
/// // A dashboard on a local network, that says so when the device was switched off.
/// let backoff = Backoff::new().cap(Duration::from_secs(5)).max_elapsed(Duration::from_secs(600));
/// let options = ReconnectOptions::new().backoff(backoff);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    floor: Duration,
    max_attempts: u32,
    max_elapsed: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(30),
            floor: Duration::from_millis(100),
            max_attempts: u32::MAX,
            max_elapsed: Duration::MAX,
        }
    }
}

impl Backoff {
    /// The defaults, which each method names.
    pub fn new() -> Self {
        Self::default()
    }

    /// The longest that the first delay can be. By default 1 second. It doubles with each that follows.
    pub fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// The longest that any delay can be. By default 30 seconds.
    pub fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// The shortest that any delay can be, even if the cap is shorter. By default 100 milliseconds.
    pub fn floor(mut self, floor: Duration) -> Self {
        self.floor = floor;
        self
    }

    /// How many attempts may be made in a row, the first one counted, before it gives up. By default there is no limit.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// How long attempts and the delays between them may take together before it gives up. By default there is no limit.
    ///
    /// What the device sleeps does not count, so that it is not given up for that: counted are the delays as they were
    /// chosen, and of each attempt no more than its timeout.
    pub fn max_elapsed(mut self, elapsed: Duration) -> Self {
        self.max_elapsed = elapsed;
        self
    }
}

/// What has been tried since the last good connection.
#[derive(Debug)]
pub(crate) struct Retries {
    backoff: Backoff,
    attempts: u32,
    delays: u32,
    elapsed: Duration,
}

impl Retries {
    pub fn new(backoff: Backoff) -> Self {
        Self { backoff, attempts: 0, delays: 0, elapsed: Duration::ZERO }
    }

    /// Counts an attempt, and gives its number, from 1.
    pub fn attempt(&mut self) -> u32 {
        self.attempts = self.attempts.saturating_add(1);
        self.attempts
    }

    /// Counts the time that an attempt took.
    pub fn took(&mut self, time: Duration) {
        self.elapsed = self.elapsed.saturating_add(time);
    }

    /// How long to wait for the next attempt, by a random number from 0 to 1. None to give up.
    pub fn next_delay(&mut self, random: f64) -> Option<Duration> {
        let Backoff { base, cap, floor, max_attempts, max_elapsed } = self.backoff;
        if self.attempts >= max_attempts || self.elapsed >= max_elapsed {
            return None;
        }
        let doubled = 1_u32.checked_shl(self.delays).unwrap_or(u32::MAX);
        let delay = jitter(base.saturating_mul(doubled).min(cap), random).max(floor);
        self.delays = self.delays.saturating_add(1);
        self.took(delay);
        Some(delay)
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        (self.attempts, self.delays, self.elapsed) = (0, 0, Duration::ZERO);
    }
}

/// A random part of the longest delay, by a number from 0 to 1. By any other, as a page may put its own function in the place
/// of the browser's, it is the longest delay.
pub(crate) fn jitter(longest: Duration, random: f64) -> Duration {
    Duration::try_from_secs_f64(longest.as_secs_f64() * random).map_or(longest, |delay| delay.min(longest))
}

//! The delay before the next attempt, and when to give up.

use std::time::Duration;

/// The delays between attempts to connect, and when to give up.
///
/// The n-th delay in a row is random, between 0 and the lesser of `base · 2ⁿ⁻¹` and `cap`, but at least `floor`. This is *full
/// jitter*. Delays are random at the cap, too, so that clients which were disconnected together do not reconnect together.
///
/// Attempts, delays and their time are counted from zero again, and the next attempt is number 1,
///
/// - after a connection that was [`Open`](crate::State::Open) for 10 seconds, the preamble not included: the first delay comes
///   before the next attempt. If it ended because a [`Heartbeat`](crate::Heartbeat) was not answered, a message must have been
///   received after those 10 seconds;
/// - after [`reconnect_now`](crate::Reconnecting::reconnect_now) and [`resume`](crate::Reconnecting::resume), which need no delay.
///
/// Thus the delays also grow for a server that accepts connections and closes them at once.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wasm_websocket::reconnect::Backoff;
/// use wasm_websocket::ReconnectOptions;
///
/// // A dashboard on a local network. It gives up if the device is switched off for ten minutes.
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
    /// Creates a backoff with the defaults, which each method names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the longest first delay, which doubles with each further delay. Default: 1 second.
    pub fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// Sets the longest delay. Default: 30 seconds.
    pub fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// Sets the shortest delay, which holds even if the cap is shorter. Default: 100 milliseconds. Only a wake-up, such as the page
    /// being shown, shortens it.
    ///
    /// With zero, attempts that fail at once follow each other in turns of the event loop, never within one.
    pub fn floor(mut self, floor: Duration) -> Self {
        self.floor = floor;
        self
    }

    /// Sets the number of attempts in a row that may fail, including the first, before the connection is closed for good.
    /// Default: no limit.
    ///
    /// An attempt has also failed if its connection ended before attempts are counted from zero again, see [`Backoff`]. Zero counts
    /// as one: the first attempt is always made. The stream then ends with the error of the last attempt, or without an error if
    /// the last attempt had opened a connection that the peer closed cleanly. [`State::Closed`] has the cause.
    ///
    /// [`State::Closed`]: crate::reconnect::State::Closed
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Sets the total time of attempts and delays, those of [`AfterClose::RetryAfter`](crate::AfterClose::RetryAfter) included,
    /// after which the next failure closes the connection for good; no attempt or delay is cut short. Default: no limit.
    ///
    /// The time for which the device sleeps does not count: a delay counts with its planned length, and an attempt with at most
    /// its timeout.
    pub fn max_elapsed(mut self, elapsed: Duration) -> Self {
        self.max_elapsed = elapsed;
        self
    }
}

/// The attempts and delays since the last good connection.
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

    /// Counts an attempt, and returns its number, from 1.
    pub fn attempt(&mut self) -> u32 {
        self.attempts = self.attempts.saturating_add(1);
        self.attempts
    }

    /// Counts the time that an attempt took.
    pub fn took(&mut self, time: Duration) {
        self.elapsed = self.elapsed.saturating_add(time);
    }

    /// Returns the delay before the next attempt; `None` to give up. `random` is from 0 to 1.
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

    /// Starts counting from zero again.
    pub fn reset(&mut self) {
        (self.attempts, self.delays, self.elapsed) = (0, 0, Duration::ZERO);
    }
}

/// Returns a random part of the longest delay, in whole milliseconds. `random` is from 0 to 1; any other number gives 0 or the
/// longest delay.
pub(crate) fn jitter(longest: Duration, random: f64) -> Duration {
    Duration::from_millis((longest.as_secs_f64() * 1000.0 * random) as u64).min(longest)
}

/// Returns a generator of random numbers from 0 to 1. The seed is from 0 to 1, too. Unlike `Math.random`, which a page can
/// replace, the generator runs no other code.
pub(crate) fn random_from(seed: f64) -> impl FnMut() -> f64 {
    // SplitMix64.
    let mut state = seed.to_bits();
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

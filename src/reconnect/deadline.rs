//! Deadlines on a clock that may be set, and that continues while the device sleeps.

use std::time::Duration;

/// The end of a delay. All times are since 1970, on this clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    armed_at: Duration,
    delay: Duration,
}

impl Deadline {
    pub fn after(delay: Duration, now: Duration) -> Self {
        Self { armed_at: now, delay }
    }

    /// Returns the deadline, at most its delay from now, so that setting the clock back does not postpone it for long.
    pub fn as_of(&mut self, now: Duration) -> Self {
        self.armed_at = self.armed_at.min(now);
        *self
    }

    /// Returns the time until the deadline.
    pub fn remaining(self, now: Duration) -> Duration {
        self.due_at().saturating_sub(now)
    }

    /// Returns the time since the deadline; `None` before it.
    pub fn late_by(self, now: Duration) -> Option<Duration> {
        now.checked_sub(self.due_at())
    }

    fn due_at(self) -> Duration {
        self.armed_at.saturating_add(self.delay)
    }
}

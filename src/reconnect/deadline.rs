//! Deadlines by a clock that may be set, and that goes on while the device sleeps.

use std::time::Duration;

/// The end of a delay. Times are since 1970, by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    armed_at: Duration,
    delay: Duration,
}

impl Deadline {
    pub fn after(delay: Duration, now: Duration) -> Self {
        Self { armed_at: now, delay }
    }

    /// Returns the deadline, no later than by its delay from now, so that a clock that is set back does not postpone it for long.
    pub fn as_of(&mut self, now: Duration) -> Self {
        self.armed_at = self.armed_at.min(now);
        *self
    }

    /// How long until it is due.
    pub fn remaining(self, now: Duration) -> Duration {
        self.due_at().saturating_sub(now)
    }

    /// How long it has been due. `None` while it is not.
    pub fn late_by(self, now: Duration) -> Option<Duration> {
        now.checked_sub(self.due_at())
    }

    fn due_at(self) -> Duration {
        self.armed_at.saturating_add(self.delay)
    }
}

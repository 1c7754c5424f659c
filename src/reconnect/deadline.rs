//! Waiting by a clock that may be set, and that goes on while the device sleeps.

use std::time::Duration;

/// The end of a delay. Times are those since 1970, as the clock has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    armed_at: Duration,
    delay: Duration,
}

impl Deadline {
    pub fn after(delay: Duration, now: Duration) -> Self {
        Self { armed_at: now, delay }
    }

    /// How long until it is due. A clock that was set back puts it off by no more than its own delay, if it is asked then.
    pub fn remaining(&mut self, now: Duration) -> Duration {
        self.armed_at = self.armed_at.min(now);
        self.due_at().saturating_sub(now)
    }

    /// How long it has been due. None while it is not.
    pub fn late_by(&self, now: Duration) -> Option<Duration> {
        now.checked_sub(self.due_at())
    }

    fn due_at(&self) -> Duration {
        self.armed_at.saturating_add(self.delay)
    }
}

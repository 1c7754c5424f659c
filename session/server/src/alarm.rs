//! One timer for all deadlines of a session.

use std::pin::Pin;

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is reset only for a deadline that is earlier than the current one.
pub(crate) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    pub fn new() -> Self {
        Self(Box::pin(sleep_until(Instant::now())))
    }

    /// Waits until `deadline`, or for a shorter time.
    pub async fn wait(&mut self, deadline: Instant) {
        if self.0.is_elapsed() || deadline < self.0.deadline() {
            self.0.as_mut().reset(deadline);
        }
        self.0.as_mut().await;
    }
}

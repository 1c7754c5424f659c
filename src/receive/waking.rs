//! Decides when a reader is woken.
//!
//! Waking a task costs more than all other work for a small message. A reader that is woken in the next turn of the event loop
//! takes all messages that have arrived meanwhile, for one wake. But a turn has a cost, too, which is wasted if no further
//! message arrives. The number of messages that the last turns have gathered decides which way is cheaper.

/// When to wake a waiting reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// At once.
    Now,
    /// In the next turn of the event loop.
    NextTurn,
}

/// Decides to wake at once by default, and in the next turn while turns gather enough messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waking {
    /// The number of wakes at once before the next trial of a turn; `None` while turns gather enough.
    until_trial: Option<u32>,
    /// The number of wakes at once before the trial after that.
    interval: u32,
}

const SHORTEST_INTERVAL: u32 = 16;
const LONGEST_INTERVAL: u32 = 1024;
/// The number of messages that a turn must gather to be worth its cost.
const WORTH_A_TURN: usize = 3;

impl Waking {
    pub fn new() -> Self {
        Self { until_trial: Some(SHORTEST_INTERVAL), interval: SHORTEST_INTERVAL }
    }

    /// Returns when to wake the reader for a message that arrived while it waited.
    pub fn when(&mut self) -> When {
        match &mut self.until_trial {
            None | Some(0) => When::NextTurn,
            Some(left) => {
                *left -= 1;
                When::Now
            }
        }
    }

    /// Adapts to the number of messages that a turn has gathered.
    pub fn gathered(&mut self, messages: usize) {
        if messages >= WORTH_A_TURN {
            (self.until_trial, self.interval) = (None, SHORTEST_INTERVAL);
        } else {
            self.until_trial = Some(self.interval);
            self.interval = (self.interval * 2).min(LONGEST_INTERVAL);
        }
    }
}

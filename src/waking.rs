//! When a reader is woken.
//!
//! Waking a task costs more than all else that is done for a small message. Woken in the next turn of the event loop, a
//! reader finds all that has arrived meanwhile, for one wake. But a turn has a price of its own, and is lost if it gathers
//! nothing. No clock tells the two apart, but what the last turn gathered does.

/// When to wake a reader that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// At once.
    Now,
    /// In the next turn of the event loop.
    NextTurn,
}

/// Wakes at once, until it finds that turns gather messages, and for as long as they do.
#[derive(Debug)]
pub(crate) struct Waking {
    /// Wakes at once that are left before a turn is tried. None while turns pay.
    until_trial: Option<u32>,
    /// How many there are before the next trial.
    interval: u32,
}

const SHORTEST_INTERVAL: u32 = 16;
const LONGEST_INTERVAL: u32 = 1024;
/// The messages that a turn must gather to be worth its price.
const WORTH_A_TURN: usize = 3;

impl Waking {
    pub fn new() -> Self {
        Self { until_trial: Some(SHORTEST_INTERVAL), interval: SHORTEST_INTERVAL }
    }

    /// When the reader is to be woken, for a message that has arrived while it waited.
    pub fn when(&mut self) -> When {
        match &mut self.until_trial {
            None | Some(0) => When::NextTurn,
            Some(left) => {
                *left -= 1;
                When::Now
            }
        }
    }

    /// Learns what a turn has gathered.
    pub fn gathered(&mut self, messages: usize) {
        if messages >= WORTH_A_TURN {
            (self.until_trial, self.interval) = (None, SHORTEST_INTERVAL);
        } else {
            self.until_trial = Some(self.interval);
            self.interval = (self.interval * 2).min(LONGEST_INTERVAL);
        }
    }
}

//! Random plans for connections that come back.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest_derive::Arbitrary;
use wasm_websocket::CloseEvent;
use wasm_websocket::reconnect::{AfterClose, Backoff, WhenFull, WhenLost};

use crate::peer::PeerPlan;
use crate::plan::{Letter, OptionsPlan, close_timeout, delay, limit, milliseconds, page_code};
use crate::world::{LONGEST_INTERVAL, WorldPlan};

#[derive(Arbitrary, Clone, Debug)]
pub struct Plan {
    pub world: WorldPlan,
    pub connection: OptionsPlan,
    pub options: ReconnectPlan,
    /// The provider's act in each attempt.
    #[proptest(strategy = "vec(any::<Provide>(), 0..4)")]
    pub provider: Vec<Provide>,
    #[proptest(strategy = "vec(any::<Prepare>(), 0..5)")]
    pub preambles: Vec<Prepare>,
    /// The peers of the first connections. The peers of all others accept and receive.
    #[proptest(strategy = "vec(any::<PeerPlan>(), 0..4)")]
    pub peers: Vec<PeerPlan>,
    /// Whether the browser throws on some messages.
    #[proptest(strategy = "prop_oneof![4 => Just(false), 1 => Just(true)]")]
    pub throws: bool,
    #[proptest(strategy = "vec(vec(any::<Step>(), 0..10), 1..3)")]
    pub senders: Vec<Vec<Step>>,
    #[proptest(strategy = "vec(any::<Read>(), 0..4)")]
    pub reader: Vec<Read>,
    /// The number of preambles that finish before the reader starts.
    #[proptest(strategy = "prop_oneof![2 => Just(0), 1 => 1..4_usize]")]
    pub read_after: usize,
    pub finally: Finally,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct ReconnectPlan {
    /// A limit in bytes and messages.
    #[proptest(strategy = "prop_oneof![2 => Just((1_u64 << 20, 1024_usize)), 3 => (0..4000_u64, 0..6_usize)]")]
    pub queue: (u64, usize),
    #[proptest(strategy = "prop_oneof![Just(WhenFull::Reject), Just(WhenFull::Wait), Just(WhenFull::DropOldest)]")]
    pub when_full: WhenFull,
    #[proptest(strategy = "prop_oneof![2 => Just((u64::MAX, usize::MAX)), 1 => (0..4000_u64, 0..6_usize)]")]
    pub unconfirmed: (u64, usize),
    #[proptest(strategy = "prop_oneof![Just(WhenLost::Report), Just(WhenLost::Resend)]")]
    pub when_lost: WhenLost,
    pub backoff: BackoffPlan,
    /// The interval and the timeout of a heartbeat, in milliseconds.
    #[proptest(strategy = "heartbeat()")]
    pub heartbeat: Option<(u32, u32)>,
    pub after_close: After,
    /// In milliseconds.
    #[proptest(strategy = "close_timeout()")]
    pub close_timeout: u32,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct BackoffPlan {
    /// The base of the delays, in milliseconds, like `cap` and `floor`.
    #[proptest(strategy = "prop_oneof![Just(0_u32), Just(1000), 0..3000_u32]")]
    pub base: u32,
    #[proptest(strategy = "prop_oneof![Just(30_000_u32), 0..3000_u32]")]
    pub cap: u32,
    #[proptest(strategy = "prop_oneof![Just(0_u32), Just(100), 0..1000_u32]")]
    pub floor: u32,
    #[proptest(strategy = "prop_oneof![6 => Just(None), 1 => Just(Some(0)), 2 => (0..6_u32).prop_map(Some)]")]
    pub max_attempts: Option<u32>,
}

impl BackoffPlan {
    /// Returns the number of attempts in a row that may be made. The first is always made.
    pub fn most(&self) -> u32 {
        self.max_attempts.map_or(u32::MAX, |most| most.max(1))
    }
}

fn heartbeat() -> impl Strategy<Value = Option<(u32, u32)>> {
    prop_oneof![
        2 => Just(None),
        1 => (500..LONGEST_INTERVAL, 2000..10_000_u32).prop_map(Some),
        1 => (500..3000_u32, 2000..4000_u32).prop_map(Some),
        // So short that many pings are unanswered.
        1 => (0..50_u32, 2000..4000_u32).prop_map(Some),
    ]
}

impl From<BackoffPlan> for Backoff {
    fn from(plan: BackoffPlan) -> Self {
        Self::new()
            .base(milliseconds(plan.base))
            .cap(milliseconds(plan.cap))
            .floor(milliseconds(plan.floor))
            .max_attempts(plan.max_attempts.unwrap_or(u32::MAX))
    }
}

/// What follows a close of the peer.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum After {
    Default,
    Retry,
    Later(#[proptest(strategy = "delay()")] u32),
}

impl After {
    pub fn of(self, event: &CloseEvent) -> AfterClose {
        match self {
            Self::Default => AfterClose::of(event),
            Self::Retry => AfterClose::Retry,
            Self::Later(delay) => AfterClose::RetryAfter(milliseconds(delay)),
        }
    }

    pub fn delay(self) -> Duration {
        if let Self::Later(delay) = self { milliseconds(delay) } else { Duration::ZERO }
    }
}

/// An act of the provider in an attempt.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Provide {
    #[proptest(weight = 6)]
    Url,
    /// Returns the URL after a number of milliseconds.
    Late(#[proptest(strategy = "delay()")] u32),
    #[proptest(weight = 2)]
    Fail,
    /// Fails in a number of attempts.
    FailOften(#[proptest(strategy = "1..300_u32")] u32),
    FailLate(#[proptest(strategy = "delay()")] u32),
    Hang,
}

/// An act of the preamble of a connection.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Prepare {
    #[proptest(weight = 2)]
    Nothing,
    #[proptest(weight = 2)]
    Send(Letter),
    /// Sends a message of this number of bytes.
    #[proptest(weight = 2)]
    Upload(#[proptest(strategy = "40_000..400_000_u32")] u32),
    /// Sends a number of slices of this number of bytes, in a task that goes on after the preamble.
    #[proptest(weight = 2)]
    Slices(#[proptest(strategy = "1..200_u32")] u32, #[proptest(strategy = "300..2000_u32")] u32),
    /// Receives a number of messages, with a timeout for each, after a number of milliseconds.
    #[proptest(weight = 4)]
    Receive(
        #[proptest(strategy = "prop_oneof![delay(), 20..3000_u32]")] u32,
        #[proptest(strategy = "1..40_u8")] u8,
        #[proptest(strategy = "delay()")] u32,
    ),
    Pause(#[proptest(strategy = "delay()")] u32),
    Fail,
    Hang,
    /// Confirms the messages that the peer of the last connection has received.
    #[proptest(weight = 2)]
    Confirm,
    TakeInDoubt,
}

/// A step of a sender.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Step {
    /// Waits for something, with a time limit.
    #[proptest(weight = 20)]
    Await(Await, #[proptest(strategy = "limit()")] Option<u32>),
    #[proptest(weight = 8)]
    Try(Letter),
    Clone,
    #[proptest(weight = 8)]
    Pause(#[proptest(strategy = "prop_oneof![4 => delay(), 1 => 0..60_000_u32]")] u32),
    #[proptest(weight = 3)]
    ReconnectNow,
    #[proptest(weight = 2)]
    PauseAll,
    #[proptest(weight = 2)]
    Resume,
    /// Confirms the messages that the peers have received.
    #[proptest(weight = 4)]
    Confirm,
    #[proptest(weight = 2)]
    TakeInDoubt,
    TakeQueued,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Await {
    #[proptest(weight = 8)]
    Send(Letter),
    /// Begins to send, and polls again after a delay, before which its turn may pass.
    #[proptest(weight = 4)]
    SendLate(Letter, #[proptest(strategy = "delay()")] u32),
    /// Sends through the sink, without a flush.
    #[proptest(weight = 6)]
    Feed(Letter),
    /// Waits for room, and sends without waiting.
    #[proptest(weight = 4)]
    Ready(Letter),
    #[proptest(weight = 2)]
    Flush,
    #[proptest(weight = 2)]
    FlushSink,
}

/// A step of the reader, before it reads to the end.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Read {
    #[proptest(weight = 4)]
    Next(#[proptest(strategy = "1..40_u8")] u8, #[proptest(strategy = "limit()")] Option<u32>),
    #[proptest(weight = 4)]
    Pause(#[proptest(strategy = "prop_oneof![2 => delay(), 1 => 0..5000_u32]")] u32),
    Drop,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Finally {
    Drop,
    #[proptest(weight = 3)]
    Close(#[proptest(strategy = "page_code()")] Option<u16>),
    #[proptest(weight = 2)]
    CloseSink,
    /// Closes without a flush.
    CloseNow,
    /// Sends a number of messages during a pause, and closes as soon as the next connection is open.
    #[proptest(weight = 2)]
    CloseQueued(#[proptest(strategy = "1..20_u8")] u8),
}

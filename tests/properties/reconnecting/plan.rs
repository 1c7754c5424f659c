//! What is random about connections that come and go.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest_derive::Arbitrary;
use wasm_websocket::CloseEvent;
use wasm_websocket::reconnect::{AfterClose, Backoff, WhenFull, WhenLost};

use crate::peer::PeerPlan;
use crate::plan::{Letter, OptionsPlan, delay, limit, milliseconds, page_code};
use crate::world::{LONGEST_INTERVAL, WorldPlan};

#[derive(Arbitrary, Clone, Debug)]
pub struct Plan {
    pub world: WorldPlan,
    pub connection: OptionsPlan,
    pub options: ReconnectPlan,
    /// What the provider does, for each attempt.
    #[proptest(strategy = "vec(any::<Provide>(), 0..4)")]
    pub provider: Vec<Provide>,
    #[proptest(strategy = "vec(any::<Prepare>(), 0..5)")]
    pub preambles: Vec<Prepare>,
    /// The peers of the first connections. Those of all others accept and receive.
    #[proptest(strategy = "vec(any::<PeerPlan>(), 0..4)")]
    pub peers: Vec<PeerPlan>,
    /// Whether the browser throws on some messages.
    #[proptest(strategy = "prop_oneof![4 => Just(false), 1 => Just(true)]")]
    pub throws: bool,
    #[proptest(strategy = "vec(vec(any::<Step>(), 0..10), 1..3)")]
    pub senders: Vec<Vec<Step>>,
    #[proptest(strategy = "vec(any::<Read>(), 0..4)")]
    pub reader: Vec<Read>,
    /// Nothing is read before the preambles of so many connections are done.
    #[proptest(strategy = "prop_oneof![2 => Just(0), 1 => 1..4_usize]")]
    pub read_after: usize,
    pub finally: Finally,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct ReconnectPlan {
    /// Bytes and messages.
    #[proptest(strategy = "prop_oneof![2 => Just((1_u64 << 20, 1024_usize)), 3 => (1..4000_u64, 1..6_usize)]")]
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
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct BackoffPlan {
    /// Milliseconds.
    #[proptest(strategy = "prop_oneof![Just(0_u32), Just(1000), 0..3000_u32]")]
    pub base: u32,
    #[proptest(strategy = "prop_oneof![Just(30_000_u32), 0..3000_u32]")]
    pub cap: u32,
    #[proptest(strategy = "prop_oneof![Just(0_u32), Just(100), 0..1000_u32]")]
    pub floor: u32,
    #[proptest(strategy = "prop_oneof![3 => Just(None), 1 => (1..6_u32).prop_map(Some)]")]
    pub max_attempts: Option<u32>,
}

fn heartbeat() -> impl Strategy<Value = Option<(u32, u32)>> {
    prop_oneof![
        2 => Just(None),
        1 => (500..LONGEST_INTERVAL, 2000..10_000_u32).prop_map(Some),
        1 => (500..3000_u32, 2000..4000_u32).prop_map(Some),
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

/// What follows a close.
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

/// What the provider does in an attempt.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Provide {
    #[proptest(weight = 6)]
    Url,
    /// After so many milliseconds.
    Late(#[proptest(strategy = "delay()")] u32),
    #[proptest(weight = 2)]
    Fail,
    /// So many attempts fail.
    FailOften(#[proptest(strategy = "1..300_u32")] u32),
    FailLate(#[proptest(strategy = "delay()")] u32),
    Hang,
}

/// What the preamble of a connection does.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Prepare {
    #[proptest(weight = 2)]
    Nothing,
    #[proptest(weight = 2)]
    Send(Letter),
    /// Sends so many bytes.
    #[proptest(weight = 2)]
    Upload(#[proptest(strategy = "40_000..400_000_u32")] u32),
    /// Receives a number of messages, with a timeout for each, after so many milliseconds.
    #[proptest(weight = 4)]
    Receive(
        #[proptest(strategy = "prop_oneof![delay(), 20..3000_u32]")] u32,
        #[proptest(strategy = "1..40_u8")] u8,
        #[proptest(strategy = "delay()")] u32,
    ),
    Pause(#[proptest(strategy = "delay()")] u32),
    Fail,
    Hang,
    /// Confirms what the peer of the last connection has received.
    #[proptest(weight = 2)]
    Confirm,
    TakeInDoubt,
}

/// What a sender does.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Step {
    /// Something that waits, for no longer than this.
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
    /// Confirms what the peers have received.
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
    /// By the sink, without a flush.
    #[proptest(weight = 6)]
    Feed(Letter),
    #[proptest(weight = 2)]
    Flush,
    #[proptest(weight = 2)]
    FlushSink,
}

/// What the reader does, before it reads to the end.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Read {
    #[proptest(weight = 4)]
    Next(#[proptest(strategy = "1..40_u8")] u8, #[proptest(strategy = "limit()")] Option<u32>),
    #[proptest(weight = 4)]
    Pause(#[proptest(strategy = "delay()")] u32),
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
}

//! Distributions of random values: mostly small, so that limits are reached often and failures can be shrunk.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest_derive::Arbitrary;
use wasm_websocket::testing::{Engine, Network};
use wasm_websocket::{BinaryType, Options, Overflow, Transport};

use crate::dialect::DIGITS;
use crate::world::WorldPlan;

/// A delay in milliseconds.
pub fn delay() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..3_u32, 4 => 0..80_u32, 1 => 0..3000_u32]
}

/// A duration in milliseconds: mostly short, and sometimes longer than any timeout.
pub fn time() -> impl Strategy<Value = u32> {
    prop_oneof![6 => delay(), 1 => 0..40_000_u32]
}

/// A time limit for a wait in milliseconds; mostly none.
pub fn limit() -> impl Strategy<Value = Option<u32>> {
    prop_oneof![5 => Just(None), 1 => Just(Some(0)), 1 => delay().prop_map(Some)]
}

/// The timeout of a close, in milliseconds.
pub fn close_timeout() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(5000_u32), 1 => 100..1000_u32]
}

/// Limits of memory in bytes, each for a number of milliseconds; mostly none.
pub fn memory() -> impl Strategy<Value = Vec<(u64, u32)>> {
    prop_oneof![3 => Just(Vec::new()), 1 => vec((0..5000_u64, delay()), 1..4)]
}

pub fn milliseconds(milliseconds: u32) -> Duration {
    Duration::from_millis(milliseconds.into())
}

/// The length and the kind of a message, which gets a number when it is sent.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Letter {
    #[proptest(strategy = "len()")]
    pub len: u32,
    pub kind: Kind,
}

fn len() -> impl Strategy<Value = u32> {
    prop_oneof![6 => 8..64_u32, 4 => 8..4096_u32, 1 => 8..40_000_u32]
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Kind {
    Text,
    Binary,
    Blob,
}

impl Letter {
    pub const SMALLEST: Self = Self { len: DIGITS as u32, kind: Kind::Text };
}

/// The properties of a network.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Line {
    #[proptest(strategy = "prop_oneof![3 => Just(12_500_000_u64), 2 => 20_000..1_000_000_u64]")]
    bandwidth: u64,
    #[proptest(strategy = "prop_oneof![Just(5_u32), 0..60_u32]")]
    delay: u32,
    #[proptest(strategy = "prop_oneof![2 => Just(128_u64 << 10), 1 => 0..8192_u64]")]
    window: u64,
}

impl Line {
    /// Returns networks that take seconds for an upload.
    pub fn slow() -> impl Strategy<Value = Self> {
        (20_000..60_000_u64).prop_map(|bandwidth| Self { bandwidth, delay: 5, window: 8192 })
    }
}

impl From<Line> for Network {
    fn from(Line { bandwidth, delay, window }: Line) -> Self {
        Self { bandwidth, delay: milliseconds(delay), window }
    }
}

/// The engine that the page simulates.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Browser {
    Chromium,
    Firefox,
}

impl From<Browser> for Engine {
    fn from(browser: Browser) -> Self {
        match browser {
            Browser::Chromium => Self::Chromium,
            Browser::Firefox => Self::Firefox,
        }
    }
}

/// A code with which a peer may close.
pub fn peer_code() -> impl Strategy<Value = Option<u16>> {
    prop_oneof![
        2 => Just(None),
        2 => Just(Some(1000)),
        3 => prop_oneof![Just(1001), Just(1008), Just(1011), Just(1012), Just(1013), Just(4000_u16)].prop_map(Some),
    ]
}

/// A code with which a page closes; `None` for no code. 1006 is invalid.
pub fn page_code() -> impl Strategy<Value = Option<u16>> {
    prop_oneof![4 => Just(None), 2 => Just(Some(1000)), 2 => (3000..3003_u16).prop_map(Some), 1 => Just(Some(1006))]
}

/// The options of a connection, with limits that are small enough to be reached.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct OptionsPlan {
    #[proptest(strategy = "prop_oneof![1 => Just(1_u64 << 20), 3 => 0..8192_u64]")]
    pub high_water_mark: u64,
    #[proptest(strategy = "0..8192_u64")]
    low_water_mark: u64,
    #[proptest(strategy = "overflow()")]
    pub overflow: Overflow,
    /// The receive limits in bytes and messages; `None` for the defaults.
    #[proptest(strategy = "prop_oneof![Just(None), (0..20_000_u64, 0..50_usize).prop_map(Some)]")]
    receive_limit: Option<(u64, usize)>,
    are_blobs: bool,
    /// Whether the connection is over streams, if the page has them.
    pub is_by_streams: bool,
    /// The number of bytes at which such a connection stops reading.
    #[proptest(strategy = "prop_oneof![1 => Just(1_u64 << 20), 3 => 0..20_000_u64]")]
    pub read_ahead: u64,
}

fn overflow() -> impl Strategy<Value = Overflow> {
    prop_oneof![
        Just(Overflow::Close),
        Just(Overflow::DropOldest),
        Just(Overflow::DropNewest),
        Just(Overflow::Unbounded),
    ]
}

impl OptionsPlan {
    /// Returns the options of a socket on which senders never wait.
    pub fn without_waiting(self) -> Self {
        Self { high_water_mark: u64::MAX, ..self }
    }

    /// Returns the largest number of queued messages. When a connection ends, all unread messages are read, beyond the limit.
    pub fn most_messages(&self, world: &WorldPlan) -> usize {
        if self.may_stop_reading(world) {
            usize::MAX
        } else {
            self.receive_limit.map_or(1 << 18, |(_, messages)| messages)
        }
    }

    /// Returns whether the page sees each byte of a message leave. In Firefox, and over streams, a message counts as unsent until all
    /// of it has left.
    pub fn sees_bytes_leave(&self, world: &WorldPlan) -> bool {
        world.has_streams() && !self.is_by_streams
    }

    /// Returns whether the page may have stopped reading before a Close frame, so that it does not know of the close.
    pub fn may_stop_reading(&self, world: &WorldPlan) -> bool {
        let is_small = self.receive_limit.is_some() || self.read_ahead < 1 << 20;
        self.is_by_streams && world.has_streams() && self.overflow == Overflow::Close && is_small
    }
}

impl From<&OptionsPlan> for Options {
    fn from(plan: &OptionsPlan) -> Self {
        let (bytes, messages) = plan.receive_limit.unwrap_or((64 << 20, 1 << 18));
        Self::new()
            .high_water_mark(plan.high_water_mark)
            .low_water_mark(plan.low_water_mark)
            .receive_limit(bytes)
            .receive_limit_messages(messages)
            .overflow(plan.overflow)
            .transport(if plan.is_by_streams { Transport::Best } else { Transport::Events })
            .read_ahead(plan.read_ahead)
            .binary_type(if plan.are_blobs { BinaryType::Blob } else { BinaryType::ArrayBuffer })
    }
}

//! Random plans for sessions, and for what happens to their connections.

use proptest::collection::vec;
use proptest_derive::Arbitrary;

use crate::plan::{Letter, OptionsPlan, delay};
use crate::world::WorldPlan;

#[derive(Arbitrary, Clone, Debug)]
pub struct Plan {
    pub world: WorldPlan,
    pub client: End,
    pub server: End,
    /// The messages of the client's application, each after a number of milliseconds.
    #[proptest(strategy = "vec((delay(), proptest::prelude::any::<(Letter, Way)>()), 0..12)")]
    pub up: Vec<(u32, (Letter, Way))>,
    /// The messages of the server's application to each session.
    #[proptest(strategy = "vec((delay(), proptest::prelude::any::<Letter>()), 0..12)")]
    pub down: Vec<(u32, Letter)>,
    /// The faults of the first connections. Later connections have no faults.
    #[proptest(strategy = "vec(proptest::prelude::any::<Fault>(), 0..6)")]
    pub faults: Vec<Fault>,
    pub connection: OptionsPlan,
    pub is_explicit: bool,
    /// Whether the server's application ends its direction without waiting for the end of the client.
    pub ends_first: bool,
}

/// The way in which a message is sent.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Way {
    Method,
    /// The sink of a handle that is dropped at once.
    Sink,
}

/// The limits of one end, small enough to be reached, and the delays of its application.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct End {
    #[proptest(strategy = "0..6000_u64")]
    pub window: u64,
    #[proptest(strategy = "0..6000_u64")]
    pub replay: u64,
    #[proptest(strategy = "delay()")]
    pub pace: u32,
}

/// How a connection ends.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Fault {
    pub when: When,
    pub how: How,
    /// Whether the server forgets all sessions before the next connection.
    #[proptest(strategy = "proptest::bool::weighted(0.15)")]
    pub forgets: bool,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum When {
    /// Before HELLO is read.
    AtOnce,
    /// HELLO is accepted, and WELCOME is not sent.
    #[proptest(weight = 2)]
    BeforeWelcome,
    /// After a number of frames of the client.
    #[proptest(weight = 4)]
    Received(#[proptest(strategy = "1..12_u32")] u32),
    /// After a number of frames of the server.
    #[proptest(weight = 4)]
    Sent(#[proptest(strategy = "1..12_u32")] u32),
    /// After a number of milliseconds.
    #[proptest(weight = 2)]
    After(#[proptest(strategy = "delay()")] u32),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum How {
    Reset,
    Leave,
    /// The connection becomes half-open: nothing arrives any more, without an event.
    Vanish,
    Close(#[proptest(strategy = "code()")] u16),
}

fn code() -> impl proptest::strategy::Strategy<Value = u16> {
    use proptest::prelude::*;
    prop_oneof![Just(1001_u16), Just(1011), Just(1012), Just(4408), Just(4429), Just(4000)]
}

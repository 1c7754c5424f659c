//! What a session does, and what happens to its connections.

use proptest::collection::vec;
use proptest_derive::Arbitrary;

use crate::plan::{Letter, OptionsPlan, delay};
use crate::world::WorldPlan;

#[derive(Arbitrary, Clone, Debug)]
pub struct Plan {
    pub world: WorldPlan,
    pub client: End,
    pub server: End,
    /// What the application of the client sends, each message after so many milliseconds.
    #[proptest(strategy = "vec((delay(), proptest::prelude::any::<(Letter, Way)>()), 0..12)")]
    pub up: Vec<(u32, (Letter, Way))>,
    /// The server's to each session.
    #[proptest(strategy = "vec((delay(), proptest::prelude::any::<Letter>()), 0..12)")]
    pub down: Vec<(u32, Letter)>,
    /// What happens to one connection after the other. All later ones are left alone.
    #[proptest(strategy = "vec(proptest::prelude::any::<Fault>(), 0..6)")]
    pub faults: Vec<Fault>,
    pub connection: OptionsPlan,
    pub is_explicit: bool,
}

/// By what a message is sent.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Way {
    Method,
    /// The sink of a handle that is dropped at once.
    Sink,
}

/// The limits of one end, so small that they are met, and how slowly its application reads.
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
    /// The server has forgotten all sessions when the next connection comes.
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
    /// After so many frames of the client.
    #[proptest(weight = 4)]
    Received(#[proptest(strategy = "1..12_u32")] u32),
    /// After so many frames of the server.
    #[proptest(weight = 4)]
    Sent(#[proptest(strategy = "1..12_u32")] u32),
    /// After so many milliseconds.
    #[proptest(weight = 2)]
    After(#[proptest(strategy = "delay()")] u32),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum How {
    Reset,
    Leave,
    /// Nothing comes through any more, without an event.
    Vanish,
    Close(#[proptest(strategy = "code()")] u16),
}

fn code() -> impl proptest::strategy::Strategy<Value = u16> {
    use proptest::prelude::*;
    prop_oneof![Just(1001_u16), Just(1011), Just(1012), Just(4408), Just(4429), Just(4000)]
}

//! Whatever happens in whatever order, the rules hold: `World` checks them after each step.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::world::World;
use super::{ms, seconds};
use crate::reconnect::event::{Command, NO_CODE, Signal};
use crate::{AfterClose, CloseEvent, Error, WhenFull};

#[derive(Clone, Debug)]
enum Step {
    Send,
    Pass(u64),
    Sleep(u64),
    SetBack(u64),
    Open,
    Fail(AfterClose),
    End(u16, bool),
    Receive {
        is_answer: bool,
    },
    Confirm(u64),
    Room(bool),
    WakeUp,
    Command(Command),
    /// Something late of a connection that is gone.
    Late(Signal, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let code = prop_oneof![Just(1000_u16), Just(1001), Just(NO_CODE), Just(1006), Just(1008), Just(1012), Just(4000)];
    let command = prop_oneof![
        4 => Just(Command::Pause),
        8 => Just(Command::Resume),
        4 => Just(Command::ReconnectNow),
        1 => Just(Command::Close(NO_CODE)),
    ];
    let end = Signal::Ended(Ok(CloseEvent { code: 1006, reason: String::new(), was_clean: false }), AfterClose::Retry);
    let late = prop_oneof![
        Just(Signal::Opened),
        Just(Signal::Received { is_pong: true }),
        Just(Signal::Failed(Error::Unsupported, AfterClose::Stop)),
        Just(end),
    ];
    prop_oneof![
        12 => Just(Step::Send),
        6 => (0..60_000_u64).prop_map(Step::Pass),
        1 => (0..10_000_000_u64).prop_map(Step::Sleep),
        1 => (0..3_600_000_u64).prop_map(Step::SetBack),
        12 => Just(Step::Open),
        3 => prop_oneof![9 => Just(AfterClose::Retry), 1 => Just(AfterClose::Stop)].prop_map(Step::Fail),
        4 => (code, any::<bool>()).prop_map(|(code, was_clean)| Step::End(code, was_clean)),
        6 => any::<bool>().prop_map(|is_answer| Step::Receive { is_answer }),
        1 => (0..9_u64).prop_map(Step::Confirm),
        4 => any::<bool>().prop_map(Step::Room),
        1 => Just(Step::WakeUp),
        2 => command.prop_map(Step::Command),
        4 => (late, 1..4_u64).prop_map(|(signal, ago)| Step::Late(signal, ago)),
    ]
}

fn take(world: &mut World, step: Step) {
    match step {
        Step::Send => world.send(),
        Step::Pass(milliseconds) => world.pass(ms(milliseconds)),
        Step::Sleep(milliseconds) => world.sleep(ms(milliseconds)),
        Step::SetBack(milliseconds) => world.set_back(ms(milliseconds)),
        Step::Open => world.open(),
        Step::Fail(after) => world.fail(after),
        Step::End(code, was_clean) => world.end(code, was_clean),
        Step::Receive { is_answer } => world.receive(is_answer),
        Step::Confirm(ago) => world.confirm(ago),
        Step::Room(has_room) => world.set_room(has_room),
        Step::WakeUp => world.wake_up(),
        Step::Command(command) => world.command(command),
        Step::Late(signal, ago) => world.signal(signal, ago),
    }
}

fn when_full() -> impl Strategy<Value = WhenFull> {
    prop_oneof![Just(WhenFull::Reject), Just(WhenFull::Wait), Just(WhenFull::DropOldest)]
}

fn config() -> ProptestConfig {
    let failures = FileFailurePersistence::Off;
    ProptestConfig { cases: 2000, failure_persistence: Some(Box::new(failures)), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    // L11, L14
    #[test]
    fn whatever_happens_the_rules_hold(seed: u64, when_full in when_full(), steps in vec(step(), 0..80)) {
        let mut world = World::new(seed, when_full);
        for step in steps {
            take(&mut world, step);
        }
        // Whatever has happened, it comes to an end.
        world.command(Command::Close(NO_CODE));
        world.pass(seconds(10));
        prop_assert!(world.is_ended);
        let attempts = world.attempts;
        world.wake_up();
        world.command(Command::ReconnectNow);
        world.pass(seconds(100));
        prop_assert_eq!(world.attempts, attempts);
    }
}

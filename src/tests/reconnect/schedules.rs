//! The rules hold in every order of events: `World` checks them after each step.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::world::{RETRY_AFTER, World};
use super::{ms, seconds};
use crate::reconnect::event::{Command, Signal};
use crate::{AfterClose, CloseEvent, Error, WhenFull, WhenLost};

#[derive(Clone, Debug)]
enum Step {
    Send,
    Pass(u64),
    Sleep(u64),
    SetBack(u64),
    Open,
    Fail(AfterClose),
    PeerCloses,
    End(u16, bool),
    Deliver(usize),
    Say {
        is_acknowledgement: bool,
    },
    Receive,
    Confirm,
    Room(usize),
    TakeInDoubt,
    TakeQueued,
    WakeUp,
    Command(Command),
    /// A late event of an earlier connection.
    Late(Signal, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let code = prop_oneof![Just(1000_u16), Just(1001), Just(1005), Just(1006), Just(1008), Just(1012), Just(4000)];
    let command = prop_oneof![
        4 => Just(Command::Pause),
        8 => Just(Command::Resume),
        4 => Just(Command::ReconnectNow),
        1 => Just(Command::Close),
    ];
    let after = prop_oneof![
        8 => Just(AfterClose::Retry),
        1 => Just(AfterClose::RetryAfter(ms(RETRY_AFTER))),
        1 => Just(AfterClose::Stop),
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
        3 => after.prop_map(Step::Fail),
        1 => Just(Step::PeerCloses),
        4 => (code, any::<bool>()).prop_map(|(code, was_clean)| Step::End(code, was_clean)),
        12 => (0..5_usize).prop_map(Step::Deliver),
        4 => any::<bool>().prop_map(|is_acknowledgement| Step::Say { is_acknowledgement }),
        8 => Just(Step::Receive),
        4 => Just(Step::Confirm),
        4 => prop_oneof![0..4_usize, Just(usize::MAX)].prop_map(Step::Room),
        1 => Just(Step::TakeInDoubt),
        1 => Just(Step::TakeQueued),
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
        Step::PeerCloses => world.peer_closes(),
        Step::End(code, was_clean) => world.end(code, was_clean),
        Step::Deliver(frames) => world.deliver(frames),
        Step::Say { is_acknowledgement } => world.say(is_acknowledgement),
        Step::Receive => world.receive(),
        Step::Confirm => world.confirm(),
        Step::Room(messages) => world.set_room(messages),
        Step::TakeInDoubt => world.take_in_doubt(),
        Step::TakeQueued => world.take_queued(),
        Step::WakeUp => world.wake_up(),
        Step::Command(command) => world.command(command),
        Step::Late(signal, ago) => world.signal(signal, ago),
    }
}

fn when_full() -> impl Strategy<Value = WhenFull> {
    prop_oneof![Just(WhenFull::Reject), Just(WhenFull::Wait), Just(WhenFull::DropOldest)]
}

fn when_lost() -> impl Strategy<Value = WhenLost> {
    prop_oneof![Just(WhenLost::Report), Just(WhenLost::Resend)]
}

fn config() -> ProptestConfig {
    let failures = FileFailurePersistence::Off;
    ProptestConfig { cases: 1000, failure_persistence: Some(Box::new(failures)), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    // L11, L14
    #[test]
    fn the_rules_hold_in_every_schedule(
        seed: u64,
        when_full in when_full(),
        when_lost in when_lost(),
        steps in vec(step(), 0..80),
    ) {
        let mut world = World::new(seed, when_full, when_lost);
        for step in steps {
            take(&mut world, step);
        }
        // A close works in every state.
        world.command(Command::Close);
        world.pass(seconds(10));
        prop_assert!(world.is_ended);
        world.take_queued();
        let attempts = world.attempts;
        world.wake_up();
        world.command(Command::ReconnectNow);
        world.pass(seconds(100));
        prop_assert_eq!(world.attempts, attempts);
    }
}

use futures_util::stream::FusedStream;
use futures_util::{FutureExt, StreamExt};

use super::test;
use crate::reconnect::state::Announcer;
use crate::{Cause, State};

#[test]
fn a_dropped_listener_leaves_no_place() {
    let mut announcer = Announcer::new(State::Connecting { attempt: 1, cause: Cause::Requested });
    let _stays = announcer.listen();
    (0..10).for_each(|_| drop(announcer.listen()));
    assert_eq!(announcer.places(), 2);
}

#[test]
fn states_end_after_closed() {
    let mut announcer = Announcer::new(State::Open);
    let mut states = announcer.listen();
    drop(announcer.announce(State::Closed { cause: Cause::Requested }));
    assert_eq!(states.next().now_or_never(), Some(Some(State::Open)));
    assert!(!states.is_terminated());
    let last = states.next().now_or_never().flatten();
    assert_eq!(last.map(|state| state.to_string()), Some("closed: it was asked for".into()));
    assert!(states.is_terminated());
    assert_eq!(states.next().now_or_never(), Some(None));
}

#[test]
fn reports_are_yielded_and_do_not_change_the_state() {
    let mut announcer = Announcer::new(State::Open);
    let mut states = announcer.listen();
    let reports =
        [State::InDoubt { messages: 1 }, State::Rejected { number: 7, error: crate::Error::Full }, State::Paused];
    reports.iter().for_each(|report| assert!(announcer.announce(report.clone()).is_empty()));
    assert_eq!(*announcer.state(), State::Paused);
    let told = std::iter::from_fn(|| states.next().now_or_never()?);
    assert_eq!(told.collect::<Vec<_>>(), [&[State::Open], &reports[..]].concat());
}

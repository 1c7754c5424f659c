use super::test;
use crate::reconnect::states::Announcer;
use crate::{Cause, State};

#[test]
fn who_listens_no_more_leaves_no_place() {
    let mut announcer = Announcer::new(State::Connecting { attempt: 1, cause: Cause::Requested });
    let _stays = announcer.listen();
    (0..10).for_each(|_| drop(announcer.listen()));
    assert_eq!(announcer.places(), 2);
}

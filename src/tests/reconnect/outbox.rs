use super::test;
use crate::reconnect::kept::Keep;
use crate::reconnect::outbox::Outbox;
use crate::{Counts, WhenFull};

fn outbox(when_full: WhenFull) -> Outbox<u32> {
    let keep = Keep { bytes: 10, messages: 3 };
    Outbox::new(keep, when_full, keep)
}

/// With so many messages of one byte handed over.
fn handed(messages: u32) -> Outbox<u32> {
    let mut outbox = outbox(WhenFull::Reject);
    (0..messages).for_each(|message| assert_ne!(outbox.handed_over(message, 1), 0));
    outbox
}

#[test]
fn there_is_room_below_both_limits() {
    let outbox = &mut outbox(WhenFull::Reject);
    outbox.push(1, 9);
    assert!(outbox.has_room());
    outbox.push(2, 9);
    assert!(!outbox.has_room());
    assert_eq!(outbox.take_queued(), [1, 2]);
    (0..3).for_each(|message| assert_ne!(outbox.push(message, 0), 0));
    assert!(!outbox.has_room());
}

#[test]
fn the_oldest_make_room_and_are_counted() {
    let outbox = &mut outbox(WhenFull::DropOldest);
    (0..5).for_each(|message| assert_ne!(outbox.push(message, 1), 0));
    assert_eq!(outbox.counts(), Counts { queued: 3, dropped: 2, ..Counts::default() });
    assert_eq!(outbox.take_queued(), [2, 3, 4]);
    assert_eq!(outbox.counts(), Counts { taken_back: 3, dropped: 2, ..Counts::default() });
}

#[test]
fn where_nothing_may_wait_what_is_new_is_dropped() {
    let keep = Keep { bytes: 0, messages: 0 };
    let mut outbox = Outbox::new(keep, WhenFull::DropOldest, keep);
    outbox.push(1, 1);
    assert_eq!(outbox.counts(), Counts { dropped: 1, ..Counts::default() });
}

#[test]
fn a_pong_confirms_what_was_sent_before_its_ping() {
    let outbox = &mut handed(2);
    outbox.pinged();
    outbox.handed_over(2, 1);
    outbox.pinged();
    outbox.ponged();
    assert_eq!(outbox.counts(), Counts { confirmed: 2, unconfirmed: 1, ..Counts::default() });
    outbox.ponged();
    // One that nobody has asked for.
    outbox.handed_over(3, 1);
    outbox.ponged();
    assert_eq!(outbox.counts(), Counts { confirmed: 3, unconfirmed: 1, ..Counts::default() });
}

#[test]
fn what_the_caller_confirms_a_pong_does_not_confirm_again() {
    let outbox = &mut handed(3);
    outbox.pinged();
    assert_eq!(outbox.confirm_up_to(2), 2);
    assert_eq!(outbox.handed_over(3, 1), 4);
    outbox.ponged();
    assert_eq!(outbox.counts(), Counts { confirmed: 3, unconfirmed: 1, ..Counts::default() });
    // Nor the other way round, whichever the caller hears of first.
    assert_eq!(outbox.confirm_up_to(3), 0);
    assert_eq!(outbox.confirm_up_to(9), 1);
}

#[test]
fn an_acknowledgement_that_is_late_confirms_nothing_of_the_next_connection() {
    let outbox = &mut handed(2);
    outbox.lose();
    assert_eq!(outbox.handed_over(2, 1), 3);
    assert_eq!(outbox.confirm_up_to(2), 0);
    assert_eq!(outbox.counts(), Counts { in_doubt: 2, unconfirmed: 1, ..Counts::default() });
}

#[test]
fn a_ping_on_a_lost_connection_is_not_answered_on_the_next() {
    let outbox = &mut handed(1);
    outbox.pinged();
    assert_eq!(outbox.lose(), 1);
    outbox.handed_over(7, 1);
    outbox.ponged();
    assert_eq!(outbox.counts(), Counts { in_doubt: 1, unconfirmed: 1, ..Counts::default() });
}

#[test]
fn what_is_in_doubt_is_given_once_and_in_order() {
    let outbox = &mut handed(2);
    assert_eq!((outbox.lose(), outbox.lose()), (2, 0));
    outbox.handed_over(2, 1);
    assert_eq!(outbox.lose(), 1);
    assert_eq!(outbox.take_in_doubt(), (3, vec![(1, 0), (2, 1), (3, 2)]));
    assert_eq!(outbox.take_in_doubt(), (0, vec![]));
}

#[test]
fn of_more_than_is_kept_the_last_are_given_and_all_are_counted() {
    let outbox = &mut handed(10);
    assert_eq!(outbox.counts().unconfirmed, 10);
    assert_eq!(outbox.confirm_up_to(7), 0, "which of them are up to that is not known");
    assert_eq!(outbox.confirm_up_to(8), 8);
    assert_eq!(outbox.lose(), 2);
    (20..25).for_each(|message| assert_ne!(outbox.handed_over(message, 1), 0));
    assert_eq!(outbox.lose(), 5);
    assert_eq!(outbox.take_in_doubt(), (7, vec![(13, 22), (14, 23), (15, 24)]));
}

#[test]
fn a_message_that_is_larger_than_what_is_kept_is_counted() {
    let outbox = &mut outbox(WhenFull::Reject);
    outbox.handed_over(1, 100);
    outbox.lose();
    assert_eq!(outbox.take_in_doubt(), (1, vec![]));
}

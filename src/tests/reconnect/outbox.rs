use super::test;
use crate::reconnect::kept::Keep;
use crate::reconnect::outbox::{Handed, Outbox};
use crate::{Counts, Error, ReadyState, WhenFull, WhenLost};

fn outbox_with(when_full: WhenFull, when_lost: WhenLost) -> Outbox<u32> {
    let keep = Keep { bytes: 10, messages: 3 };
    Outbox::new(keep, when_full, keep, when_lost)
}

fn outbox(when_full: WhenFull) -> Outbox<u32> {
    outbox_with(when_full, WhenLost::Report)
}

/// Hands over a message that was not queued, and returns its number.
fn hand_over(outbox: &mut Outbox<u32>, message: u32, bytes: u64) -> u64 {
    let number = outbox.take_in_hand(bytes);
    assert_eq!(outbox.handed(message, Ok(())), Handed::Over);
    number
}

/// Returns an outbox that has handed over this number of messages of one byte.
fn handed(messages: u32, when_lost: WhenLost) -> Outbox<u32> {
    let mut outbox = outbox_with(WhenFull::Reject, when_lost);
    (0..messages).for_each(|message| assert_ne!(hand_over(&mut outbox, message, 1), 0));
    outbox
}

/// Hands over all pending messages.
fn hand_over_all(outbox: &mut Outbox<u32>) -> Vec<u32> {
    let next = || {
        let message = outbox.take_next()?;
        assert_eq!(outbox.handed(message, Ok(())), Handed::Over);
        Some(message)
    };
    std::iter::from_fn(next).collect()
}

fn thrown() -> Error {
    Error::Thrown { name: "TypeError".into(), message: String::new() }
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
fn without_any_room_the_new_message_is_dropped() {
    let keep = Keep { bytes: 0, messages: 0 };
    let mut outbox = Outbox::new(keep, WhenFull::DropOldest, keep, WhenLost::Report);
    outbox.push(1, 1);
    assert_eq!(outbox.counts(), Counts { dropped: 1, ..Counts::default() });
}

#[test]
fn a_pong_confirms_messages_that_were_sent_before_its_ping() {
    let outbox = &mut handed(2, WhenLost::Report);
    outbox.pinged(outbox.handed_over());
    hand_over(outbox, 2, 1);
    outbox.pinged(outbox.handed_over());
    outbox.ponged();
    assert_eq!(outbox.counts(), Counts { confirmed: 2, unconfirmed: 1, ..Counts::default() });
    outbox.ponged();
    // The second answer has no ping.
    hand_over(outbox, 3, 1);
    outbox.ponged();
    assert_eq!(outbox.counts(), Counts { confirmed: 3, unconfirmed: 1, ..Counts::default() });
}

#[test]
fn a_pong_does_not_confirm_again_what_the_caller_has_confirmed() {
    let outbox = &mut handed(3, WhenLost::Report);
    outbox.pinged(outbox.handed_over());
    assert_eq!(outbox.confirm_up_to(2), 2);
    assert_eq!(hand_over(outbox, 3, 1), 4);
    outbox.ponged();
    assert_eq!(outbox.counts(), Counts { confirmed: 3, unconfirmed: 1, ..Counts::default() });
    // The caller does not confirm again what an answer has confirmed, in either order.
    assert_eq!(outbox.confirm_up_to(3), 0);
    assert_eq!(outbox.confirm_up_to(9), 1);
}

#[test]
fn an_acknowledgement_that_is_late_confirms_nothing_of_the_next_connection() {
    let outbox = &mut handed(2, WhenLost::Report);
    outbox.lose();
    assert_eq!(hand_over(outbox, 2, 1), 3);
    assert_eq!(outbox.confirm_up_to(2), 0);
    assert_eq!(outbox.counts(), Counts { in_doubt: 2, unconfirmed: 1, ..Counts::default() });
}

#[test]
fn a_ping_on_a_lost_connection_is_not_answered_on_the_next() {
    let outbox = &mut handed(1, WhenLost::Report);
    outbox.pinged(outbox.handed_over());
    assert_eq!(outbox.lose(), 1);
    hand_over(outbox, 7, 1);
    outbox.ponged();
    assert_eq!(outbox.counts(), Counts { in_doubt: 1, unconfirmed: 1, ..Counts::default() });
}

#[test]
fn messages_in_doubt_are_returned_once_and_in_order() {
    let outbox = &mut handed(2, WhenLost::Report);
    assert_eq!((outbox.lose(), outbox.lose()), (2, 0));
    hand_over(outbox, 2, 1);
    assert_eq!(outbox.lose(), 1);
    assert_eq!(outbox.in_doubt(), (3, vec![(1, 0), (2, 1), (3, 2)]));
    assert_eq!(outbox.take_in_doubt(), (3, vec![(1, 0), (2, 1), (3, 2)]));
    assert_eq!(outbox.take_in_doubt(), (0, vec![]));
}

#[test]
fn the_last_messages_are_kept_and_all_are_counted() {
    let outbox = &mut handed(10, WhenLost::Report);
    assert_eq!(outbox.counts().unconfirmed, 10);
    assert_eq!(outbox.confirm_up_to(7), 0, "which of them are up to that is not known");
    assert_eq!(outbox.confirm_up_to(8), 8);
    assert_eq!(outbox.lose(), 2);
    (20..25).for_each(|message| assert_ne!(hand_over(outbox, message, 1), 0));
    assert_eq!(outbox.lose(), 5);
    assert_eq!(outbox.take_in_doubt(), (7, vec![(13, 22), (14, 23), (15, 24)]));
}

#[test]
fn a_message_larger_than_what_is_kept_is_counted_and_evicts_no_other() {
    let outbox = &mut handed(2, WhenLost::Report);
    hand_over(outbox, 7, 100);
    outbox.lose();
    assert_eq!(outbox.take_in_doubt(), (3, vec![(1, 0), (2, 1)]));
}

#[test]
fn messages_in_doubt_are_sent_again_in_order_before_queued_ones() {
    let outbox = &mut handed(2, WhenLost::Resend);
    outbox.push(2, 1);
    assert_eq!(outbox.lose(), 2);
    outbox.push(3, 1);
    assert!(outbox.is_pending());
    assert_eq!(outbox.counts(), Counts { in_doubt: 2, queued: 2, ..Counts::default() });
    assert_eq!(hand_over_all(outbox), [0, 1, 2, 3]);
    assert_eq!(outbox.counts(), Counts { unconfirmed: 4, ..Counts::default() });
    assert_eq!(outbox.confirm_up_to(2), 2);
}

#[test]
fn messages_whose_resending_is_cut_short_are_sent_again_in_order() {
    let outbox = &mut handed(3, WhenLost::Resend);
    outbox.lose();
    let message = outbox.take_next().unwrap();
    assert_eq!(outbox.handed(message, Ok(())), Handed::Over);
    assert_eq!(outbox.counts(), Counts { in_doubt: 2, unconfirmed: 1, ..Counts::default() });
    assert_eq!(outbox.lose(), 1);
    assert_eq!(outbox.in_doubt(), (3, vec![(1, 0), (2, 1), (3, 2)]));
    assert_eq!(hand_over_all(outbox), [0, 1, 2]);
}

#[test]
fn reported_messages_are_not_sent_again() {
    let outbox = &mut handed(2, WhenLost::Report);
    outbox.lose();
    assert!(!outbox.is_pending());
    assert_eq!(outbox.take_next(), None);
}

#[test]
fn messages_in_doubt_that_are_taken_are_not_sent_again() {
    let outbox = &mut handed(2, WhenLost::Resend);
    outbox.lose();
    assert_eq!(outbox.take_in_doubt().0, 2);
    assert!(!outbox.is_pending());
    assert_eq!(outbox.counts(), Counts { in_doubt: 2, ..Counts::default() });
}

#[test]
fn messages_in_doubt_that_the_peer_has_received_are_confirmed_and_not_sent_again() {
    let outbox = &mut handed(3, WhenLost::Resend);
    outbox.lose();
    assert_eq!((outbox.confirm_up_to(2), outbox.confirm_up_to(2)), (2, 0));
    assert_eq!(outbox.counts(), Counts { confirmed: 2, in_doubt: 1, ..Counts::default() });
    assert_eq!(hand_over_all(outbox), [2]);
}

#[test]
fn messages_that_were_not_kept_stay_in_doubt() {
    let outbox = &mut handed(5, WhenLost::Resend);
    outbox.lose();
    assert_eq!(hand_over_all(outbox), [2, 3, 4]);
    assert_eq!(outbox.counts(), Counts { in_doubt: 2, unconfirmed: 3, ..Counts::default() });
    assert_eq!(outbox.confirm_up_to(9), 3);
    assert_eq!(outbox.take_in_doubt(), (2, vec![]));
}

#[test]
fn a_message_on_which_the_browser_throws_leaves_the_queue() {
    let outbox = &mut outbox(WhenFull::Reject);
    (0..2).for_each(|message| assert_ne!(outbox.push(message, 1), 0));
    let message = outbox.take_next().unwrap();
    assert_eq!(outbox.handed(message, Err(thrown())), Handed::Rejected { number: 1, error: thrown() });
    assert_eq!(hand_over_all(outbox), [1]);
    assert_eq!(outbox.counts(), Counts { rejected: 1, unconfirmed: 1, ..Counts::default() });
}

#[test]
fn a_message_in_doubt_on_which_the_browser_throws_stays_in_doubt() {
    let outbox = &mut handed(2, WhenLost::Resend);
    outbox.lose();
    let message = outbox.take_next().unwrap();
    assert_eq!(outbox.handed(message, Err(thrown())), Handed::Rejected { number: 1, error: thrown() });
    assert_eq!(hand_over_all(outbox), [1]);
    assert_eq!(outbox.counts(), Counts { in_doubt: 1, unconfirmed: 1, ..Counts::default() });
    assert_eq!(outbox.take_in_doubt(), (1, vec![]));
}

#[test]
fn a_message_that_the_browser_does_not_take_keeps_its_place() {
    let not_open = || Err(Error::NotOpen(ReadyState::Closing));
    let outbox = &mut handed(2, WhenLost::Resend);
    outbox.push(2, 1);
    outbox.push(3, 1);
    outbox.lose();
    for expected in [0, 1, 2, 3] {
        let message = outbox.take_next().unwrap();
        assert_eq!(outbox.handed(message, not_open()), Handed::Back);
        let message = outbox.take_next().unwrap();
        assert_eq!((message, outbox.handed(message, Ok(()))), (expected, Handed::Over));
    }
    assert_eq!(outbox.counts(), Counts { unconfirmed: 4, ..Counts::default() });
}

#[test]
fn while_one_message_is_in_hand_no_other_is_taken() {
    let outbox = &mut outbox(WhenFull::Reject);
    let number = outbox.take_in_hand(1);
    assert!(outbox.is_pending());
    // Code of the page that runs meanwhile sends another message.
    assert!(outbox.push(1, 1) > number);
    assert_eq!(outbox.take_next(), None);
    assert_eq!(outbox.counts(), Counts { queued: 2, ..Counts::default() });
    assert_eq!(outbox.handed(0, Ok(())), Handed::Over);
    assert_eq!(hand_over_all(outbox), [1]);
}

#[test]
fn a_message_in_hand_is_in_doubt_if_the_connection_ends_meanwhile() {
    let outbox = &mut handed(1, WhenLost::Resend);
    outbox.push(1, 1);
    outbox.lose();
    assert_eq!(outbox.take_next(), Some(0));
    outbox.lose();
    assert_eq!(outbox.handed(0, Ok(())), Handed::InDoubt);
    assert_eq!(outbox.counts(), Counts { in_doubt: 1, queued: 1, ..Counts::default() });
    let number = outbox.take_in_hand(1);
    outbox.lose();
    assert_eq!(outbox.handed(2, Ok(())), Handed::InDoubt);
    assert_eq!(outbox.in_doubt(), (2, vec![(1, 0), (number, 2)]));
}

#[test]
fn a_message_that_is_refused_leaves_nothing() {
    let outbox = &mut outbox(WhenFull::Reject);
    outbox.take_in_hand(1);
    outbox.refused();
    assert!(!outbox.is_pending());
    assert_eq!(outbox.counts(), Counts { rejected: 1, ..Counts::default() });
}

// The peer has sent the first answer before it has received the message.
#[test]
fn an_answer_confirms_no_later_message_however_many_pings_are_unanswered() {
    for pings in [1, 63, 64, 65, 200] {
        let outbox = &mut outbox(WhenFull::Reject);
        (0..pings).for_each(|_| outbox.pinged(0));
        hand_over(outbox, 1, 1);
        outbox.ponged();
        outbox.pinged(1);
        (1..pings).for_each(|_| outbox.ponged());
        assert_eq!(outbox.counts(), Counts { unconfirmed: 1, ..Counts::default() }, "{pings} pings");
        assert!(outbox.awaits_pong(), "the last of {pings} pings is unanswered");
        outbox.ponged();
        assert!(!outbox.awaits_pong(), "all {pings} pings are answered");
    }
}

#[test]
fn each_answer_confirms_at_most_the_messages_before_its_ping() {
    let outbox = &mut outbox(WhenFull::Reject);
    for ping in 1..=100 {
        hand_over(outbox, 1, 1);
        outbox.pinged(ping);
    }
    for answer in 1..=100 {
        outbox.ponged();
        assert_eq!(outbox.counts().confirmed, answer.min(64));
    }
    outbox.pinged(100);
    outbox.ponged();
    assert_eq!(outbox.counts().confirmed, 100);
}

use super::test;
use crate::queue::Limit;
use crate::reconnect::inbox::{Inbox, Next};
use crate::{Error, Overflow};

fn inbox() -> Inbox<u32> {
    Inbox::new(Limit { bytes: 100, messages: 4, overflow: Overflow::DropOldest })
}

/// All that there is: messages, and as negative numbers what is in doubt.
fn taken(inbox: &mut Inbox<u32>) -> Vec<i64> {
    let take = || match inbox.take() {
        Next::Message(message) => Some(message.into()),
        Next::Error(Error::InDoubt { messages }) => Some(-(messages as i64)),
        _ => None,
    };
    std::iter::from_fn(take).collect()
}

#[test]
fn what_is_in_doubt_comes_between_the_messages_of_two_connections() {
    let inbox = &mut inbox();
    let _ = inbox.push(1, 10, 1);
    let _ = inbox.push_doubt(1, 5);
    let _ = inbox.push(3, 30, 1);
    let _ = inbox.push_doubt(3, 6);
    assert_eq!(taken(inbox), [10, -5, 30, -6]);
    assert_eq!(inbox.take(), Next::Empty);
}

#[test]
fn what_is_in_doubt_is_not_dropped_for_want_of_room() {
    let inbox = &mut inbox();
    let _ = inbox.push(1, 10, 1);
    let _ = inbox.push_doubt(1, 5);
    (30..36).for_each(|message| drop(inbox.push(3, message, 1)));
    assert_eq!(taken(inbox), [-5, 32, 33, 34, 35]);
}

#[test]
fn what_is_in_doubt_comes_before_the_end() {
    let inbox = &mut inbox();
    let _ = inbox.push(1, 10, 1);
    let _ = inbox.push_doubt(1, 5);
    let _ = inbox.end(Some(Error::Unsupported));
    assert_eq!(taken(inbox), [10, -5]);
    // It was taken by the last look.
    assert!(!inbox.is_over());
    assert_eq!(inbox.take(), Next::End);
    assert!(inbox.is_over());
}

#[test]
fn reports_that_nobody_takes_become_one() {
    let inbox = &mut inbox();
    (1..=100).for_each(|generation| drop(inbox.push_doubt(generation, 1)));
    let taken = taken(inbox);
    assert_eq!((taken.len(), taken.iter().sum()), (64, -100_i64));
}

use super::test;
use crate::reconnect::kept::{Keep, Numbered, Pending, Ring};

const KEEP: Keep = Keep { bytes: 10, messages: 3 };

fn numbered(number: u64, bytes: u64) -> Numbered<u64> {
    Numbered { number, message: number * 10, bytes }
}

/// Returns a ring with messages of these numbers and bytes.
fn ring(messages: &[(u64, u64)]) -> Ring<u64> {
    let mut ring = Ring::new(KEEP);
    messages.iter().for_each(|(number, bytes)| ring.push(numbered(*number, *bytes)));
    ring
}

/// Returns the number of messages, and the numbers of the kept messages.
fn held(ring: &Ring<u64>) -> (u64, Vec<u64>) {
    (ring.count(), ring.iter().map(|(number, _)| number).collect())
}

#[test]
fn a_queue_has_room_below_both_limits() {
    let mut pending = Pending::new(KEEP);
    pending.push(numbered(1, 9));
    assert!(pending.has_room());
    pending.push(numbered(2, 1));
    assert!(!pending.has_room());
    let popped = pending.pop().unwrap();
    pending.push(numbered(3, 8));
    assert!(pending.has_room());
    pending.push_front(popped);
    assert!(!pending.has_room());
    assert_eq!(pending.take(), [numbered(1, 9), numbered(2, 1), numbered(3, 8)]);
    (0..3).for_each(|number| {
        assert!(pending.has_room());
        pending.push(numbered(number, 0));
    });
    assert!(!pending.has_room());
}

#[test]
fn the_newest_are_kept_up_to_both_limits() {
    assert_eq!(held(&ring(&[(1, 1), (2, 1), (3, 1), (4, 1)])), (4, vec![2, 3, 4]));
    assert_eq!(held(&ring(&[(1, 5), (2, 5), (3, 1)])), (3, vec![2, 3]));
    assert_eq!(held(&ring(&[(1, 5), (2, 5)])), (2, vec![1, 2]));
}

#[test]
fn a_message_larger_than_the_limit_evicts_no_other() {
    let mut ring = ring(&[(1, 1), (2, 11), (3, 1)]);
    assert_eq!(held(&ring), (3, vec![1, 3]));
    assert_eq!(ring.count_up_to(2), 2);
    assert_eq!(ring.take(), [(1, 10), (3, 30)]);
    assert_eq!(ring.count(), 0);
}

#[test]
fn removing_or_taking_messages_makes_room() {
    let removals: [fn(&mut Ring<u64>); 4] = [
        |ring| ring.remove(2),
        |ring| assert_eq!(ring.remove_kept_up_to(2), 2),
        |ring| assert_eq!([ring.pop(), ring.pop()], [Some(numbered(1, 5)), Some(numbered(2, 5))]),
        |ring| assert_eq!(ring.take().len(), 2),
    ];
    for remove in removals {
        let mut ring = ring(&[(1, 5), (2, 5)]);
        remove(&mut ring);
        [(3, 5), (4, 5)].into_iter().for_each(|(number, bytes)| ring.push(numbered(number, bytes)));
        assert_eq!(held(&ring), (2, vec![3, 4]));
        ring.push(numbered(5, 1));
        assert_eq!(held(&ring), (3, vec![4, 5]));
    }
}

#[test]
fn forgotten_messages_are_removed_first() {
    let mut ring = ring(&[(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
    ring.remove(1);
    assert_eq!(held(&ring), (4, vec![3, 4, 5]));
    ring.remove(2);
    assert_eq!(held(&ring), (2, vec![4, 5]));
}

#[test]
fn forgotten_messages_count_together_with_the_first_kept_one() {
    let ring = ring(&[(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
    assert_eq!([2, 3, 4, 9].map(|number| ring.count_up_to(number)), [0, 3, 4, 5]);
}

#[test]
fn a_message_is_inserted_by_its_number() {
    let mut ring = ring(&[(1, 4), (5, 4)]);
    ring.insert(numbered(3, 2));
    assert_eq!(held(&ring), (3, vec![1, 3, 5]));
    ring.insert(numbered(4, 1));
    assert_eq!(held(&ring), (4, vec![3, 4, 5]));
    ring.insert(numbered(2, 11));
    assert_eq!(held(&ring), (5, vec![3, 4, 5]));
    ring.insert(numbered(6, 10));
    assert_eq!(held(&ring), (6, vec![6]));
}

#[test]
fn appended_messages_come_before_or_after() {
    for (one, other) in [([1, 2], [3, 4]), ([3, 4], [1, 2])] {
        let [mut one, mut other] = [one, other].map(|numbers| ring(&numbers.map(|number| (number, 5))));
        one.append(&mut other);
        assert_eq!((held(&one), held(&other)), ((4, vec![3, 4]), (0, vec![])));
        // The emptied ring counts no bytes.
        other.push(numbered(5, 10));
        assert_eq!(held(&other), (1, vec![5]));
        one.push(numbered(6, 5));
        assert_eq!(held(&one), (5, vec![4, 6]));
    }
}

#[test]
fn of_appended_messages_the_newest_are_kept() {
    let mut one = ring(&[(3, 5)]);
    one.append(&mut ring(&[(1, 1), (2, 9)]));
    assert_eq!(held(&one), (3, vec![3]));
}

#[test]
fn messages_that_an_appended_ring_has_forgotten_are_only_counted() {
    let mut one = ring(&[(1, 1)]);
    one.append(&mut ring(&[(2, 1), (3, 1), (4, 1), (5, 11), (6, 1)]));
    assert_eq!(held(&one), (6, vec![1, 4, 6]));
}

#[cfg(not(target_arch = "wasm32"))] // which has no clock
#[test]
fn a_long_backlog_is_appended_in_no_time() {
    use std::time::{Duration, Instant};

    let keep = Keep { messages: usize::MAX, bytes: u64::MAX };
    let [mut one, mut other] = [200_000..400_000_u64, 0..200_000].map(|numbers| {
        let mut ring = Ring::new(keep);
        numbers.for_each(|number| ring.push(numbered(number, 1)));
        ring
    });
    let start = Instant::now();
    one.append(&mut other);
    // Moving all later messages for each earlier one would take a minute.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(one.iter().map(|(number, _)| number).eq(0..400_000));
}

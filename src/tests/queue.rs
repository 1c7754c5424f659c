use std::sync::Arc;
use std::task::Waker;

use super::{Count, test};
use crate::Overflow;
use crate::receive::queue::{Len, Limit, Queue, Taken, Wake};
use crate::receive::reading::ReadAhead;
use crate::receive::waking::When;

/// A number, and a length in bytes.
type Message = (u32, u64);

impl Len for Message {
    fn len(&self) -> u64 {
        self.1
    }
}

fn limited(bytes: u64, messages: usize, overflow: Overflow) -> Queue<Message> {
    Queue::new(Limit { bytes, messages, overflow })
}

fn queue() -> Queue<Message> {
    limited(0, 0, Overflow::Unbounded)
}

/// Pushes messages of one byte each, and returns the messages that are then in the queue.
fn pushed(queue: &mut Queue<Message>, messages: impl IntoIterator<Item = u32>) -> Vec<u32> {
    messages.into_iter().for_each(|message| drop(queue.push((message, 1)).unwrap()));
    taken(queue)
}

fn taken(queue: &mut Queue<Message>) -> Vec<u32> {
    let mut all = Vec::new();
    loop {
        match queue.take() {
            Taken::Message((message, _)) => all.push(message),
            Taken::Pause => {}
            _ => return all,
        }
    }
}

#[test]
fn messages_are_taken_in_order() {
    let queue = &mut queue();
    assert_eq!(pushed(queue, [1, 2, 3]), [1, 2, 3]);
    assert_eq!(pushed(queue, [4]), [4]);
    assert_eq!(queue.take(), Taken::Empty);
}

#[test]
fn queued_messages_survive_the_end_and_nothing_follows_it() {
    let queue = &mut queue();
    let _ = queue.push((1, 1));
    let _ = queue.end(false);
    let _ = queue.push((2, 1));
    assert_eq!(taken(queue), [1]);
    assert_eq!([queue.take(), queue.take()], [Taken::End, Taken::End]);
}

#[test]
fn an_overflow_is_yielded_once_after_the_messages_and_before_the_end() {
    let queue = &mut limited(1, 1, Overflow::Close);
    let _ = queue.push((1, 1));
    assert!(queue.push((2, 1)).is_err());
    let _ = queue.end(false);
    assert_eq!(queue.take(), Taken::Message((1, 1)));
    assert_eq!(queue.take(), Taken::Loss);
    assert_eq!([queue.take(), queue.take()], [Taken::End, Taken::End]);
}

#[test]
fn a_loss_is_yielded_once_and_last_and_the_first_end_counts() {
    let queue = &mut queue();
    let _ = queue.push((1, 1));
    let _ = queue.end(true);
    let _ = queue.end(false);
    assert_eq!(queue.take(), Taken::Message((1, 1)));
    assert_eq!(queue.take(), Taken::Loss);
    assert!(!queue.is_over());
    assert_eq!([queue.take(), queue.take()], [Taken::End, Taken::End]);
    assert!(queue.is_over());
}

#[test]
fn the_queue_is_terminated_once_it_has_yielded_its_end() {
    let queue = &mut queue();
    let _ = queue.end(false);
    assert!(!queue.is_over());
    let _ = queue.take();
    assert!(queue.is_over());
}

#[test]
fn a_message_and_the_end_wake_the_reader_once_each() {
    let push = |queue: &mut Queue<Message>| match queue.push((1, 1)).unwrap() {
        Some(Wake::Now(waker)) => Some(waker),
        _ => None,
    };
    for event in [push, |queue: &mut Queue<Message>| queue.end(false)] {
        let (mut queue, count) = (queue(), Arc::new(Count::default()));
        assert!(queue.wait(&Waker::from(count.clone())).is_none());
        event(&mut queue).expect("nobody is woken").wake();
        assert_eq!(count.get(), 1);
        assert!(event(&mut queue).is_none());
    }
}

#[test]
fn the_queue_holds_no_more_than_its_limit() {
    for (bytes, messages) in [(3, 100), (100, 3)] {
        assert_eq!(pushed(&mut limited(bytes, messages, Overflow::DropOldest), 0..10), [7, 8, 9]);
        assert_eq!(pushed(&mut limited(bytes, messages, Overflow::DropNewest), 0..10), [0, 1, 2]);
        let closes = &mut limited(bytes, messages, Overflow::Close);
        assert!((0..3).all(|message| closes.push((message, 1)).is_ok()));
        let _ = closes.wait(Waker::noop());
        assert!(closes.push((3, 1)).unwrap_err().0.is_some(), "the reader is to be woken");
        assert_eq!((taken(closes), closes.dropped()), (vec![0, 1, 2], 1));
    }
}

#[test]
fn taking_a_message_makes_room() {
    let queue = &mut limited(3, 3, Overflow::DropNewest);
    assert_eq!(pushed(queue, 0..4), [0, 1, 2]);
    assert_eq!(pushed(queue, 4..8), [4, 5, 6]);
    assert_eq!(queue.dropped(), 2);
}

#[test]
fn empty_messages_are_messages() {
    let queue = &mut limited(100, 2, Overflow::DropOldest);
    (0..5).for_each(|message| drop(queue.push((message, 0)).unwrap()));
    assert_eq!((taken(queue), queue.dropped()), (vec![3, 4], 3));
}

#[test]
fn no_more_messages_are_dropped_than_needed() {
    let queue = &mut limited(10, 100, Overflow::DropOldest);
    for (message, bytes) in [(1, 4), (2, 4), (3, 9)] {
        let _ = queue.push((message, bytes));
    }
    assert_eq!((taken(queue), queue.dropped()), (vec![3], 2));
}

#[test]
fn an_empty_queue_accepts_a_message_of_any_size() {
    for overflow in [Overflow::Close, Overflow::DropNewest, Overflow::DropOldest] {
        let queue = &mut limited(10, 100, overflow);
        assert!(queue.push((1, 11)).is_ok());
        assert_eq!((taken(queue), queue.dropped()), (vec![1], 0));
    }
    let queue = &mut limited(10, 100, Overflow::DropOldest);
    let _ = queue.push((1, 4));
    let _ = queue.push((2, 11));
    assert_eq!((taken(queue), queue.dropped()), (vec![2], 1));
}

#[test]
fn a_queue_without_a_reader_keeps_nothing() {
    let queue = &mut limited(100, 100, Overflow::Close);
    let _ = queue.push((1, 1));
    assert!(queue.discard().is_none());
    assert!(pushed(queue, 2..9).is_empty());
}

#[test]
fn a_reader_pauses_after_128_messages() {
    let queue = &mut queue();
    (0..300).for_each(|message| drop(queue.push((message, 1))));
    let mut pauses = Vec::new();
    for index in 0..302 {
        if queue.take() == Taken::Pause {
            pauses.push(index);
        }
    }
    assert_eq!(pauses, [128, 257]);
    assert_eq!(queue.take(), Taken::Empty);
}

#[test]
fn a_longer_queue_yields_more_messages_before_a_pause() {
    let queue = &mut queue();
    (0..40_000).for_each(|message| drop(queue.push((message, 1))));
    let mut runs = vec![0];
    loop {
        match queue.take() {
            Taken::Message(_) => *runs.last_mut().unwrap() += 1,
            Taken::Pause => runs.push(0),
            _ => break,
        }
    }
    assert_eq!(runs[..4], [128, 1024, 1024, 1024]);
    assert_eq!(runs[runs.len() - 3..runs.len() - 1], [128, 128]);
    // The next messages begin with a short run again.
    (0..200).for_each(|message| drop(queue.push((message, 1))));
    let first = (0..200).take_while(|_| queue.take() != Taken::Pause).count();
    assert_eq!(first, 128);
}

/// Lets `arriving` messages arrive at a waiting reader, a number of times. Returns when the reader was woken.
fn wakes(queue: &mut Queue<Message>, arriving: usize, times: usize) -> Vec<When> {
    let mut wakes = Vec::new();
    for _ in 0..times {
        let _ = queue.wait(Waker::noop());
        for message in 0..arriving {
            wakes.extend(queue.push((message as u32, 1)).unwrap().map(|wake| match wake {
                Wake::Now(_) => When::Now,
                Wake::NextTurn => When::NextTurn,
            }));
        }
        assert_eq!(queue.turn().is_some(), wakes.last() == Some(&When::NextTurn));
        assert_eq!(taken(queue).len(), arriving);
    }
    wakes
}

#[test]
fn a_waiting_reader_is_woken_when_the_queue_is_half_full() {
    for (bytes, messages) in [(1000, 16), (16, 1000)] {
        let queue = &mut limited(bytes, messages, Overflow::Close);
        // Turns have gathered enough messages.
        assert_eq!(wakes(queue, 5, 20).last(), Some(&When::NextTurn));
        let _ = queue.wait(Waker::noop());
        let woken: Vec<_> = (0..16).map(|message| queue.push((message, 1)).unwrap()).collect();
        assert!(matches!(woken[0], Some(Wake::NextTurn)));
        assert!(woken[1..8].iter().all(Option::is_none));
        assert!(matches!(woken[8], Some(Wake::Now(_))), "it is half full");
        // The turn has no reader left to wake.
        assert!(queue.turn().is_none());
        assert_eq!(taken(queue).len(), 16);
    }
}

#[test]
fn a_message_that_takes_half_of_the_limit_wakes_the_reader_at_once() {
    let queue = &mut limited(16, 1000, Overflow::Close);
    assert_eq!(wakes(queue, 5, 20).last(), Some(&When::NextTurn));
    let _ = queue.wait(Waker::noop());
    assert!(matches!(queue.push((0, 9)), Ok(Some(Wake::Now(_)))));
}

#[test]
fn a_reader_is_woken_in_turns_while_they_gather_messages() {
    let queue = &mut queue();
    let first = wakes(queue, 5, 40);
    assert!(first[..16].iter().all(|when| *when == When::Now), "{first:?}");
    assert!(first[16..].iter().all(|when| *when == When::NextTurn), "{first:?}");
    // After a single turn that gathers nothing, the reader is woken at once again.
    let then = wakes(queue, 1, 5);
    assert_eq!(then, [When::NextTurn, When::Now, When::Now, When::Now, When::Now]);
}

#[test]
fn turns_that_gather_nothing_are_tried_less_often() {
    let tried = |wakes: Vec<When>| wakes.into_iter().filter(|when| *when == When::NextTurn).count();
    let queue = &mut queue();
    assert_eq!(tried(wakes(queue, 1, 100)), 3); // after 16, 16 and 32 more
    assert_eq!(tried(wakes(queue, 1, 10_000)), 12); // at most every 1,024
}

#[test]
fn reading_pauses_at_a_bound_and_resumes_at_half_of_it() {
    let is_full = |bytes: u64, messages: u32| {
        let mut queue = limited(0, 9, Overflow::Unbounded);
        (1..=messages).for_each(|number| drop(queue.push((number, if number == 1 { bytes } else { 0 })).unwrap()));
        [false, true].map(|is_half| queue.is_full(ReadAhead { bytes: 100, is_half }))
    };
    assert_eq!([49, 50, 99, 100].map(|bytes| is_full(bytes, 1)), [[false; 2], [false, true], [false, true], [true; 2]]);
    assert_eq!(
        [3, 4, 8, 9].map(|messages| is_full(0, messages)),
        [[false; 2], [false, true], [false, true], [true; 2]]
    );
    // Otherwise a page with a bound of 0 would never read a message.
    assert!(!limited(0, 0, Overflow::Unbounded).is_full(ReadAhead { bytes: 0, is_half: false }));
}

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{Count, test};
use crate::queue::Queue;

fn poll(queue: &mut Queue<u8>) -> Poll<Option<u8>> {
    queue.poll_next(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn messages_come_in_their_order() {
    let mut queue = Queue::new();
    for message in [1, 2, 3] {
        assert!(queue.push(message).is_none());
    }
    assert_eq!([poll(&mut queue), poll(&mut queue)], [Poll::Ready(Some(1)), Poll::Ready(Some(2))]);
    let _ = queue.push(4);
    assert_eq!([poll(&mut queue), poll(&mut queue)], [Poll::Ready(Some(3)), Poll::Ready(Some(4))]);
    assert_eq!(poll(&mut queue), Poll::Pending);
}

#[test]
fn queued_messages_survive_the_end() {
    let mut queue = Queue::new();
    let _ = queue.push(1);
    let _ = queue.end();
    assert_eq!(poll(&mut queue), Poll::Ready(Some(1)));
}

#[test]
fn the_end_is_for_ever() {
    let mut queue = Queue::new();
    let _ = queue.end();
    assert_eq!([poll(&mut queue), poll(&mut queue)], [Poll::Ready(None), Poll::Ready(None)]);
}

#[test]
fn it_is_over_when_the_reader_was_told() {
    let mut queue = Queue::new();
    let _ = queue.end();
    assert!(!queue.is_over());
    let _ = poll(&mut queue);
    assert!(queue.is_over());
}

#[test]
fn a_message_and_the_end_wake_the_reader_once_each() {
    for event in [|queue: &mut Queue<u8>| queue.push(1), Queue::end] {
        let (mut queue, count) = (Queue::new(), Arc::new(Count::default()));
        let waker = Waker::from(count.clone());
        assert!(queue.poll_next(&mut Context::from_waker(&waker)).is_pending());
        event(&mut queue).expect("nobody is woken").wake();
        assert_eq!(count.get(), 1);
        assert!(event(&mut queue).is_none());
    }
}

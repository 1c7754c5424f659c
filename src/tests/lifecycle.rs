use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Count, test};
use crate::lifecycle::{End, Lifecycle};
use crate::notify::Waiter;
use crate::{CloseEvent, Error};

fn close(code: u16) -> CloseEvent {
    CloseEvent { code, reason: String::new(), was_clean: code != 1006 }
}

fn ended(lifecycle: &Lifecycle) -> Poll<Result<CloseEvent, Error>> {
    lifecycle.poll_ended(&Context::from_waker(Waker::noop()), &mut Waiter::default())
}

#[test]
fn an_end_resolves_those_who_wait_for_it() {
    let (lifecycle, count) = (Lifecycle::default(), Arc::new(Count::default()));
    let waker = Waker::from(count.clone());
    let (context, waiter) = (&Context::from_waker(&waker), &mut Waiter::default());
    assert!(lifecycle.poll_ended(context, waiter).is_pending());
    assert!(lifecycle.poll_ended(context, waiter).is_pending());
    lifecycle.end(End::Closed(close(1000)));
    assert_eq!(count.get(), 1);
    assert_eq!(ended(&lifecycle), Poll::Ready(Ok(close(1000))));
}

#[test]
fn those_who_have_gone_are_not_woken() {
    let (lifecycle, count) = (Lifecycle::default(), Arc::new(Count::default()));
    let waker = Waker::from(count.clone());
    let mut waiter = Waiter::default();
    assert!(lifecycle.poll_ended(&Context::from_waker(&waker), &mut waiter).is_pending());
    drop((waiter, waker));
    assert_eq!(Arc::strong_count(&count), 1);
    lifecycle.end(End::Closed(close(1000)));
    assert_eq!(count.get(), 0);
}

#[test]
fn an_end_that_may_have_lost_messages_says_so() {
    let timeout = Duration::from_secs(5);
    assert_eq!(End::Closed(close(1000)).loss(), None);
    assert_eq!(End::Closed(close(1006)).loss(), Some(Error::Unclean(close(1006))));
    assert_eq!(End::CloseTimeout(timeout).loss(), Some(Error::CloseTimeout(timeout)));
    assert_eq!(End::Overflow.loss(), Some(Error::Overflow));
    assert_eq!(End::Dropped.loss(), Some(Error::Dropped));
}

#[test]
fn the_first_end_is_the_one_that_counts() {
    let lifecycle = Lifecycle::default();
    assert!(ended(&lifecycle).is_pending());
    lifecycle.end(End::CloseTimeout(Duration::from_secs(5)));
    lifecycle.end(End::Closed(close(1000)));
    assert_eq!(ended(&lifecycle), Poll::Ready(Err(Error::CloseTimeout(Duration::from_secs(5)))));
    assert_eq!(lifecycle.close_event(), None);
}

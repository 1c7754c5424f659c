use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Count, test};
use crate::lifecycle::Lifecycle;
use crate::notify::Waiter;
use crate::{CloseEvent, Error};

fn close(code: u16) -> CloseEvent {
    CloseEvent { code, reason: String::new(), was_clean: code != 1006 }
}

fn opened(lifecycle: &Lifecycle) -> Poll<bool> {
    lifecycle.poll_opened(&Context::from_waker(Waker::noop()), &mut Waiter::default())
}

fn ended(lifecycle: &Lifecycle) -> Poll<Result<CloseEvent, Error>> {
    lifecycle.poll_ended(&Context::from_waker(Waker::noop()), &mut Waiter::default())
}

#[test]
fn opening_resolves_those_who_wait_for_it() {
    let (lifecycle, count) = (Lifecycle::default(), Arc::new(Count::default()));
    let waker = Waker::from(count.clone());
    let (context, waiter) = (&Context::from_waker(&waker), &mut Waiter::default());
    assert!(lifecycle.poll_opened(context, waiter).is_pending());
    assert!(lifecycle.poll_opened(context, waiter).is_pending());
    lifecycle.open();
    assert_eq!(count.get(), 1);
    assert_eq!(opened(&lifecycle), Poll::Ready(true));
}

#[test]
fn those_who_have_gone_are_not_woken() {
    let (lifecycle, count) = (Lifecycle::default(), Arc::new(Count::default()));
    let waker = Waker::from(count.clone());
    let mut waiter = Waiter::default();
    assert!(lifecycle.poll_opened(&Context::from_waker(&waker), &mut waiter).is_pending());
    drop((waiter, waker));
    assert_eq!(Arc::strong_count(&count), 1);
    lifecycle.open();
    assert_eq!(count.get(), 0);
}

#[test]
fn an_end_without_an_open_is_a_failure() {
    let lifecycle = Lifecycle::default();
    lifecycle.end(Ok(close(1006)));
    assert_eq!(opened(&lifecycle), Poll::Ready(false));
}

#[test]
fn a_connection_that_ended_at_once_was_open() {
    let lifecycle = Lifecycle::default();
    lifecycle.open();
    lifecycle.end(Ok(close(1000)));
    assert_eq!(opened(&lifecycle), Poll::Ready(true));
}

#[test]
fn the_first_end_is_the_one_that_counts() {
    let lifecycle = Lifecycle::default();
    assert!(ended(&lifecycle).is_pending());
    lifecycle.end(Err(Error::CloseTimeout(Duration::from_secs(5))));
    lifecycle.end(Ok(close(1000)));
    assert_eq!(ended(&lifecycle), Poll::Ready(Err(Error::CloseTimeout(Duration::from_secs(5)))));
    assert_eq!(lifecycle.close_event(), None);
}

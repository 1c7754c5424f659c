use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Count, test};
use crate::lifecycle::Lifecycle;
use crate::{CloseEvent, Error};

fn close(code: u16) -> CloseEvent {
    CloseEvent { code, reason: String::new(), was_clean: code != 1006 }
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

#[test]
fn opening_resolves_those_who_wait_for_it() {
    let mut lifecycle = Lifecycle::default();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    assert!(lifecycle.poll_opened(&Context::from_waker(&waker)).is_pending());
    assert!(lifecycle.poll_opened(&Context::from_waker(&waker)).is_pending());
    lifecycle.open().into_iter().for_each(Waker::wake);
    assert_eq!(count.get(), 1);
    assert_eq!(lifecycle.poll_opened(&context()), Poll::Ready(true));
}

#[test]
fn an_end_without_an_open_is_a_failure() {
    let mut lifecycle = Lifecycle::default();
    let _ = lifecycle.end(Ok(close(1006)));
    assert_eq!(lifecycle.poll_opened(&context()), Poll::Ready(false));
}

#[test]
fn a_connection_that_ended_at_once_was_open() {
    let mut lifecycle = Lifecycle::default();
    let _ = lifecycle.open();
    let _ = lifecycle.end(Ok(close(1000)));
    assert_eq!(lifecycle.poll_opened(&context()), Poll::Ready(true));
}

#[test]
fn the_first_end_is_the_one_that_counts() {
    let mut lifecycle = Lifecycle::default();
    assert!(lifecycle.poll_ended(&context()).is_pending());
    let _ = lifecycle.end(Err(Error::CloseTimeout(Duration::from_secs(5))));
    let _ = lifecycle.end(Ok(close(1000)));
    assert_eq!(lifecycle.poll_ended(&context()), Poll::Ready(Err(Error::CloseTimeout(Duration::from_secs(5)))));
    assert_eq!(lifecycle.close_event(), None);
}

use std::task::Waker;

use super::test;
use crate::notify::{Notify, Waiter};

#[test]
fn one_who_waits_again_keeps_one_place() {
    let (notify, mut waiter) = (Notify::default(), Waiter::default());
    (0..10).for_each(|_| notify.wait(&mut waiter, Waker::noop()));
    assert_eq!(notify.places(), 1);
}

#[test]
fn the_place_of_one_who_has_gone_is_used_again() {
    let (notify, mut stays) = (Notify::default(), Waiter::default());
    notify.wait(&mut stays, Waker::noop());
    (0..10).for_each(|_| notify.wait(&mut Waiter::default(), Waker::noop()));
    assert_eq!(notify.places(), 2);
}

use std::task::{Context, Poll, Waker};

use futures_util::StreamExt;

use super::test;
use crate::{Error, ReadyState, ReconnectOptions, Reconnecting, State};

// L17
#[test]
fn without_a_browser_it_is_closed_for_good_at_once() {
    let mut feed = Reconnecting::new(ReconnectOptions::new(), async || Ok("wss://example.com"));
    assert!(matches!(feed.state(), State::Closed { .. }));
    assert_eq!(feed.try_send("x").map_err(|unsent| unsent.error), Err(Error::NotOpen(ReadyState::Closed)));
    let context = &mut Context::from_waker(Waker::noop());
    assert_eq!(feed.poll_next_unpin(context), Poll::Ready(Some(Err(Error::Unsupported))));
    assert_eq!(feed.poll_next_unpin(context), Poll::Ready(None));
}

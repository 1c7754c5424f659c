use std::time::Duration;

use super::test;
use crate::stream::end::End;
use crate::{CloseEvent, Error};

fn close(code: u16) -> CloseEvent {
    CloseEvent { code, reason: String::new(), was_clean: code != 1006 }
}

#[test]
fn an_end_reports_whether_messages_may_be_lost() {
    let timeout = Duration::from_secs(5);
    let ends = [
        (End::Closed(close(1000)), None),
        (End::Closed(close(1006)), Some(Error::Unclean(close(1006)))),
        (End::CloseTimeout(timeout), Some(Error::CloseTimeout(timeout))),
        (End::Overflow, Some(Error::Overflow)),
        (End::Dropped, Some(Error::Dropped)),
    ];
    for (end, loss) in ends {
        assert_eq!((end.is_loss(), end.loss()), (loss.is_some(), loss));
    }
}

/// Tasks that wait for the end of a connection in a page.
#[cfg(not(target_arch = "wasm32"))]
mod waiting {
    use std::sync::Arc;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use futures_util::{FutureExt, join};

    use super::{End, close};
    use crate::testing::{Page, Peer};
    use crate::tests::{Count, in_pages};
    use crate::{Error, WebSocketStream};

    const URL: &str = "ws://example.com/";

    async fn connect(page: &Page) -> (WebSocketStream, Peer) {
        let server = page.server(URL);
        let (stream, peer) = join!(WebSocketStream::connect(URL), server.accept());
        (stream.unwrap(), peer)
    }

    #[test]
    fn an_end_wakes_each_waiter_once() {
        in_pages(async |page| {
            let (stream, _peer) = connect(page).await;
            let (mut closed, count) = (stream.closed(), Arc::new(Count::default()));
            let waker = Waker::from(count.clone());
            (0..2).for_each(|_| assert!(closed.poll_unpin(&mut Context::from_waker(&waker)).is_pending()));
            stream.connection().end(End::Closed(close(1000)));
            assert_eq!((count.get(), closed.await), (1, Ok(close(1000))));
        });
    }

    #[test]
    fn dropped_waiters_are_not_woken() {
        in_pages(async |page| {
            let (stream, _peer) = connect(page).await;
            let (mut closed, count) = (stream.closed(), Arc::new(Count::default()));
            let waker = Waker::from(count.clone());
            assert!(closed.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
            drop((closed, waker));
            assert_eq!(Arc::strong_count(&count), 1);
            stream.connection().end(End::Closed(close(1000)));
            assert_eq!(count.get(), 0);
        });
    }

    #[test]
    fn the_first_end_counts() {
        in_pages(async |page| {
            let (stream, _peer) = connect(page).await;
            let timeout = Duration::from_secs(5);
            stream.connection().end(End::CloseTimeout(timeout));
            stream.connection().end(End::Closed(close(1000)));
            assert_eq!(stream.closed().await, Err(Error::CloseTimeout(timeout)));
            assert_eq!(stream.close_event(), None);
        });
    }

    #[test]
    fn waiting_for_the_end_needs_no_timer_and_keeps_nothing_open() {
        in_pages(async |page| {
            let (stream, mut peer) = connect(page).await;
            let (mut closed, late) = (stream.closed(), stream.closed());
            assert!(closed.poll_unpin(&mut Context::from_waker(Waker::noop())).is_pending());
            assert_eq!(page.leftovers().timers, 0);
            drop(stream);
            assert_eq!(peer.receive().await, None);
            assert_eq!((closed.await, late.await), (Err(Error::Dropped), Err(Error::Dropped)));
            assert_eq!(page.leftovers().listeners, 0);
        });
    }
}

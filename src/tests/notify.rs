use std::task::Waker;

use super::test;
use crate::reconnect::notify::{Notify, Waiter};

#[test]
fn a_waiter_that_waits_again_keeps_its_place() {
    let (notify, mut waiter) = (Notify::default(), Waiter::default());
    (0..10).for_each(|_| notify.wait(&mut waiter, Waker::noop()));
    assert_eq!(notify.places(), 1);
}

#[test]
fn the_place_of_a_dropped_waiter_is_used_again() {
    let (notify, mut stays) = (Notify::default(), Waiter::default());
    notify.wait(&mut stays, Waker::noop());
    (0..10).for_each(|_| notify.wait(&mut Waiter::default(), Waker::noop()));
    assert_eq!(notify.places(), 2);
}

#[test]
fn its_debug_text_is_not_empty() {
    assert_eq!(format!("{:?}", Notify::default()), "Notify { .. }");
}

/// Tests for targets where panics unwind.
#[cfg(not(target_arch = "wasm32"))]
mod panics {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Wake, Waker};

    use futures_util::{FutureExt, StreamExt, join};

    use crate::reconnect::notify::{Notify, Waiter};
    use crate::stream::end::End;
    use crate::testing::Page;
    use crate::tests::Count;
    use crate::{Options, WebSocketStream};

    struct Panics;

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("on purpose");
        }
    }

    #[test]
    fn a_wake_that_panics_does_not_prevent_the_others() {
        let (notify, count) = (Notify::default(), Arc::new(Count::default()));
        let wakers = [Waker::from(Arc::new(Panics)), Waker::from(count.clone()), Waker::from(count.clone())];
        let mut waiters = [(); 3].map(|()| Waiter::default());
        waiters.iter_mut().zip(&wakers).for_each(|(waiter, waker)| notify.wait(waiter, waker));
        assert!(catch_unwind(|| notify.wake_all()).is_err());
        assert_eq!(count.get(), 2);
    }

    #[test]
    fn the_end_of_a_connection_wakes_all_tasks_even_if_one_wake_panics() {
        let (page, url) = (Page::new(), "ws://example.com/sink");
        let server = page.server(url);
        page.run(async {
            let (stream, _peer) = join!(WebSocketStream::connect(url), server.accept());
            let (mut sender, mut receiver) = stream.unwrap().split();
            sender.send(vec![0; 4 << 20]).await.unwrap();
            let (connection, mut closed) = (sender.clone(), sender.closed());
            let (reads, flushes) = (Arc::new(Count::default()), Arc::new(Count::default()));
            let [panics, reader, flusher] =
                [Waker::from(Arc::new(Panics)), Waker::from(reads.clone()), Waker::from(flushes.clone())];
            let mut flushed = pin!(sender.flush());
            assert!(closed.poll_unpin(&mut Context::from_waker(&panics)).is_pending());
            assert!(receiver.poll_next_unpin(&mut Context::from_waker(&reader)).is_pending());
            assert!(flushed.poll_unpin(&mut Context::from_waker(&flusher)).is_pending());
            let end = || connection.connection().end(End::Dropped);
            assert!(catch_unwind(AssertUnwindSafe(end)).is_err());
            assert_eq!((reads.get(), flushes.get()), (1, 1));
        });
    }

    #[test]
    fn an_overflow_wakes_the_reader_even_if_another_wake_panics() {
        let (page, url) = (Page::new(), "ws://example.com/flood");
        let (server, reads) = (page.server(url), Arc::new(Count::default()));
        let overflow = || {
            page.run(async {
                let options = Options::new().receive_limit_messages(0);
                let (stream, mut peer) = join!(options.connect(url), server.accept());
                let mut stream = stream.unwrap();
                let (panics, reader) = (Waker::from(Arc::new(Panics)), Waker::from(reads.clone()));
                let mut closed = stream.closed();
                assert!(closed.poll_unpin(&mut Context::from_waker(&panics)).is_pending());
                assert!(stream.poll_next_unpin(&mut Context::from_waker(&reader)).is_pending());
                peer.send("one too many");
                peer.receive().await;
            });
        };
        assert!(catch_unwind(AssertUnwindSafe(overflow)).is_err());
        assert_eq!(reads.get(), 1);
    }
}

//! Tests of the simulated page itself.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{FutureExt, StreamExt, join};

use crate::sys::Timer;
use crate::testing::{Engine, Network, Page};
use crate::{
    CloseEvent, Error, Options, ReadyState, ReconnectOptions, Reconnecting, Transport, WebSocket, WebSocketStream,
};

/// Returns whether a page with a server at one URL can connect to another.
fn is_served(listens: &str, connects: &str) -> bool {
    let page = Page::new();
    page.serve(listens, async |handshake| drop(handshake.accept()));
    page.run(async { WebSocketStream::connect(connects).await.is_ok() })
}

#[test]
fn a_server_listens_at_every_spelling_of_its_url() {
    for (listens, connects) in [
        ("/chat", "/chat"),
        ("chat", "ws://127.0.0.1/chat"),
        ("/chat", "/chat?room=1"),
        ("/rooms/", "/rooms/7?name=ada"),
        ("wss://example.com", "wss://example.com"),
        ("wss://example.com", "wss://example.com/chat"),
        ("WSS://Example.com:443/Chat", "wss://example.com/Chat"),
        ("https://example.com/chat", "https://example.com/chat"),
        ("http://localhost:8080/chat", "ws://localhost:8080/chat"),
        ("wss://example.com/räume/../caf\u{e9}", "wss://example.com/caf%C3%A9"),
        ("wss://ada:secret@example.com/chat", "wss://example.com/chat"),
        ("wss://example.com/chat?room=1", "wss://example.com/chat?room=1"),
        ("wss://example.com?room=1", "wss://example.com/?room=1"),
    ] {
        assert!(is_served(listens, connects), "{connects} at {listens}");
    }
}

#[test]
fn a_server_does_not_listen_at_other_urls() {
    for (listens, connects) in [
        ("/chat", "/Chat"),
        ("/chat", "/chat/7"),
        ("/chat/", "/chat"),
        ("/chat?room=1", "/chat"),
        ("/chat?room=1", "/chat?room=12"),
        ("/?next=/", "/chat"),
        ("wss://example.com", "ws://example.com"),
        ("wss://example.com", "wss://example.com:8443"),
        ("wss://example.com", "wss://example.com.example.net"),
    ] {
        assert!(!is_served(listens, connects), "{connects} at {listens}");
    }
}

#[test]
fn the_server_with_the_longest_matching_url_accepts() {
    let page = Page::new();
    let urls = ["wss://example.com", "wss://example.com/chat?room=1", "wss://example.com/chat"];
    for url in urls {
        page.serve(url, async move |handshake| handshake.accept().unwrap().send(url));
    }
    page.run(async {
        for (connects, url) in [("/", 0), ("/chat?room=1", 1), ("/chat", 2), ("/chat?room=2", 2), ("/chats", 0)] {
            let mut stream = WebSocketStream::connect(&format!("wss://example.com{connects}")).await.unwrap();
            assert_eq!(stream.next().await, Some(Ok(urls[url].into())), "{connects}");
        }
    });
}

#[test]
#[should_panic(expected = "`localhost:8080/chat` is not a WebSocket URL; use ws: or wss:, without a fragment")]
fn a_server_at_an_invalid_url_panics() {
    let _server = Page::new().server("localhost:8080/chat");
}

#[test]
#[should_panic(expected = "`wss://example.com/#…` is not a WebSocket URL; use ws: or wss:, without a fragment")]
fn serving_at_an_invalid_url_panics() {
    Page::new().serve("wss://example.com/#chat", async |_| {});
}

#[test]
fn messages_go_both_ways() {
    let page = Page::new();
    let server = page.server("ws://example.com/echo");
    page.run(async {
        let (stream, mut peer) = join!(WebSocketStream::connect("ws://example.com/echo"), server.accept());
        let mut stream = stream.unwrap();
        assert_eq!((stream.protocol(), stream.extensions()), (String::new(), String::new()));
        stream.send("hello").await.unwrap();
        let message = peer.receive().await.unwrap();
        peer.send(message);
        assert_eq!(stream.next().await, Some(Ok("hello".into())));
        let (closed, end) = join!(stream.close(), peer.receive());
        assert_eq!((closed, end), (Ok(CloseEvent { code: 1005, reason: String::new(), was_clean: true }), None));
        drop(stream);
        assert_eq!(page.leftovers(), Default::default());
    });
}

#[test]
fn connecting_fails_if_no_server_listens() {
    let url = "ws://example.com/nobody";
    let error = Page::new().run(async { WebSocketStream::connect(url).await }).unwrap_err();
    assert_eq!(error, Error::ConnectFailed { url: url.into(), code: 1006 });
}

#[test]
fn outside_of_a_page_there_is_no_websocket() {
    let mut connecting = std::pin::pin!(WebSocketStream::connect("ws://example.com"));
    let polled = connecting.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(matches!(polled, std::task::Poll::Ready(Err(Error::Unsupported))));
}

#[test]
fn without_a_network_nothing_opens_and_sent_messages_arrive_later() {
    let (page, url) = (Page::new(), "ws://example.com/sink");
    let server = page.server(url);
    page.run(async {
        let (stream, mut peer) = join!(WebSocketStream::connect(url), server.accept());
        page.go_offline();
        assert_eq!(
            WebSocketStream::connect(url).await.unwrap_err(),
            Error::ConnectFailed { url: url.into(), code: 1006 }
        );
        let mut stream = stream.unwrap();
        stream.send("late").await.unwrap();
        page.sleep(Duration::from_secs(10)).await;
        assert_eq!(stream.buffered_amount(), 4);
        page.come_online();
        assert_eq!(peer.receive().await, Some("late".into()));
    });
}

#[test]
fn debug_texts_of_connections_hold_no_secrets() {
    let page = Page::new();
    let server = page.server("wss://user:secret@example.com/");
    page.run(async {
        let url = "wss://user:secret@example.com/feed?token=secret";
        let (stream, _peer) = join!(WebSocketStream::connect(url), server.accept());
        let socket = WebSocket::new(url).unwrap();
        let stream = stream.unwrap();
        let whole = format!("{stream:?} {socket:?}");
        let (sender, receiver) = stream.split();
        for text in [whole, format!("{sender:?} {receiver:?}")] {
            assert!(!text.contains("secret"), "{text}");
            assert_eq!(text.matches("example.com/feed").count(), 2, "{text}");
        }
    });
}

#[test]
fn the_last_event_of_all_wakes_its_waiter() {
    let page = Page::new();
    page.run(async { page.sleep(Duration::ZERO).await });
}

#[test]
fn on_a_network_that_becomes_faster_a_connection_opens_before_it_closes() {
    let page = Page::new();
    let server = page.server("ws://example.com/");
    page.run(async {
        let (stream, _) = join!(WebSocketStream::connect("ws://example.com/"), async {
            let mut peer = server.accept().await;
            peer.set_network(Network { delay: Duration::ZERO, ..Network::default() });
            peer.close();
        });
        assert_eq!(stream.unwrap().next().await, None);
    });
}

#[test]
fn bytes_that_never_left_the_page_count_as_unsent() {
    let page = Page::new();
    let server = page.server("ws://example.com/");
    page.run(async {
        let (stream, mut peer) = join!(WebSocketStream::connect("ws://example.com/"), server.accept());
        let stream = stream.unwrap();
        peer.set_stalled(true);
        peer.set_network(Network { window: 1000, ..Network::default() });
        stream.try_send(vec![0; 1500]).unwrap();
        assert_eq!(page.unsent(), 1500);
        page.sleep(Duration::from_secs(1)).await;
        assert_eq!(page.unsent(), 500);
        peer.reset();
        let _ = stream.closed().await;
        assert_eq!(page.unsent(), 500);
    });
}

#[test]
#[should_panic(expected = "the future waits for ever: only timers go on")]
fn a_future_that_nothing_wakes_is_reported_even_if_timers_go_on() {
    let page = Page::new();
    page.run(async {
        let again = page.clone();
        page.spawn(async move {
            loop {
                again.sleep(Duration::from_secs(1)).await;
            }
        });
        std::future::pending::<()>().await;
    });
}

#[test]
#[should_panic(expected = "`Page::time_limit` sets another limit")]
fn a_future_that_is_woken_for_ever_is_reported() {
    let page = Page::new().time_limit(Duration::from_secs(24 * 3600));
    // No server listens, so each attempt fails and wakes the future.
    page.run(async {
        let feed = Reconnecting::new(ReconnectOptions::new(), async || Ok("wss://example.com/feed"));
        feed.closed().await
    })
    .unwrap();
}

#[test]
fn a_flood_is_no_page_that_hangs() {
    const FLOOD: usize = 150_000;
    let page = Page::new();
    page.serve("/flood", async |handshake| {
        let Some(mut peer) = handshake.accept() else { return };
        (0..FLOOD).for_each(|_| peer.send("twelve bytes"));
        peer.close();
    });
    let messages = page.run(async { WebSocketStream::connect("/flood").await.unwrap().count().await });
    assert_eq!(messages, FLOOD);
}

#[test]
fn a_time_limit_is_for_one_run() {
    let page = Page::new().time_limit(Duration::from_secs(3600));
    for _ in 0..3 {
        page.run(page.sleep(Duration::from_secs(3000)));
    }
}

#[test]
fn a_peer_that_closes_and_does_not_read_ends_the_connection() {
    for leaves in [false, true] {
        let page = Page::new();
        let server = page.server("ws://example.com/");
        page.run(async {
            let (stream, mut peer) = join!(WebSocketStream::connect("ws://example.com/"), server.accept());
            let stream = stream.unwrap();
            peer.set_stalled(true);
            stream.try_send(vec![0; 200_000]).unwrap();
            page.sleep(Duration::from_secs(1)).await;
            peer.close_with(1013, "overloaded");
            let (before, peer) = (page.elapsed(), Some(peer).filter(|_| !leaves));
            let event = stream.closed().await.unwrap();
            assert_eq!((event.code, event.was_clean), (1013, true));
            assert!(page.elapsed() - before < Duration::from_secs(3), "Chromium waits for 2 s");
            drop((stream, peer));
            page.sleep(Duration::from_secs(3)).await;
            assert_eq!(page.leftovers(), Default::default());
        });
    }
}

#[test]
fn a_page_that_is_resumed_may_have_lost_its_connections() {
    let page = Page::new();
    let server = page.server("ws://example.com/");
    page.run(async {
        let (stream, mut peer) = join!(WebSocketStream::connect("ws://example.com/"), server.accept());
        let mut stream = stream.unwrap();
        page.freeze();
        peer.send("one");
        peer.send("two");
        page.sleep(Duration::from_secs(60)).await;
        assert!(!peer.is_ended());
        page.resume_without_connections();
        assert_eq!(stream.next().await, Some(Ok("one".into())));
        let lost = CloseEvent { code: 1006, reason: String::new(), was_clean: false };
        assert_eq!(stream.closed().await, Ok(lost));
        assert!(!matches!(stream.next().await, Some(Ok(_))));
        assert_eq!((peer.receive().await, peer.closed_with()), (None, Some((1001, ""))));
    });
}

#[test]
fn timers_of_a_hidden_page_are_as_late_as_in_the_engine() {
    for (engine, late_by) in [(Engine::Chromium, 550), (Engine::Firefox, 950)] {
        let page = Page::new().engine(engine);
        page.run(async {
            page.sleep(Duration::from_millis(400)).await;
            page.hide();
            let begin = page.elapsed();
            Timer::new(Duration::from_millis(50)).await;
            let late = page.elapsed() - begin - Duration::from_millis(50);
            assert_eq!(late.as_millis(), late_by, "{engine:?}");
        });
    }
}

#[test]
fn a_timeout_is_a_timer_of_the_page() {
    let page = Page::new();
    page.run(async {
        let mut timeout = pin!(page.timeout(Duration::from_secs(5)));
        assert_eq!(timeout.as_mut().now_or_never(), None);
        assert_eq!(page.leftovers().timers, 1);
        page.hold_timers(true);
        page.sleep(Duration::from_secs(60)).await;
        assert_eq!(timeout.as_mut().now_or_never(), None);
        page.hold_timers(false);
        timeout.await;
        assert_eq!((page.elapsed().as_secs(), page.leftovers().timers), (60, 0));
    });
}

#[test]
fn timers_of_a_page_that_is_hidden_for_long_are_at_most_a_second_late() {
    for engine in [Engine::Chromium, Engine::Firefox] {
        let page = Page::new().engine(engine);
        page.run(async {
            page.hide();
            // Each timer is set after the last one has fired, but from another task, so browsers do not count it as chained.
            while page.elapsed() < Duration::from_secs(600) {
                let begin = page.elapsed();
                Timer::new(Duration::from_millis(50)).await;
                let took = page.elapsed() - begin;
                assert!(took < Duration::from_millis(1001), "{engine:?}: {took:?}");
            }
        });
    }
}

#[test]
fn browsers_give_up_a_server_that_never_answers() {
    for (engine, seconds) in [(Engine::Chromium, 240), (Engine::Firefox, 20)] {
        let page = Page::new().engine(engine);
        let server = page.server("ws://example.com/");
        page.run(async {
            let socket = WebSocket::new("ws://example.com/").unwrap();
            let (closed, is_closed) = futures_channel::oneshot::channel();
            socket.on_close(|event| closed.send(event.code).unwrap()).forget();
            let _unanswered = server.handshake().await;
            assert_eq!((is_closed.await, page.elapsed().as_secs()), (Ok(1006), seconds), "{engine:?}");
        });
    }
}

#[test]
fn peers_continue_while_the_page_is_busy() {
    let page = Page::new();
    page.serve("ws://example.com/", async |handshake| {
        let Some(mut peer) = handshake.accept() else { return };
        while let Some(message) = peer.receive().await {
            peer.send(message);
        }
    });
    page.run(async {
        let mut stream = WebSocketStream::connect("ws://example.com/").await.unwrap();
        stream.try_send("one").unwrap();
        let begin = page.elapsed();
        page.block(Duration::from_secs(1));
        // `bufferedAmount` does not fall within a task, even if bytes have left.
        assert_eq!(stream.buffered_amount(), 3);
        assert_eq!(stream.next().await, Some(Ok("one".into())));
        assert!(page.elapsed() - begin < Duration::from_millis(1001));
        assert_eq!(stream.buffered_amount(), 0);
    });
}

#[test]
fn a_socket_that_was_closed_before_it_opened_has_failed_even_if_a_close_frame_has_arrived() {
    let page = Page::new();
    page.serve("ws://example.com/", async |handshake| handshake.accept().into_iter().for_each(|mut peer| peer.close()));
    page.run(async {
        let socket = WebSocket::new("ws://example.com/").unwrap();
        let ended = Rc::new(RefCell::new(None));
        let told = Rc::clone(&ended);
        socket.on_close(move |event| drop(told.replace(Some(event)))).forget();
        page.freeze();
        page.sleep(Duration::from_secs(1)).await;
        socket.close();
        page.resume();
        page.sleep(Duration::from_secs(1)).await;
        let lost = CloseEvent { code: 1006, reason: String::new(), was_clean: false };
        assert_eq!(ended.take(), Some(lost));
    });
}

#[test]
fn time_passes_at_once_without_a_network_while_bytes_of_a_peer_that_has_left_wait() {
    let page = Page::new();
    let server = page.server("ws://example.com/");
    page.run(async {
        let (stream, mut peer) = join!(WebSocketStream::connect("ws://example.com/"), server.accept());
        let mut stream = stream.unwrap();
        page.go_offline();
        stream.send("lost").await.unwrap();
        peer.send("late");
        drop(peer);
        page.sleep(Duration::from_secs(30 * 24 * 3600)).await;
        assert_eq!(stream.ready_state(), ReadyState::Open);
        page.come_online();
        assert_eq!(stream.next().await, Some(Ok("late".into())));
        let lost = CloseEvent { code: 1006, reason: String::new(), was_clean: false };
        assert_eq!(stream.closed().await, Ok(lost));
    });
}

#[test]
fn time_passes_at_once_while_a_page_does_not_read_what_a_peer_has_left() {
    let page = Page::new();
    let server = page.server("ws://example.com/");
    page.run(async {
        let options = Options::new().transport(Transport::Streams).read_ahead(1000);
        let (stream, mut peer) = join!(options.connect("ws://example.com/"), server.accept());
        let mut stream = stream.unwrap();
        (0..10).for_each(|_| peer.send(vec![0; 100_000]));
        drop(peer);
        page.sleep(Duration::from_secs(24 * 3600)).await;
        for _ in 0..10 {
            assert!(matches!(stream.next().await, Some(Ok(_))));
        }
        assert!(matches!(stream.next().await, Some(Err(Error::Unclean(_)))));
    });
}

#[test]
#[should_panic(expected = "nothing will ever happen")]
fn nothing_happens_after_a_peer_has_left_and_the_page_has_given_it_up() {
    let page = Page::new();
    let server = page.server("ws://example.com/");
    page.run(async {
        let (stream, mut peer) = join!(WebSocketStream::connect("ws://example.com/"), server.accept());
        let mut stream = stream.unwrap();
        page.go_offline();
        peer.send("never");
        drop(peer);
        assert!(matches!(stream.close().await, Err(Error::CloseTimeout(_))));
        page.sleep(Duration::from_secs(60)).await; // now the browser has given it up, too
        page.come_online();
        std::future::pending::<()>().await;
    });
}

#[test]
fn the_answer_to_a_close_frame_is_lost_on_a_half_open_connection() {
    let page = Page::new();
    let server = page.server("ws://example.com/");
    page.run(async {
        let (stream, mut peer) = join!(WebSocketStream::connect("ws://example.com/"), server.accept());
        let mut stream = stream.unwrap();
        let (closed, ()) = join!(stream.close(), async {
            assert_eq!(peer.receive().await, None);
            page.sleep(Duration::from_millis(2)).await; // the answer has left, and does not arrive for 3 more
            peer.vanish();
        });
        assert!(matches!(closed, Err(Error::CloseTimeout(_))), "{closed:?}");
    });
}

#[test]
fn a_peer_that_has_stopped_waiting_for_a_message_does_not_read() {
    let page = Page::new();
    let server = page.server("ws://example.com/");
    page.run(async {
        let (stream, mut peer) = join!(WebSocketStream::connect("ws://example.com/"), server.accept());
        let mut stream = stream.unwrap();
        {
            let timer = page.sleep(Duration::from_secs(1));
            assert!(matches!(select(pin!(peer.receive()), timer).await, Either::Right(_)));
        }
        stream.try_send(vec![0; 1_000_000]).unwrap();
        page.sleep(Duration::from_secs(10)).await;
        assert_eq!(page.unsent(), 1_000_000 - Network::default().window);
        let (flushed, received) = join!(stream.flush(), peer.receive());
        assert_eq!((flushed, received), (Ok(()), Some(vec![0; 1_000_000].into())));
    });
}

#[test]
fn a_peer_is_woken_by_what_happens_while_it_blocks_the_page() {
    let page = Page::new();
    let blocking = page.clone();
    page.serve("ws://example.com/", async move |handshake| {
        let mut peer = handshake.accept().unwrap();
        {
            let timer = blocking.sleep(Duration::from_secs(5));
            assert!(matches!(select(pin!(peer.receive()), timer).await, Either::Left(_)));
        }
        blocking.block(Duration::from_secs(10)); // meanwhile, the timer wakes this task
        while let Some(message) = peer.receive().await {
            peer.send(message);
        }
    });
    page.run(async {
        let mut stream = WebSocketStream::connect("ws://example.com/").await.unwrap();
        stream.try_send("one").unwrap();
        page.sleep(Duration::from_secs(20)).await;
        stream.try_send("two").unwrap();
        assert_eq!(stream.next().await, Some(Ok("two".into())));
    });
}

#[test]
fn throw_on_send_can_be_called_by_its_own_closure() {
    let page = Page::new();
    let server = page.server("ws://example.com/");
    let again = page.clone();
    page.throw_on_send(move |_| {
        again.throw_on_send(|_| false);
        true
    });
    page.run(async {
        let (stream, mut peer) = join!(WebSocketStream::connect("ws://example.com/"), server.accept());
        let stream = stream.unwrap();
        assert!(matches!(stream.try_send("one").unwrap_err().error, Error::Thrown { .. }));
        stream.try_send("two").unwrap();
        assert_eq!(peer.receive().await, Some("two".into()));
    });
}

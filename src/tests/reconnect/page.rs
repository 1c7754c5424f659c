//! Connections that come back, in a simulated page.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{join, select};
use futures_util::stream::FusedStream;
use futures_util::{FutureExt, SinkExt, StreamExt, stream};

use super::{ms, seconds};
#[cfg(feature = "streams")]
use crate::Transport;
use crate::codec::Json;
use crate::reconnect::ReconnectingSender;
use crate::reconnect::driver::Driver;
use crate::reconnect::event::Command;
use crate::reconnect::shared::Shared;
use crate::reconnect::waiting::{Patience, Turn};
use crate::testing::{Engine, Network, Page, Peer, Server};
use crate::tests::in_pages;
use crate::{
    AfterClose, AttemptError, Backoff, Blob, Cause, CloseEvent, Counts, Error, Heartbeat, Message, Options, Overflow,
    ReadyState, ReconnectOptions, Reconnecting, State, States, Target, WhenFull, WhenLost,
};

const URL: &str = "wss://example.com/feed";

fn page() -> (Page, Server) {
    let page = Page::new();
    let server = page.server(URL);
    (page, server)
}

fn connect(options: ReconnectOptions) -> Reconnecting {
    Reconnecting::new(options, async || Ok(URL))
}

/// Connects, and waits until the connection is open.
async fn open(options: ReconnectOptions, server: &Server) -> (Reconnecting, Peer) {
    let feed = connect(options);
    let peer = server.accept().await;
    until(&mut feed.states(), |state| *state == State::Open).await;
    (feed, peer)
}

/// Waits for a state. Returns all states before it, and the state.
async fn until(states: &mut States, is_it: impl Fn(&State) -> bool) -> Vec<State> {
    let mut seen = Vec::new();
    loop {
        let Some(state) = states.next().await else { panic!("it has ended: {seen:?}") };
        seen.push(state);
        if seen.last().is_some_and(&is_it) {
            return seen;
        }
    }
}

async fn waiting(states: &mut States) {
    until(states, |state| matches!(state, State::Waiting { .. })).await;
}

fn event(code: u16, was_clean: bool) -> CloseEvent {
    CloseEvent { code, reason: String::new(), was_clean }
}

fn heartbeat() -> Heartbeat {
    Heartbeat::new("ping", |message| message.as_text() == Some("pong"))
}

/// Receives until the connection ends, and answers pings. Returns the messages without the pings.
async fn serve(peer: &mut Peer) -> Vec<String> {
    let mut received = Vec::new();
    while let Some(message) = peer.receive().await {
        match message.as_text().unwrap_or("?") {
            "ping" => peer.send("pong"),
            text => received.push(text.to_owned()),
        }
    }
    received
}

#[test]
fn received_messages_of_a_lost_connection_are_yielded() {
    let (page, server) = page();
    page.run(async {
        let (mut feed, mut peer) = open(ReconnectOptions::new(), &server).await;
        feed.send("in doubt").await.unwrap();
        (0..300).for_each(|number| peer.send(number.to_string()));
        page.sleep(seconds(1)).await;
        peer.reset();
        let mut peer = server.accept().await;
        peer.send("next");
        let mut received = Vec::new();
        while received.last() != Some(&"next".into()) {
            received.push(feed.next().await.unwrap().unwrap());
        }
        let numbers = (0..300).map(|number| Message::from(number.to_string()));
        assert_eq!(received[..300], numbers.collect::<Vec<_>>());
        assert_eq!((received.len(), feed.counts().in_doubt), (301, 1));
    });
}

#[test]
fn messages_that_arrive_during_a_preamble_are_yielded() {
    let (page, server) = page();
    let world = page.clone();
    let options = ReconnectOptions::new().on_open(async move |_, _| {
        world.sleep(seconds(1)).await;
        Ok(())
    });
    page.run(async {
        let feed = connect(options);
        let mut peer = server.accept().await;
        (0..300).for_each(|number| peer.send(number.to_string()));
        let received: Vec<_> = feed.take(300).map(Result::unwrap).collect().await;
        assert_eq!(received, (0..300).map(|number| Message::from(number.to_string())).collect::<Vec<_>>());
    });
}

// The driver also waits for the end, in the line of the connection, where each place has an id.
#[test]
fn a_preamble_may_leave_a_wait_for_the_end_of_any_connection() {
    let (page, server) = page();
    let waits = Rc::new(RefCell::new(Vec::new()));
    let left = Rc::clone(&waits);
    let options = ReconnectOptions::new().heartbeat(heartbeat()).on_open(async move |stream, attempt| {
        if *attempt.cause() != Cause::Requested {
            let mut closed = stream.closed();
            assert!((&mut closed).now_or_never().is_none());
            left.borrow_mut().push(closed);
        }
        Ok(())
    });
    page.run(async {
        let (feed, _silent) = open(options, &server).await;
        let peer = server.accept().await;
        let mut states = feed.states();
        until(&mut states, |state| *state == State::Open).await;
        let closed = waits.borrow_mut().pop().unwrap();
        let (ended, begin) = (join(closed, waiting(&mut states)), page.elapsed());
        peer.reset();
        assert_eq!(ended.await.0, Ok(event(1006, false)));
        assert!(page.elapsed() - begin < seconds(1), "only a timer has told");
    });
}

// The peer's Close frame has arrived, but its event was not yet dispatched.
#[test]
fn a_close_that_crosses_the_peers_own_confirms_nothing() {
    let (page, server) = page();
    page.run(async {
        let (feed, mut peer) = open(ReconnectOptions::new(), &server).await;
        page.freeze();
        peer.close();
        page.sleep(ms(100)).await;
        feed.send("lost").await.unwrap();
        let closed = feed.close();
        page.resume();
        assert_eq!(closed.await, Ok(Some(event(1005, true))));
        assert_eq!(serve(&mut peer).await, [""; 0]);
        assert_eq!(feed.counts(), Counts { in_doubt: 1, ..Counts::default() });
    });
}

#[test]
fn closing_as_a_sink_waits_for_a_connection_and_sends_queued_messages() {
    let (page, server) = page();
    page.run(async {
        let feed = connect(ReconnectOptions::new());
        let lines = stream::iter(["one", "two"]).map(|line| Ok(Message::from(line)));
        let serve = async {
            server.handshake().await.refuse();
            serve(&mut server.accept().await).await
        };
        let (forwarded, received) = join(lines.forward(feed.sender()), serve).await;
        assert_eq!((forwarded, received), (Ok(()), vec!["one".into(), "two".into()]));
    });
}

#[test]
fn closing_as_a_sink_fails_if_a_queued_message_is_lost() {
    let (page, _server) = page();
    page.run(async {
        let feed = connect(ReconnectOptions::new());
        feed.send("lost").await.unwrap();
        let mut sender = feed.sender();
        let mut closing = Box::pin(SinkExt::<Message>::close(&mut sender));
        assert_eq!(closing.as_mut().now_or_never(), None);
        feed.close().await.unwrap();
        assert_eq!(closing.await, Err(Error::NotOpen(ReadyState::Closed)));
        assert_eq!(feed.counts().queued, 1);
    });
}

#[test]
fn closing_as_a_sink_succeeds_without_a_connection_if_nothing_is_queued() {
    let (page, _server) = page();
    page.run(async {
        let mut feed = connect(ReconnectOptions::new());
        assert_eq!(SinkExt::<Message>::close(&mut feed).await, Ok(()));
        assert_eq!(SinkExt::<Message>::flush(&mut feed).await, Ok(()));
    });
}

// The timeout for the peer's answer begins when no byte is unsent. In Firefox, all bytes of a message count until the last has left.
#[test]
fn a_close_behind_a_slow_upload_is_awaited() {
    for engine in [Engine::Chromium, Engine::Firefox] {
        let page = Page::new().engine(engine);
        let server = page.server(URL);
        page.set_network(Network { bandwidth: 150_000, ..Network::default() });
        page.run(async {
            let (feed, mut peer) = open(ReconnectOptions::new(), &server).await;
            feed.send(vec![0; 2_000_000]).await.unwrap();
            let received = async { (peer.receive().await.map(|message| message.len()), peer.receive().await) };
            let expected = (Ok(Some(event(4000, true))), (Some(2_000_000), None));
            assert_eq!(join(feed.close_with(4000, ""), received).await, expected);
        });
    }
}

#[test]
fn a_close_behind_queued_messages_is_awaited() {
    let (page, server) = page();
    page.set_network(Network { bandwidth: 20_000, ..Network::default() });
    let options = ReconnectOptions::new().connection(Options::new().high_water_mark(10_000));
    page.run(async {
        let feed = connect(options);
        (0..50).for_each(|_| assert!(feed.try_send(vec![0; 10_000]).is_ok()));
        let mut peer = server.accept().await;
        until(&mut feed.states(), |state| *state == State::Open).await;
        assert!(feed.counts().queued > 40, "{:?}", feed.counts());
        let (closed, received) = join(feed.close(), serve(&mut peer)).await;
        assert_eq!((closed, received.len()), (Ok(Some(event(1005, true))), 50));
    });
}

#[test]
fn messages_are_queued_while_the_peer_closes() {
    let page = Page::new().engine(Engine::Firefox);
    let server = page.server(URL);
    page.run(async {
        let (feed, mut peer) = open(ReconnectOptions::new(), &server).await;
        peer.set_stalled(true);
        feed.send(vec![0; 4 << 20]).await.unwrap();
        peer.close_with(1001, "");
        page.sleep(ms(100)).await;
        assert_eq!(feed.try_send("queued"), Ok(2));
        assert_eq!(feed.counts().queued, 1);
        assert_eq!(feed.send("queued, too").now_or_never(), Some(Ok(3)));
    });
}

#[test]
fn senders_are_served_in_the_order_in_which_they_began_to_wait() {
    for is_connected in [true, false] {
        let (page, server) = page();
        page.set_network(Network { bandwidth: 1_000_000, ..Network::default() });
        page.run(async {
            let feed = connect(ReconnectOptions::new().queue_limit_messages(2).when_full(WhenFull::Wait));
            let connected = if is_connected { Some(server.accept().await) } else { None };
            if is_connected {
                until(&mut feed.states(), |state| *state == State::Open).await;
            }
            let send = |number| (number, Box::pin(feed.send(vec![number; 500_000])));
            let mut sending: Vec<_> = (0..20).map(send).collect();
            // A few messages are accepted at once, and the other senders wait. One of these gives up, and another one comes.
            sending.retain_mut(|(number, sending)| sending.now_or_never().is_none() && *number != 7);
            sending.push(send(20));
            let sending = sending.into_iter().rev().map(|(_, sending)| sending);
            let receiving = async {
                let mut peer = match connected {
                    Some(peer) => peer,
                    None => server.accept().await,
                };
                for number in (0..21).filter(|number| *number != 7) {
                    let Some(Message::Binary(bytes)) = peer.receive().await else { panic!() };
                    assert_eq!(bytes[0], number);
                }
            };
            join(futures_util::future::join_all(sending), receiving).await;
        });
    }
}

#[test]
fn a_sender_that_does_not_wait_goes_behind_those_that_do() {
    let (page, server) = page();
    page.set_network(Network { bandwidth: 1_000_000, ..Network::default() });
    page.run(async {
        let (feed, mut peer) = open(ReconnectOptions::new(), &server).await;
        let refused = Rc::new(Cell::new(0));
        let (counted, impatient, world) = (refused.clone(), feed.sender(), page.clone());
        // The task tries each millisecond.
        page.spawn(async move {
            loop {
                if let Err(unsent) = impatient.try_send(vec![1; 100_000]) {
                    assert_eq!(unsent.error, Error::Full);
                    counted.set(counted.get() + 1);
                }
                world.sleep(ms(1)).await;
            }
        });
        page.spawn(async move { while peer.receive().await.is_some() {} });
        let mut sent = 0;
        let mut end = Box::pin(page.sleep(seconds(15)));
        while end.as_mut().now_or_never().is_none() {
            feed.send(vec![0; 100_000]).await.unwrap();
            sent += 1;
        }
        assert!(sent > 10 && refused.get() > 1000, "{sent} sent, {} refused", refused.get());
    });
}

#[test]
fn a_connection_that_is_replaced_without_a_timeout_gets_no_message_again() {
    let (page, server) = page();
    page.run(async {
        let options = ReconnectOptions::new()
            .connection(Options::new().close_timeout(Duration::ZERO))
            .heartbeat(heartbeat())
            .when_lost(WhenLost::Resend);
        let (feed, mut peer) = open(options, &server).await;
        peer.vanish();
        feed.send("a").await.unwrap();
        feed.reconnect_now();
        let mut peer = server.accept().await;
        assert_eq!(peer.receive().await, Some("a".into()));
        assert_eq!(feed.counts(), Counts { unconfirmed: 1, ..Counts::default() });
    });
}

#[test]
fn a_dropped_sender_gives_up_its_place() {
    let (page, server) = page();
    page.run(async {
        let (feed, mut peer) = open(ReconnectOptions::new(), &server).await;
        peer.set_stalled(true);
        feed.send(vec![0; 4 << 20]).await.unwrap();
        let mut one = Box::pin(feed.send("one"));
        assert!(one.as_mut().now_or_never().is_none());
        let sender = feed.sender();
        page.spawn(async move { drop(sender.send("two").await) });
        page.sleep(seconds(1)).await;
        drop(one);
        peer.set_stalled(false);
        assert!(matches!(peer.receive().await, Some(Message::Binary(_))));
        assert_eq!(peer.receive().await, Some("two".into()));
    });
}

#[test]
fn a_sink_that_is_no_longer_polled_does_not_block_others() {
    for is_connected in [true, false] {
        let (page, server) = page();
        page.run(async {
            let feed = connect(ReconnectOptions::new().queue_limit_messages(1).when_full(WhenFull::Wait));
            let connected = if is_connected { Some(server.accept().await) } else { None };
            if is_connected {
                until(&mut feed.states(), |state| *state == State::Open).await;
                feed.send(vec![0; 4 << 20]).await.unwrap();
            } else {
                feed.send("first").await.unwrap();
            }
            // A sink that is no longer used, and a future that is not polled.
            let mut sink = feed.sender();
            assert!(SinkExt::<Message>::feed(&mut sink, "lost".into()).now_or_never().is_none());
            let mut sleepy = Box::pin(feed.send("sleepy"));
            assert!(sleepy.as_mut().now_or_never().is_none());
            let sender = feed.sender();
            page.spawn(async move {
                for text in ["one", "two"] {
                    sender.send(text).await.unwrap();
                }
            });
            let mut peer = match connected {
                Some(peer) => peer,
                None => server.accept().await,
            };
            assert!(peer.receive().await.is_some());
            for expected in ["one", "two"] {
                assert_eq!(peer.receive().await, Some(expected.into()));
            }
            // It has missed its turn, but can send without another. New senders do not wait for tasks that may never be polled.
            feed.try_send("three").unwrap();
            sleepy.await.unwrap();
            for expected in ["three", "sleepy"] {
                assert_eq!(peer.receive().await, Some(expected.into()));
            }
        });
    }
}

#[test]
fn a_message_has_room_once_those_before_it_are_taken_back() {
    let (page, server) = page();
    page.set_network(Network { bandwidth: 100_000, ..Network::default() });
    page.run(async {
        let feed = connect(ReconnectOptions::new().queue_limit(4 << 20));
        for _ in 0..3 {
            feed.try_send(vec![0; 600 << 10]).unwrap();
        }
        let mut peer = server.accept().await;
        page.spawn(async move { drop(serve(&mut peer).await) });
        until(&mut feed.states(), |state| *state == State::Open).await;
        assert_eq!((feed.counts().unconfirmed, feed.counts().queued), (2, 1));
        has_room(&page).await;
        assert_eq!(feed.take_queued().len(), 1);
        feed.try_send("x").unwrap();
    });
}

#[test]
fn a_message_has_room_once_the_sender_before_it_is_dropped() {
    let (page, server) = page();
    page.set_network(Network { bandwidth: 100_000, ..Network::default() });
    page.run(async {
        let (feed, mut peer) = open(ReconnectOptions::new(), &server).await;
        page.spawn(async move { drop(serve(&mut peer).await) });
        feed.send(vec![0; 1200 << 10]).await.unwrap();
        let mut waiting = Box::pin(feed.send("gives up"));
        assert!(waiting.as_mut().now_or_never().is_none());
        has_room(&page).await;
        drop(waiting);
        feed.try_send("x").unwrap();
    });
}

/// Resolves when there is room, before the page has noticed.
async fn has_room(page: &Page) {
    page.hold_timers(true);
    while page.unsent() > 800_000 {
        page.sleep(ms(100)).await;
    }
}

#[test]
fn messages_in_doubt_are_sent_again_before_queued_ones() {
    let (page, server) = page();
    page.run(async {
        let (feed, peer) = open(ReconnectOptions::new().when_lost(WhenLost::Resend), &server).await;
        assert_eq!(feed.send("x = 1").await, Ok(1));
        peer.reset();
        waiting(&mut feed.states()).await;
        assert_eq!(feed.send("x = 2").await, Ok(2));
        let mut peer = server.accept().await;
        for expected in ["x = 1", "x = 2"] {
            assert_eq!(peer.receive().await, Some(expected.into()));
        }
        assert_eq!(feed.counts(), Counts { unconfirmed: 2, ..Counts::default() });
    });
}

#[test]
fn the_preamble_may_send_messages_in_doubt_before_queued_ones() {
    let (page, server) = page();
    let attempts = Rc::new(RefCell::new(Vec::new()));
    let seen = attempts.clone();
    let options = ReconnectOptions::new().on_open(async move |stream, attempt| {
        seen.borrow_mut().push((attempt.number(), attempt.cause().clone(), attempt.in_doubt()));
        for (number, message) in attempt.take_in_doubt().messages {
            stream.send(format!("{number}: {}", message.as_text().unwrap_or_default())).await?;
        }
        Ok(())
    });
    page.run(async {
        let (feed, peer) = open(options, &server).await;
        feed.send("x = 1").await.unwrap();
        page.sleep(ms(100)).await;
        peer.reset();
        waiting(&mut feed.states()).await;
        feed.send("x = 2").await.unwrap();
        let mut peer = server.accept().await;
        for expected in ["1: x = 1", "x = 2"] {
            assert_eq!(peer.receive().await, Some(expected.into()));
        }
        let seen = attempts.borrow();
        let first = &seen[0];
        assert_eq!((first.0, &first.1, first.2.count), (1, &Cause::Requested, 0));
        let second = &seen[1];
        assert_eq!((second.0, &second.1), (2, &Cause::Closed(event(1006, false))));
        assert_eq!(second.2.messages, [(1, "x = 1".into())]);
        assert_eq!(feed.take_in_doubt().count, 0);
    });
}

// The server counts what it has received, and the connection breaks at every byte.
#[test]
fn a_server_that_counts_receives_each_message_exactly_once() {
    for seed in 0..100 {
        let page = Page::with_seed(seed);
        page.set_network(Network { bandwidth: 20_000, ..Network::default() });
        let server = page.server(URL);
        let options = ReconnectOptions::new()
            .backoff(Backoff::new().floor(ms(1)).cap(ms(20)))
            .when_lost(WhenLost::Resend)
            .on_open(async |stream, attempt| {
                stream.send("count").await?;
                let count = stream.next().await.ok_or("there was no answer")??;
                attempt.confirm(count.as_text().unwrap_or_default().parse()?);
                Ok(())
            });
        let received = Rc::new(RefCell::new(Vec::new()));
        let counted = received.clone();
        let world = page.clone();
        page.spawn(async move {
            for life in 0.. {
                let mut peer = server.accept().await;
                let mut end = Box::pin(world.sleep(if life < 10 { ms(3 * seed % 130) } else { Duration::MAX })).fuse();
                loop {
                    futures_util::select_biased! {
                        message = peer.receive().fuse() => match message.as_ref().map(|message| message.as_text()) {
                            Some(Some("count")) => peer.send(counted.borrow().len().to_string()),
                            Some(Some(text)) => counted.borrow_mut().push(text.to_owned()),
                            _ => break,
                        },
                        () = end => break,
                    }
                }
            }
        });
        page.run(async {
            let feed = connect(options);
            for number in 0..50 {
                feed.send(format!("message {number}")).await.unwrap();
                page.sleep(ms(7)).await;
            }
            feed.flush().await.unwrap();
            page.sleep(seconds(1)).await;
        });
        let expected: Vec<_> = (0..50).map(|number| format!("message {number}")).collect();
        assert_eq!(*received.borrow(), expected, "seed {seed}");
    }
}

#[test]
fn a_close_during_a_preamble_that_hangs_is_seen_at_once() {
    let (page, server) = page();
    page.run(async {
        let mut feed = connect(ReconnectOptions::new().on_open(async |_, _| pending().await));
        let mut peer = server.accept().await;
        peer.close_with(1008, "");
        assert_eq!(join(feed.next(), serve(&mut peer)).await.0, None);
        assert_eq!(feed.closed().await, Ok(Some(event(1008, true))));
        assert!(page.elapsed() < seconds(1), "{:?}", page.elapsed());
    });
}

#[test]
fn after_close_decides_about_a_close_during_the_preamble() {
    let (page, server) = page();
    let options = ReconnectOptions::new()
        .on_open(async |_, _| pending().await)
        .after_close(|_| AfterClose::RetryAfter(seconds(60)));
    page.run(async {
        let feed = connect(options);
        server.accept().await.close_with(1008, "");
        let seen = until(&mut feed.states(), |state| matches!(state, State::Waiting { .. })).await;
        assert!(matches!(seen.last(), Some(State::Waiting { delay, .. }) if *delay >= seconds(60)), "{seen:?}");
    });
}

// A server refuses by closing. The preamble knows why.
#[test]
fn an_error_of_the_preamble_that_says_what_follows_is_obeyed_though_the_peer_has_closed() {
    let refused = || AttemptError::last("refused");
    for error in [refused(), AttemptError::retry_after(seconds(60), "busy"), AttemptError::from("no answer")] {
        let (page, server) = page();
        let returned = error.clone();
        let options = ReconnectOptions::new().on_open(async move |stream, _| match stream.next().await {
            None => Err(returned.clone()),
            _ => Ok(()),
        });
        page.run(async {
            let feed = connect(options);
            let mut peer = server.accept().await;
            peer.close_with(4001, "");
            page.spawn(async move { drop(serve(&mut peer).await) });
            let is_over = |state: &State| matches!(state, State::Waiting { .. } | State::Closed { .. });
            let seen = until(&mut feed.states(), is_over).await;
            match seen.last() {
                Some(State::Closed { cause }) if error == refused() => {
                    assert_eq!(*cause, Cause::Failed(Error::Attempt("refused".into())));
                }
                Some(State::Waiting { delay, cause: Cause::Failed(_) }) => assert!(*delay >= seconds(60), "{delay:?}"),
                Some(State::Waiting { cause, .. }) => {
                    assert_eq!((cause, error), (&Cause::Closed(event(4001, true)), AttemptError::from("no answer")));
                }
                state => panic!("{state:?}"),
            }
        });
    }
}

#[test]
fn a_provider_and_a_preamble_can_delay_the_next_attempt() {
    let (page, server) = page();
    page.run(async {
        let calls = Cell::new(0);
        let limit = || AttemptError::retry_after(seconds(60), "too many requests");
        let options = ReconnectOptions::new().on_open(async move |_, _| Err(limit()));
        let _feed = Reconnecting::new(options, async move || {
            calls.set(calls.get() + 1);
            if calls.get() == 1 { Err(limit()) } else { Ok(URL) }
        });
        let _first = server.accept().await;
        let at = page.elapsed();
        assert!((seconds(60)..seconds(62)).contains(&at), "{at:?}");
        let _second = server.accept().await;
        let between = page.elapsed() - at;
        assert!((seconds(60)..seconds(63)).contains(&between), "{between:?}");
    });
}

#[test]
fn attempts_that_fail_at_once_do_not_freeze_the_page() {
    let page = Page::new();
    let attempts = Rc::new(Cell::new(0));
    let counted = attempts.clone();
    page.run(async {
        let options = ReconnectOptions::new().backoff(Backoff::new().base(ms(0)).floor(ms(0)));
        let _feed = Reconnecting::new(options, async move || {
            attempts.set(attempts.get() + 1);
            Err::<&str, _>("no".into())
        });
        page.sleep(ms(10)).await;
    });
    assert!((10..=page.turns() + 1).contains(&counted.get()), "{} in {} turns", counted.get(), page.turns());
}

#[test]
fn a_provider_that_asks_for_another_attempt_does_not_freeze_the_page() {
    let page = Page::new();
    let attempts = Rc::new(Cell::new(0));
    let counted = attempts.clone();
    page.run(async {
        let feed = Rc::new(RefCell::new(None::<Reconnecting>));
        let own = Rc::downgrade(&feed);
        feed.replace(Some(Reconnecting::new(ReconnectOptions::new(), move || {
            attempts.set(attempts.get() + 1);
            let sender = own.upgrade().and_then(|feed| Some(feed.borrow().as_ref()?.sender()));
            sender.into_iter().for_each(|sender| sender.reconnect_now());
            pending::<Result<&str, _>>()
        })));
        page.sleep(ms(10)).await;
    });
    assert!((10..=page.turns() + 1).contains(&counted.get()), "{} in {} turns", counted.get(), page.turns());
}

/// Opens a connection that is lost when eight messages are queued.
async fn lost_with_eight_queued(page: &Page, options: ReconnectOptions, server: &Server) -> Reconnecting {
    let (feed, mut peer) = open(options, server).await;
    (0..8).for_each(|number| peer.send(number.to_string()));
    page.sleep(seconds(1)).await;
    peer.reset();
    feed
}

#[test]
fn the_receive_limit_holds_for_the_preamble_and_dropped_messages_are_counted() {
    for (overflow, fails) in
        [(Overflow::DropOldest, false), (Overflow::DropNewest, false), (Overflow::DropNewest, true)]
    {
        let (page, server) = page();
        let world = page.clone();
        // A preamble that receives its messages too late.
        let options = ReconnectOptions::new()
            .connection(Options::new().receive_limit(1000).receive_limit_messages(10).overflow(overflow))
            .on_open(async move |stream, attempt| {
                if attempt.cause() != &Cause::Requested {
                    world.sleep(seconds(1)).await;
                    assert_eq!(stream.dropped(), 10, "there is room for 10");
                    return if fails { Err("too late".into()) } else { Ok(()) };
                }
                Ok(())
            });
        page.run(async {
            let mut feed = lost_with_eight_queued(&page, options, &server).await;
            let mut peer = server.accept().await;
            (8..28).for_each(|number| peer.send(number.to_string()));
            page.sleep(seconds(2)).await;
            assert_eq!(feed.dropped(), if fails { 10 } else { 18 });
            let received: Vec<_> =
                std::iter::from_fn(|| feed.next().now_or_never()?).map(|item| item.unwrap()).collect();
            let expected = match overflow {
                _ if fails => 0..8,
                Overflow::DropNewest => 0..10,
                _ => 18..28,
            };
            let numbers = expected.map(|number| Message::from(number.to_string()));
            assert_eq!(received, numbers.collect::<Vec<_>>());
        });
    }
}

#[test]
fn messages_that_a_preamble_has_dropped_are_counted_though_its_attempt_is_given_up() {
    let (page, server) = page();
    let options = ReconnectOptions::new()
        .connection(Options::new().receive_limit_messages(10).overflow(Overflow::DropNewest))
        .on_open(async |_, _| pending().await);
    page.run(async {
        let feed = connect(options);
        let mut peer = server.accept().await;
        (0..20).for_each(|number| peer.send(number.to_string()));
        page.sleep(seconds(1)).await;
        feed.reconnect_now();
        page.sleep(seconds(1)).await;
        assert_eq!(feed.dropped(), 10);
    });
}

#[test]
fn what_the_reader_takes_during_an_attempt_makes_room_for_its_preamble() {
    let (page, server) = page();
    let world = page.clone();
    let options = ReconnectOptions::new()
        .connection(Options::new().receive_limit_messages(10).overflow(Overflow::Close))
        .on_open(async move |_, _| {
            world.sleep(seconds(1)).await;
            Ok(())
        });
    page.run(async {
        let mut feed = lost_with_eight_queued(&page, options, &server).await;
        let handshake = server.handshake().await;
        for number in 0..8 {
            assert_eq!(feed.next().await, Some(Ok(number.to_string().into())));
        }
        let mut peer = handshake.accept().expect("the page is there");
        (8..18).for_each(|number| peer.send(number.to_string()));
        page.sleep(seconds(2)).await;
        for number in 8..18 {
            assert_eq!(feed.next().await, Some(Ok(number.to_string().into())));
        }
        assert_eq!((feed.dropped(), feed.state()), (0, State::Open));
    });
}

#[test]
fn a_preamble_receives_though_the_receive_queue_is_full() {
    for overflow in [Overflow::Close, Overflow::DropOldest, Overflow::DropNewest] {
        let (page, server) = page();
        let options = ReconnectOptions::new()
            .connection(Options::new().receive_limit(1000).receive_limit_messages(10).overflow(overflow))
            .on_open(async |stream, _| {
                for _ in 0..3 {
                    stream.next().await.ok_or("there was nothing")??;
                }
                Ok(())
            });
        page.run(async {
            let feed = connect(options);
            for _ in 0..2 {
                let mut peer = server.accept().await;
                (0..3).for_each(|number| peer.send(number.to_string()));
                until(&mut feed.states(), |state| *state == State::Open).await;
                (0..10).for_each(|number| peer.send(number.to_string()));
                page.sleep(ms(100)).await;
                if overflow == Overflow::Close {
                    break;
                }
            }
        });
    }
}

#[test]
fn a_preamble_receives_though_nothing_may_be_queued() {
    for overflow in [Overflow::Close, Overflow::DropOldest, Overflow::DropNewest] {
        let (page, server) = page();
        let options = ReconnectOptions::new()
            .connection(Options::new().receive_limit_messages(0).overflow(overflow))
            .on_open(async |stream, _| {
                stream.next().await.ok_or("there was nothing")??;
                Ok(())
            });
        page.run(async {
            let feed = connect(options);
            server.accept().await.send("welcome");
            until(&mut feed.states(), |state| *state == State::Open).await;
        });
    }
}

// `Slices` are a handle of the connection, which would keep it open.
#[test]
fn slices_that_a_preamble_has_begun_end_with_the_connection() {
    let (page, server) = page();
    let slices = Rc::new(RefCell::new(None));
    let kept = Rc::clone(&slices);
    let options = ReconnectOptions::new().on_open(async move |stream, _| {
        kept.replace(Some(stream.send_slices(Blob::new(b"ab", ""), 1)));
        Ok(())
    });
    page.run(async {
        let (feed, mut peer) = open(options, &server).await;
        let mut slices = slices.take().unwrap();
        assert!(slices.next().await.unwrap().is_ok());
        drop(feed);
        assert_eq!(slices.next().await, Some(Err(Error::NotOpen(ReadyState::Closing))));
        assert_eq!((peer.receive().await, peer.receive().await), (Some(Message::Binary(b"a".into())), None));
    });
}

#[test]
fn slices_that_a_preamble_has_begun_end_with_its_attempt() {
    for fails in [true, false] {
        let (page, server) = page();
        let (slices, begins) = (Rc::new(RefCell::new(None)), Cell::new(true));
        let kept = Rc::clone(&slices);
        let options = ReconnectOptions::new().on_open(async move |stream, _| {
            if !begins.replace(false) {
                return Ok(());
            }
            kept.replace(Some(stream.send_slices(Blob::new(b"ab", ""), 1)));
            if fails { Err("not now".into()) } else { pending().await }
        });
        page.run(async {
            let feed = connect(options);
            let mut given_up = server.accept().await;
            page.sleep(ms(50)).await;
            if !fails {
                feed.reconnect_now();
                page.sleep(ms(1)).await;
            }
            assert_eq!(slices.take().unwrap().next().await, Some(Err(Error::NotOpen(ReadyState::Closing))));
            assert_eq!(given_up.receive().await, None);
            let _peer = server.accept().await;
            until(&mut feed.states(), |state| *state == State::Open).await;
            page.sleep(seconds(1)).await;
            assert_eq!(page.sockets(), [ReadyState::Open]);
        });
    }
}

#[cfg(feature = "streams")]
#[test]
fn over_streams_a_peer_waits_on_each_connection_for_a_page_that_reads_nothing() {
    let (page, server) = page();
    let connection = Options::new().transport(Transport::Streams).read_ahead(10_000);
    page.run(async {
        let (feed, peer) = open(ReconnectOptions::new().connection(connection), &server).await;
        let mut peer = waits(&page, peer).await;
        // Messages of the second connection follow the queued messages of the first.
        peer.reset();
        peer = server.accept().await;
        until(&mut feed.states(), |state| *state == State::Open).await;
        waits(&page, peer).await;
    });
}

/// Checks that a peer that sends 1 MB has to wait.
#[cfg(feature = "streams")]
async fn waits(page: &Page, mut peer: Peer) -> Peer {
    (0..1000).for_each(|number| peer.send(format!("{number:1000}")));
    page.sleep(seconds(10)).await;
    let waiting = peer.unsent();
    assert!(waiting > 500_000, "only {waiting} bytes wait");
    page.sleep(seconds(10)).await;
    assert_eq!(peer.unsent(), waiting);
    peer
}

// Confirmed messages are not sent again.
#[test]
fn a_flush_does_not_wait_for_messages_that_are_confirmed_without_a_connection() {
    let (page, server) = page();
    let options = ReconnectOptions::new().when_lost(WhenLost::Resend).backoff(Backoff::new().floor(seconds(60)));
    page.run(async {
        let (feed, peer) =
            open(options.queue_limit(1).queue_limit_messages(1).when_full(WhenFull::Wait), &server).await;
        assert_eq!(feed.send("in doubt").await, Ok(1));
        page.sleep(seconds(1)).await;
        peer.reset();
        waiting(&mut feed.states()).await;
        let (flushed, world) = (feed.sender(), page.clone());
        let flushing = async { flushed.flush().await.map(|()| world.elapsed()) };
        let confirming = async {
            page.sleep(seconds(1)).await;
            (feed.confirm(1), page.elapsed())
        };
        let (flushed, (confirmed, at)) = join(flushing, confirming).await;
        assert_eq!((flushed, confirmed), (Ok(at), 1));
    });
}

// Only the preamble reads messages.
#[test]
fn a_preamble_receives_all_messages_though_only_a_sender_is_left() {
    let (page, server) = page();
    let received = Rc::new(Cell::new(0));
    let (seen, world) = (received.clone(), page.clone());
    let options = ReconnectOptions::new()
        .connection(Options::new().receive_limit_messages(8).overflow(Overflow::DropNewest))
        .backoff(Backoff::new().max_attempts(1))
        .on_open(async move |stream, _| {
            world.sleep(seconds(1)).await;
            while seen.get() < 8 {
                stream.next().await.ok_or("there are no more")??;
                seen.set(seen.get() + 1);
            }
            Ok(())
        });
    page.run(async {
        let sender = connect(options).sender();
        let mut peer = server.accept().await;
        (0..8).for_each(|_| peer.send("x"));
        until(&mut sender.states(), |state| *state == State::Open).await;
        assert_eq!(received.get(), 8);
    });
}

#[test]
fn an_overflow_closes_for_good_with_an_error_as_the_last_item() {
    let (page, server) = page();
    let options = ReconnectOptions::new().connection(Options::new().receive_limit(1000).receive_limit_messages(10));
    page.run(async {
        let (mut feed, mut peer) = open(options, &server).await;
        (0..20).for_each(|number| peer.send(number.to_string()));
        assert_eq!(join(feed.closed(), serve(&mut peer)).await.0, Err(Error::Overflow));
        let items: Vec<_> = feed.by_ref().collect().await;
        assert_eq!((items.len(), items.last()), (11, Some(&Err(Error::Overflow))));
        assert_eq!(feed.dropped(), 1);
    });
}

#[test]
fn a_message_that_does_not_fit_into_memory_is_the_last_item() {
    for heartbeat in [None, Some(heartbeat().interval(ms(10)))] {
        let (page, server) = page();
        page.set_memory(100);
        let mut options = ReconnectOptions::new();
        options.heartbeat = heartbeat;
        page.run(async {
            let (mut feed, mut peer) = open(options, &server).await;
            page.sleep(ms(100)).await;
            ["one", &"x".repeat(101), "two"].iter().for_each(|text| peer.send(*text));
            page.sleep(ms(100)).await;
            let items: Vec<_> = feed.by_ref().collect().await;
            assert_eq!(items, [Ok("one".into()), Err(Error::OutOfMemory(101))]);
            assert_eq!(feed.closed().await, Err(Error::OutOfMemory(101)));
            assert_eq!(feed.state(), State::Closed { cause: Cause::Failed(Error::OutOfMemory(101)) });
        });
    }
}

#[test]
fn a_page_that_was_frozen_keeps_its_connection() {
    for seed in 0..200 {
        let page = Page::with_seed(seed);
        let server = page.server(URL);
        let is_hidden = seed % 2 == 0;
        page.run(async {
            let (feed, mut peer) = open(ReconnectOptions::new().heartbeat(heartbeat()), &server).await;
            let mut states = feed.states();
            if is_hidden {
                page.hide();
            }
            // Frozen from the arrival of the ping until about the timeout for its answer.
            assert_eq!(peer.receive().await, Some("ping".into()));
            page.freeze();
            peer.send("pong");
            page.sleep(ms(9_000 + 20 * seed)).await;
            page.resume();
            page.show();
            page.spawn(async move { drop(serve(&mut peer).await) });
            page.sleep(seconds(60)).await;
            assert_eq!(states.next().now_or_never(), Some(Some(State::Open)));
            assert_eq!(states.next().now_or_never(), None, "seed {seed}");
        });
    }
}

// The page is told that it was restored before it is told that its connections have ended.
#[test]
fn a_connection_that_a_frozen_page_has_lost_comes_back_at_once() {
    for seed in 0..20 {
        let page = Page::with_seed(seed);
        let server = page.server(URL);
        page.run(async {
            let options = ReconnectOptions::new().backoff(Backoff::new().floor(seconds(30)));
            let (_feed, _lost) = open(options, &server).await;
            if seed % 2 == 0 {
                page.hide();
            }
            page.freeze();
            page.sleep(seconds(60)).await;
            page.resume_without_connections();
            let before = page.elapsed();
            let _peer = server.accept().await;
            assert!(page.elapsed() - before < ms(600), "{:?}", page.elapsed() - before);
        });
    }
}

// A timer that was set for the same time on the old clock would fire too late.
#[test]
fn a_wait_that_a_wake_up_shortens_ends_in_time_though_the_clock_was_set() {
    let run = |ahead: i64| {
        let (page, _server) = page();
        page.run(async {
            let options = ReconnectOptions::new().backoff(Backoff::new().floor(seconds(1)));
            let feed = Reconnecting::new(options, async || Err::<&str, _>("no".into()));
            let mut states = feed.states();
            waiting(&mut states).await;
            page.sleep(ms(100)).await;
            page.set_clock(ahead);
            page.come_online();
            let seen = until(&mut states, |state| matches!(state, State::Waiting { .. })).await;
            let Some(State::Waiting { delay, .. }) = seen.last() else { unreachable!() };
            let told_at = page.elapsed();
            until(&mut states, |state| matches!(state, State::Connecting { .. })).await;
            (*delay, page.elapsed() - told_at)
        })
    };
    let (delay, _) = run(0);
    let ahead = (ms(900) - delay).as_millis() as i64;
    for (delay, waited) in (ahead - 2..ahead + 3).map(run) {
        assert!(waited < delay + ms(5), "{waited:?} instead of {delay:?}");
    }
}

// As behind a proxy with an idle timeout.
#[test]
fn a_page_that_only_sends_or_is_silent_comes_back_for_ever() {
    for sends in [true, false] {
        let (page, server) = page();
        page.run(async {
            let feed = connect(ReconnectOptions::new().backoff(Backoff::new().max_attempts(3)));
            for _ in 0..10 {
                let peer = server.accept().await;
                until(&mut feed.states(), |state| *state == State::Open).await;
                if sends {
                    feed.send("x").await.unwrap();
                }
                page.sleep(seconds(12)).await;
                peer.reset();
                waiting(&mut feed.states()).await;
            }
            assert!(page.elapsed() < seconds(135), "{:?}", page.elapsed());
        });
    }
}

#[cfg(feature = "streams")]
#[test]
fn a_peer_that_is_not_read_from_does_not_count_as_dead() {
    // An interval of zero counts as a millisecond, so that the page does not freeze.
    for (interval, paused) in [(seconds(1), seconds(100)), (Duration::ZERO, seconds(1))] {
        let (page, server) = page();
        let connection = Options::new().transport(crate::Transport::Streams).receive_limit_messages(1).read_ahead(0);
        let options = ReconnectOptions::new().connection(connection).heartbeat(heartbeat().interval(interval));
        page.run(async {
            let (mut feed, mut peer) = open(options, &server).await;
            let mut states = feed.states();
            (0..100).for_each(|_| peer.send("x".repeat(1000)));
            page.spawn(async move { drop(serve(&mut peer).await) });
            // Longer than the answers to all pings are remembered.
            page.sleep(paused).await;
            assert_eq!(states.next().now_or_never(), Some(Some(State::Open)));
            assert_eq!(states.next().now_or_never(), None);
            assert_eq!(feed.by_ref().take(100).count().await, 100);
            page.sleep(paused).await;
            assert_eq!(feed.next().now_or_never(), None, "an answer is passed on");
        });
    }
}

#[test]
fn a_large_preamble_does_not_make_a_peer_count_as_dead() {
    let (page, server) = page();
    page.set_network(Network { bandwidth: 50_000, ..Network::default() });
    let options = ReconnectOptions::new()
        .heartbeat(heartbeat().interval(seconds(1)).timeout(seconds(3)))
        .on_open(async |stream, _| Ok(stream.send(vec![0; 1_000_000]).await?));
    page.run(async {
        let (feed, mut peer) = open(options, &server).await;
        let mut states = feed.states();
        page.spawn(async move { drop(serve(&mut peer).await) });
        page.sleep(seconds(60)).await;
        assert_eq!(states.next().now_or_never(), Some(Some(State::Open)));
        assert_eq!(states.next().now_or_never(), None);
    });
}

#[test]
fn a_queued_message_before_the_first_ping_does_not_make_a_peer_count_as_dead() {
    let (page, server) = page();
    page.set_network(Network { bandwidth: 100_000, ..Network::default() });
    let options = ReconnectOptions::new().heartbeat(heartbeat().interval(Duration::ZERO).timeout(seconds(3)));
    page.run(async {
        let feed = connect(options.queue_limit(4 << 20));
        feed.try_send(vec![0; 3_000_000]).unwrap();
        let mut states = serves(&page, &feed, server.accept().await).await;
        page.sleep(seconds(60)).await;
        assert_eq!(states.next().now_or_never(), None);
    });
}

#[test]
fn a_queued_message_before_the_ping_of_a_wake_up_does_not_make_a_peer_count_as_dead() {
    let (page, server) = page();
    page.set_network(Network { bandwidth: 100_000, ..Network::default() });
    let options = ReconnectOptions::new().heartbeat(heartbeat().timeout(seconds(3))).queue_limit(4 << 20);
    page.run(async {
        let feed = connect(options);
        // The first message leaves no room for the second.
        feed.try_send(vec![0; 1_500_000]).unwrap();
        feed.try_send(vec![0; 3_000_000]).unwrap();
        let mut states = serves(&page, &feed, server.accept().await).await;
        page.hold_timers(true);
        while page.unsent() > 600_000 {
            page.sleep(ms(100)).await;
        }
        // There is room, which the page notices as it wakes up.
        page.come_online();
        page.sleep(ms(1)).await;
        page.hold_timers(false);
        page.sleep(seconds(60)).await;
        assert_eq!(states.next().now_or_never(), None);
    });
}

/// Serves a peer from now on. Returns the states that follow `Open`.
async fn serves(page: &Page, feed: &Reconnecting, mut peer: Peer) -> States {
    page.spawn(async move { drop(serve(&mut peer).await) });
    let mut states = feed.states();
    until(&mut states, |state| *state == State::Open).await;
    states
}

#[test]
fn slices_that_a_preamble_has_begun_do_not_make_a_peer_count_as_dead() {
    let (page, server) = page();
    page.set_network(Network { bandwidth: 50_000, ..Network::default() });
    let (world, beat) = (page.clone(), heartbeat().interval(seconds(1)).timeout(seconds(3)));
    let options = ReconnectOptions::new().heartbeat(beat).on_open(async move |stream, _| {
        let slices = stream.send_slices(Blob::new(&[0; 2_000_000], ""), 10_000);
        world.spawn(slices.for_each(async |_| ()));
        Ok(())
    });
    page.run(async {
        let (feed, mut peer) = open(options, &server).await;
        let mut states = feed.states();
        page.spawn(async move { drop(serve(&mut peer).await) });
        page.sleep(seconds(60)).await;
        assert_eq!(states.next().now_or_never(), Some(Some(State::Open)));
        assert_eq!(states.next().now_or_never(), None);
    });
}

#[test]
fn slices_that_a_preamble_has_begun_take_turns_with_senders() {
    let (page, server) = page();
    page.set_network(Network { bandwidth: 50_000, ..Network::default() });
    let (world, slices) = (page.clone(), Rc::new(Cell::new(0)));
    let sent = Rc::clone(&slices);
    let connection = Options::new().high_water_mark(100_000).low_water_mark(50_000);
    let options = ReconnectOptions::new().connection(connection).on_open(async move |stream, _| {
        let (slices, sent) = (stream.send_slices(Blob::new(&[0; 2_000_000], ""), 1000), Rc::clone(&sent));
        world.spawn(slices.for_each(move |_| {
            sent.set(sent.get() + 1);
            ready(())
        }));
        Ok(())
    });
    page.run(async {
        let (feed, mut peer) = open(options, &server).await;
        page.spawn(async move { drop(serve(&mut peer).await) });
        for _ in 0..3 {
            page.sleep(seconds(1)).await;
            let before = slices.get();
            let send = async |text: &'static str| {
                feed.send(text).await.unwrap();
                slices.get() - before
            };
            // One slice goes first each time, and then the sender that has waited longest.
            assert_eq!(join(send("a"), send("b")).await, (1, 2));
        }
    });
}

// The sender that has missed its turn sends as soon as there is room, before the timer that looks for room.
#[test]
fn a_sender_that_has_missed_its_turn_leaves_no_other_waiting() {
    for delay in 0..60 {
        let (page, server) = page();
        page.run(async {
            let connection = Options::new().high_water_mark(100).low_water_mark(50);
            let (feed, mut peer) = open(ReconnectOptions::new().connection(connection), &server).await;
            peer.set_stalled(true);
            feed.try_send(vec![0; 200 << 10]).unwrap();
            let mut first = pin!(feed.send("first"));
            assert!((&mut first).now_or_never().is_none());
            peer.set_stalled(false);
            peer.receive().await;
            page.sleep(seconds(1)).await; // its turn passes
            peer.set_stalled(true);
            feed.try_send(vec![0; 200 << 10]).unwrap();
            let second = feed.sender();
            page.spawn(async move {
                second.send("second").await.unwrap();
            });
            page.sleep(seconds(1)).await;
            peer.set_stalled(false);
            let received = spawn(&page, async move {
                while peer.receive().await.is_some_and(|message| message.as_text() != Some("second")) {}
            });
            page.sleep(ms(delay)).await;
            let _ = (&mut first).now_or_never();
            page.sleep(seconds(1)).await;
            assert!(received.take().is_some(), "the second sender waits for ever, after {delay} ms");
        });
    }
}

#[test]
fn a_message_on_which_the_browser_throws_does_not_block_the_queue() {
    let (page, server) = page();
    page.throw_on_send(|message| message.as_text() == Some("bad"));
    page.run(async {
        let feed = connect(ReconnectOptions::new());
        assert_eq!([feed.try_send("bad"), feed.try_send("good")], [Ok(1), Ok(2)]);
        let mut states = feed.states();
        let mut peer = server.accept().await;
        assert_eq!(peer.receive().await, Some("good".into()));
        let seen = until(&mut states, |state| matches!(state, State::Rejected { .. })).await;
        assert!(matches!(seen.last(), Some(State::Rejected { number: 1, error: Error::Thrown { .. } })), "{seen:?}");
        // For a message that is not queued, the error returns it.
        let unsent = feed.send("bad").await.unwrap_err();
        assert!(matches!(unsent.error, Error::Thrown { .. }));
        assert_eq!(unsent.message, "bad".into());
        assert_eq!(feed.counts(), Counts { rejected: 2, unconfirmed: 1, ..Counts::default() });
        assert_eq!(feed.state(), State::Open);
    });
}

#[test]
fn a_message_on_which_the_browser_throws_does_not_hold_up_a_close() {
    let (page, server) = page();
    page.throw_on_send(|message| message.as_text() == Some("bad"));
    page.run(async {
        let feed = connect(ReconnectOptions::new().queue_limit(4 << 20).queue_limit_messages(10));
        feed.send(vec![0; 2 << 20]).await.unwrap();
        for text in ["bad", "good"] {
            assert!(feed.try_send(text).is_ok());
        }
        let mut peer = server.accept().await;
        until(&mut feed.states(), |state| *state == State::Open).await;
        assert_eq!(feed.counts().queued, 2);
        let (closed, received) = join(feed.close(), serve(&mut peer)).await;
        assert_eq!((closed, received), (Ok(Some(event(1005, true))), vec!["?".into(), "good".into()]));
    });
}

#[test]
fn a_page_that_sends_inside_of_send_keeps_every_message() {
    let (page, server) = page();
    page.run(async {
        let (feed, mut peer) = open(ReconnectOptions::new(), &server).await;
        let sender = Rc::new(feed.sender());
        let own = Rc::downgrade(&sender);
        // Code of the page wraps the browser's `send`, and reports each message over the same connection.
        page.throw_on_send(move |message| {
            let is_first = message.as_text().is_some_and(|text| !text.starts_with("sent"));
            if let (true, Some(sender)) = (is_first, own.upgrade()) {
                let _ = sender.try_send(format!("sent {}", sender.counts().queued));
            }
            false
        });
        assert_eq!(feed.send("one").await, Ok(1));
        // This sender has waited, and it is still its turn.
        assert_eq!(feed.send("two").await, Ok(3));
        for expected in ["one", "sent 1", "two"] {
            assert_eq!(peer.receive().await, Some(expected.into()));
        }
        assert_eq!(feed.counts(), Counts { unconfirmed: 3, rejected: 1, ..Counts::default() });
    });
}

#[test]
fn reconnecting_now_does_not_wait_for_a_peer_that_has_vanished() {
    let (page, server) = page();
    page.run(async {
        let (feed, mut peer) = open(ReconnectOptions::new(), &server).await;
        peer.vanish();
        page.sleep(seconds(1)).await;
        let before = page.elapsed();
        feed.reconnect_now();
        let _peer = server.accept().await;
        assert!(page.elapsed() - before < ms(600), "{:?}", page.elapsed() - before);
    });
}

#[test]
fn a_flush_waits_until_nothing_is_unsent_even_on_another_connection() {
    let (page, server) = page();
    page.set_network(Network { bandwidth: 1_000_000, ..Network::default() });
    page.run(async {
        let (feed, mut peer) = open(ReconnectOptions::new().when_lost(WhenLost::Resend), &server).await;
        feed.send(vec![0; 900_000]).await.unwrap();
        let flushing = async { feed.flush().await.map(|()| (page.unsent(), page.elapsed() > ms(700))) };
        assert_eq!(join(flushing, peer.receive()).await.0, Ok((0, true)));
        feed.confirm(1);
        // The next message is sent again during a flush.
        feed.send(vec![0; 900_000]).await.unwrap();
        let flushing = async { feed.flush().await.map(|()| page.unsent()) };
        let serving = async {
            page.sleep(ms(500)).await;
            let unsent = page.unsent();
            peer.reset();
            let mut next = server.accept().await;
            let received = next.receive().await.map(|message| message.len());
            (unsent, received, next)
        };
        let (flushed, (unsent, received, _next)) = join(flushing, serving).await;
        assert!(unsent > 200_000, "{unsent}");
        // Bytes that were unsent at the end of the first connection still count.
        assert_eq!((flushed, received), (Ok(unsent), Some(900_000)));
    });
}

#[test]
fn a_flush_waits_for_a_message_that_is_sent_again_because_the_peer_has_closed() {
    let (page, server) = page();
    page.set_network(Network { bandwidth: 1_000_000, ..Network::default() });
    page.run(async {
        let (feed, mut peer) = open(ReconnectOptions::new().when_lost(WhenLost::Resend), &server).await;
        feed.send(vec![0; 900_000]).await.unwrap();
        let flushing = async { feed.flush().await.map(|()| page.elapsed()) };
        let serving = async {
            page.sleep(ms(300)).await;
            let unsent = page.unsent();
            peer.close_with(1012, "restart");
            page.sleep(ms(100)).await;
            peer.reset();
            let mut next = server.accept().await;
            let accepted = page.elapsed();
            next.receive().await.unwrap();
            (unsent, accepted, next)
        };
        let (flushed, (unsent, accepted, _next)) = join(flushing, serving).await;
        assert!(unsent > 200_000, "{unsent}");
        // The message takes 900 ms to leave the page.
        assert!(flushed.clone().unwrap() > accepted + ms(800), "{flushed:?}, accepted at {accepted:?}");
    });
}

#[test]
fn a_message_that_arrives_wakes_the_driver_only_when_there_is_something_to_do() {
    let (page, server) = page();
    page.run(async {
        let beat = heartbeat().interval(seconds(10));
        let (_feed, mut peer) = open(ReconnectOptions::new().heartbeat(beat), &server).await;
        page.hold_timers(true);
        let polls = page.polls();
        (0..100).for_each(|_| peer.send("x"));
        page.sleep(seconds(5)).await;
        assert!(page.polls() - polls < 10, "{} polls", page.polls() - polls);
        // The ping is due, and a message makes the machine look at the clock.
        page.sleep(seconds(10)).await;
        peer.send("y");
        assert_eq!(peer.receive().await, Some("ping".into()));
    });
}

#[test]
fn pings_follow_at_their_interval_even_if_the_timeout_is_longer() {
    let (page, pings) = (Page::new(), Rc::new(Cell::new(0)));
    let seen = Rc::clone(&pings);
    page.serve(URL, async move |handshake| {
        let Some(mut peer) = handshake.accept() else { return };
        while peer.receive().await.is_some() {
            seen.set(seen.get() + 1);
            peer.send("pong");
        }
    });
    page.run(async {
        let _feed = connect(ReconnectOptions::new().heartbeat(heartbeat().interval(seconds(1))));
        page.sleep(seconds(60)).await;
        assert!((55..=60).contains(&pings.get()), "{} pings", pings.get());
    });
}

#[test]
fn a_preamble_receives_all_that_arrived_before_the_end() {
    in_pages(async |page| {
        let (server, rows) = (page.server(URL), Rc::new(Cell::new(0)));
        let seen = Rc::clone(&rows);
        let (begin, begun) = oneshot::channel();
        let begun = Cell::new(Some(begun));
        let options = ReconnectOptions::new().on_open(async move |stream, _| {
            begun.take().unwrap().await?;
            while stream.next().await.ok_or("the snapshot has no end")?? != "end".into() {
                seen.set(seen.get() + 1);
            }
            Ok(())
        });
        let mut feed = connect(options);
        let mut peer = server.accept().await;
        (0..2000).for_each(|row| peer.send(row.to_string()));
        peer.send("end");
        peer.send("news");
        page.sleep(seconds(1)).await;
        // The close arrives while the preamble pauses between many messages.
        page.freeze();
        begin.send(()).unwrap();
        page.sleep(ms(1)).await;
        peer.close_with(1000, "");
        page.sleep(seconds(1)).await;
        page.resume();
        assert_eq!(feed.next().await, Some(Ok("news".into())));
        assert_eq!((feed.next().await, rows.get()), (None, 2000));
    });
}

#[test]
fn an_attempt_that_was_given_up_does_not_run_again() {
    let give_up: [fn(&Reconnecting); 3] =
        [|feed| drop(feed.sender().close()), |feed| feed.pause(), |feed| feed.reconnect_now()];
    for give_up in give_up {
        let (page, server) = page();
        let (allow, allowed) = oneshot::channel();
        let allowed = Cell::new(Some(allowed));
        let options = ReconnectOptions::new().on_open(async move |stream, _| match allowed.take() {
            Some(allowed) => Ok(allowed.map(|_| stream.send("token")).await.await?),
            None => Ok(()),
        });
        page.run(async {
            let feed = connect(options);
            let mut peer = server.accept().await;
            page.sleep(seconds(1)).await;
            allow.send(()).unwrap();
            give_up(&feed);
            assert_eq!(peer.receive().await, None);
        });
    }
}

#[test]
fn a_provider_that_closes_or_pauses_makes_no_socket() {
    let give_up: [fn(&ReconnectingSender); 2] = [|feed| drop(feed.close()), |feed| feed.pause()];
    for give_up in give_up {
        let (page, server) = page();
        page.run(async {
            let own = Rc::new(RefCell::new(None::<ReconnectingSender>));
            let sender = own.clone();
            let feed = Reconnecting::new(ReconnectOptions::new(), async move || {
                sender.borrow().iter().for_each(give_up);
                Ok(URL)
            });
            own.replace(Some(feed.sender()));
            page.sleep(seconds(60)).await;
            assert!(server.handshake().now_or_never().is_none());
            own.take();
        });
    }
}

#[test]
fn resuming_and_reconnecting_now_do_not_delay_each_other() {
    let commands: [fn(&Reconnecting); 2] = [|feed| feed.resume(), |feed| feed.reconnect_now()];
    for (first, second) in [(0, 1), (1, 0)] {
        let (page, server) = page();
        page.run(async {
            let (feed, mut peer) = open(ReconnectOptions::new(), &server).await;
            peer.vanish();
            if first == 0 {
                feed.pause();
            }
            let begin = page.elapsed();
            commands[first](&feed);
            page.sleep(ms(450)).await;
            commands[second](&feed);
            server.accept().await;
            assert!(page.elapsed() - begin < ms(600), "{:?}", page.elapsed() - begin);
        });
    }
}

#[test]
fn a_flush_that_is_no_longer_polled_keeps_no_connection_open() {
    let (page, server) = page();
    page.run(async {
        let beat = heartbeat().interval(seconds(1)).timeout(seconds(2));
        let (feed, mut peer) = open(ReconnectOptions::new().heartbeat(beat), &server).await;
        peer.vanish();
        feed.send("lost").await.unwrap();
        let mut flushing = Box::pin(feed.flush());
        assert!(flushing.as_mut().now_or_never().is_none());
        let mut peer = server.accept().await;
        page.spawn(async move { drop(serve(&mut peer).await) });
        page.sleep(seconds(1)).await;
        let open = page.sockets().into_iter().filter(|state| *state == ReadyState::Open).count();
        assert_eq!((feed.state(), open), (State::Open, 1));
    });
}

#[test]
fn reconnecting_now_begins_an_attempt_that_hangs_again() {
    let (page, server) = page();
    let hangs = Cell::new(true);
    let options =
        ReconnectOptions::new().on_open(async move |_, _| if hangs.replace(false) { pending().await } else { Ok(()) });
    page.run(async {
        let feed = connect(options);
        let mut hanging = server.accept().await;
        page.sleep(seconds(1)).await;
        let mut states = feed.states();
        feed.reconnect_now();
        let _peer = server.accept().await;
        until(&mut states, |state| *state == State::Open).await;
        assert!(page.elapsed() < ms(1100), "{:?}", page.elapsed());
        // The connection that was given up is closed.
        assert_eq!(hanging.receive().await, None);
    });
}

#[test]
fn resuming_leaves_an_open_connection_alone() {
    let (page, server) = page();
    page.run(async {
        let (feed, mut peer) = open(ReconnectOptions::new(), &server).await;
        feed.resume();
        page.sleep(seconds(10)).await;
        assert_eq!(feed.state(), State::Open);
        feed.send("hello").await.unwrap();
        assert_eq!(peer.receive().await, Some("hello".into()));
    });
}

#[test]
fn typed_messages_have_numbers() {
    let (page, server) = page();
    page.run(async {
        let (feed, mut peer) = open(ReconnectOptions::new(), &server).await;
        let sender = feed.sender().typed::<u32, Json>();
        let feed = feed.typed::<u32, u32, Json>();
        assert_eq!(
            [feed.send_numbered(7).await, sender.send_numbered(&8).await.map_err(|_| unreachable!())],
            [Ok(1), Ok(2)]
        );
        assert_eq!(feed.try_send(9), Ok(3));
        assert_eq!([peer.receive().await, peer.receive().await], [Some("7".into()), Some("8".into())]);
        assert_eq!(peer.receive().await, Some("9".into()));
        assert_eq!(feed.get_ref().confirm(3), 3);
        feed.get_ref().close().now_or_never();
        let unsent = sender.try_send(10).unwrap_err();
        assert_eq!((unsent.message, unsent.error), (10, Error::NotOpen(ReadyState::Closing)));
        let unsent = feed.send_numbered(9).await.unwrap_err();
        assert_eq!((unsent.message, unsent.error), (9, Error::NotOpen(ReadyState::Closing)));
    });
}

#[test]
fn bytes_that_are_unsent_at_the_end_still_count_as_unsent() {
    for seed in 0..20 {
        let page = Page::with_seed(seed);
        let server = page.server(URL);
        page.run(async {
            let (stream, mut peer) = join(crate::WebSocketStream::connect(URL), server.accept()).await;
            let link = crate::reconnect::link::Link::new(stream.unwrap(), 1);
            peer.set_stalled(true);
            link.send(&Message::from(vec![0; 10_000_000])).unwrap();
            page.sleep(seconds(1)).await;
            let before = link.flow();
            assert!(before.unsent > 9_000_000, "{before:?}");
            peer.reset();
            page.sleep(seconds(1)).await;
            assert_eq!(link.flow(), before, "seed {seed}");
        });
    }
}

#[test]
fn a_connection_that_comes_back_is_a_sink_and_a_fused_stream_itself() {
    let (page, server) = page();
    page.run(async {
        let (mut feed, mut peer) = open(ReconnectOptions::new(), &server).await;
        assert!(!feed.is_terminated());
        SinkExt::<Message>::send(&mut feed, "one".into()).await.unwrap();
        feed.pause();
        assert_eq!([peer.receive().await, peer.receive().await], [Some("one".into()), None]);
        until(&mut feed.states(), |state| *state == State::Paused).await;
        assert_eq!(feed.take_in_doubt().messages, [(1, "one".into())]);
        assert_eq!(SinkExt::<Message>::feed(&mut feed, "two".into()).await, Ok(()));
        assert_eq!(SinkExt::<Message>::flush(&mut feed).now_or_never(), None);
        assert_eq!(feed.flush().now_or_never(), None);
        assert_eq!(SinkExt::<Message>::close(&mut feed).now_or_never(), None);
        assert_eq!(feed.take_queued(), ["two".into()]);
        assert_eq!(SinkExt::<Message>::close(&mut feed).await, Ok(()));
        assert_eq!((feed.next().await, feed.is_terminated()), (None, true));
    });
}

#[test]
fn queued_messages_are_dropped_with_the_last_handle() {
    let (page, server) = page();
    page.run(async {
        let feed = connect(ReconnectOptions::new());
        server.handshake().await.refuse();
        assert_eq!(feed.try_send("x"), Ok(1));
        drop(feed);
        page.sleep(seconds(100)).await;
        assert!(server.handshake().now_or_never().is_none(), "no connection follows");
    });
}

#[test]
fn nothing_is_left_of_a_dropped_reconnecting() {
    let preparing = || ReconnectOptions::new().on_open(async |_, _| pending().await);
    let full = || {
        ReconnectOptions::new()
            .heartbeat(heartbeat())
            .queue_limit(1000)
            .queue_limit_messages(1)
            .when_full(WhenFull::Wait)
    };
    for options in [preparing(), full()] {
        for after in [0, 3, 12, 30, 1000, 40_000] {
            let page = Page::new();
            page.serve(URL, async |handshake| {
                if let Some(mut peer) = handshake.accept() {
                    serve(&mut peer).await;
                }
            });
            page.run(async {
                let feed = connect(options.clone());
                let mut states = feed.states();
                let _ = feed.try_send("queued");
                let sender = feed.sender();
                let mut waiting = Box::pin(sender.send("waiting"));
                let _ = waiting.as_mut().now_or_never();
                page.sleep(ms(after)).await;
                drop((waiting, feed));
                drop(sender);
                while states.next().await.is_some() {}
                page.sleep(seconds(100)).await;
                assert_eq!(page.leftovers(), Default::default(), "after {after} ms");
            });
        }
    }
}

// A close confirms nothing, and messages in doubt could only be sent again on another connection.
#[test]
fn closing_as_a_sink_succeeds_though_messages_are_unconfirmed() {
    for when_lost in [WhenLost::Report, WhenLost::Resend] {
        let (page, server) = page();
        page.run(async {
            let (mut feed, mut peer) = open(ReconnectOptions::new().when_lost(when_lost), &server).await;
            feed.send("one").await.unwrap();
            assert_eq!(join(SinkExt::close(&mut feed), serve(&mut peer)).await, (Ok(()), vec!["one".to_owned()]));
            assert_eq!(feed.counts(), Counts { in_doubt: 1, ..Counts::default() });
        });
    }
}

#[test]
fn closing_as_a_sink_fails_if_the_connection_is_lost_meanwhile() {
    let (page, server) = page();
    page.run(async {
        let (mut feed, mut peer) = open(ReconnectOptions::new(), &server).await;
        peer.set_stalled(true);
        feed.send(vec![0; 4 << 20]).await.unwrap();
        let lose = async {
            page.sleep(ms(100)).await;
            peer.reset();
        };
        assert_eq!(join(SinkExt::close(&mut feed), lose).await.0, Err(Error::Unclean(event(1006, false))));
    });
}

#[test]
fn a_sink_rejects_messages_when_the_queue_is_full() {
    let (page, _server) = page();
    page.run(async {
        let mut feed = connect(ReconnectOptions::new().queue_limit_messages(1));
        assert_eq!(feed.feed("one".into()).await, Ok(()));
        assert_eq!(feed.feed("two".into()).await, Err(Error::Full));
    });
}

#[test]
fn ready_waits_for_a_connection_and_for_room_if_nothing_is_queued() {
    let (page, server) = page();
    page.set_network(Network { bandwidth: 1_000_000, ..Network::default() });
    let options = ReconnectOptions::new()
        .connection(Options::new().high_water_mark(0))
        .queue_limit_messages(0)
        .when_full(WhenFull::Wait);
    page.run(async {
        let feed = connect(options);
        assert_eq!(feed.ready().now_or_never(), None);
        let mut peer = join(server.accept(), feed.ready()).await.0;
        assert_eq!(feed.try_send(vec![0; 1_000_000]), Ok(1));
        let began = page.elapsed();
        assert_eq!(feed.try_send("full").unwrap_err().error, Error::Full);
        page.spawn(async move { drop(serve(&mut peer).await) });
        assert_eq!(feed.ready().await, Ok(()));
        assert!(page.elapsed() - began > ms(900), "after {:?}", page.elapsed() - began);
        assert_eq!(feed.try_send("there is room"), Ok(2));
        feed.close().await.unwrap();
        assert_eq!(feed.ready().await, Err(Error::NotOpen(ReadyState::Closed)));
    });
}

#[test]
fn ready_goes_on_like_a_send_when_the_connection_is_lost() {
    let cases =
        [(WhenFull::Reject, Some(Err(Error::Full))), (WhenFull::Wait, None), (WhenFull::DropOldest, Some(Ok(())))];
    for (when_full, expected) in cases {
        let (page, server) = page();
        page.run(async {
            let (feed, mut peer) =
                open(ReconnectOptions::new().queue_limit_messages(0).when_full(when_full), &server).await;
            peer.set_stalled(true);
            feed.send(vec![0; 4 << 20]).await.unwrap();
            let sender = feed.sender();
            let ready = spawn(&page, async move { sender.ready().await });
            page.sleep(seconds(1)).await;
            assert_eq!(ready.take(), None);
            peer.reset();
            waiting(&mut feed.states()).await;
            page.sleep(ms(1)).await;
            assert_eq!(ready.take(), expected, "{when_full:?}");
        });
    }
}

#[test]
fn ready_fails_where_a_send_would() {
    let (page, _server) = page();
    page.run(async {
        let feed = connect(ReconnectOptions::new().queue_limit_messages(1));
        assert_eq!(feed.ready().await, Ok(()));
        feed.send("fills the queue").await.unwrap();
        assert_eq!(feed.ready().await, Err(Error::Full));
        feed.take_queued();
        assert_eq!(feed.ready().await, Ok(()));
        assert_eq!(feed.counts().rejected, 0);
    });
}

#[test]
fn during_the_preamble_messages_are_queued_or_rejected() {
    let (page, server) = page();
    let options = ReconnectOptions::new().queue_limit_messages(1).on_open(async |stream, _| {
        stream.next().await;
        Ok(())
    });
    page.run(async {
        let feed = connect(options);
        let mut peer = server.accept().await;
        page.sleep(seconds(1)).await;
        assert_eq!(feed.send("one").await, Ok(1));
        assert_eq!(feed.send("two").await.unwrap_err().error, Error::Full);
        assert_eq!(feed.counts().queued, 1);
        peer.send("welcome");
        assert_eq!(peer.receive().await, Some("one".into()));
        assert_eq!(feed.send("three").await, Ok(2));
    });
}

#[test]
fn senders_that_wait_when_the_connection_is_lost_are_queued_or_rejected() {
    let cases = [
        (WhenFull::Reject, &[Ok(2), Err(Error::Full)][..]),
        (WhenFull::Wait, &[Ok(2)]),
        (WhenFull::DropOldest, &[Ok(2), Ok(3)]),
    ];
    for (when_full, expected) in cases {
        let (page, server) = page();
        page.run(async {
            let options = ReconnectOptions::new().queue_limit_messages(1).when_full(when_full);
            let (feed, mut peer) = open(options, &server).await;
            peer.set_stalled(true);
            feed.send(vec![0; 4 << 20]).await.unwrap();
            let sent = Rc::new(RefCell::new(Vec::new()));
            for text in ["one", "two"] {
                let (sender, sent) = (feed.sender(), Rc::clone(&sent));
                page.spawn(async move {
                    let outcome = sender.send(text).await.map_err(|unsent| unsent.error);
                    sent.borrow_mut().push(outcome);
                });
            }
            page.sleep(seconds(1)).await;
            assert_eq!(*sent.borrow(), []);
            peer.reset();
            waiting(&mut feed.states()).await;
            page.sleep(ms(1)).await;
            assert_eq!(*sent.borrow(), expected);
            assert_eq!(feed.counts().queued, 1);
        });
    }
}

#[test]
fn the_receive_limit_counts_bytes() {
    let (page, server) = page();
    let options = ReconnectOptions::new().connection(Options::new().receive_limit(1000));
    page.run(async {
        let (mut feed, mut peer) = open(options, &server).await;
        (0..3).for_each(|_| peer.send("x".repeat(400)));
        assert_eq!(join(feed.closed(), serve(&mut peer)).await.0, Err(Error::Overflow));
        let items: Vec<_> = feed.by_ref().map(|item| item.map(|message| message.len())).collect().await;
        assert_eq!(items, [Ok(400), Ok(400), Err(Error::Overflow)]);
    });
}

#[test]
fn messages_without_a_reader_are_dropped() {
    let (page, server) = page();
    let options = ReconnectOptions::new().connection(Options::new().receive_limit_messages(2));
    page.run(async {
        let (feed, mut peer) = open(options, &server).await;
        peer.send("one");
        page.sleep(seconds(1)).await;
        let sender = feed.sender();
        drop(feed);
        (0..5).for_each(|_| peer.send("nobody reads this"));
        page.sleep(seconds(1)).await;
        assert_eq!(sender.state(), State::Open);
    });
}

#[test]
fn the_stream_yields_all_messages_but_the_answer_to_a_ping() {
    let (page, server) = page();
    page.run(async {
        let (mut feed, mut peer) = open(ReconnectOptions::new().heartbeat(heartbeat()), &server).await;
        peer.send("pong");
        assert_eq!(feed.next().await, Some(Ok("pong".into())));
        assert_eq!(peer.receive().await, Some("ping".into()));
        ["pong", "pong"].iter().for_each(|text| peer.send(*text));
        assert_eq!(feed.next().await, Some(Ok("pong".into())));
        assert_eq!(feed.next().now_or_never(), None);
    });
}

#[test]
fn pings_begin_after_the_preamble_and_wait_for_the_last_answer() {
    let (page, server) = page();
    let options = ReconnectOptions::new().heartbeat(heartbeat().interval(seconds(1))).on_open(async |stream, _| {
        stream.next().await;
        Ok(())
    });
    page.run(async {
        let _feed = connect(options);
        let mut peer = server.accept().await;
        page.sleep(seconds(5)).await;
        page.hide();
        page.show();
        page.sleep(seconds(5)).await;
        assert_eq!(peer.receive().now_or_never(), None);
        peer.send("welcome");
        assert_eq!(peer.receive().await, Some("ping".into()));
        page.sleep(seconds(5)).await;
        assert_eq!(peer.receive().now_or_never(), None);
        peer.send("pong");
        assert_eq!(peer.receive().await, Some("ping".into()));
    });
}

#[test]
fn the_first_attempt_begins_at_once() {
    let page = Page::new();
    let begun = Rc::new(Cell::new(None));
    let (seen, world) = (begun.clone(), page.clone());
    page.run(async {
        let _feed = Reconnecting::new(ReconnectOptions::new(), async move || {
            seen.set(Some(world.turns()));
            Ok(URL)
        });
        let now = page.turns();
        page.sleep(ms(1)).await;
        assert_eq!(begun.get(), Some(now));
    });
}

// A flush waits for an empty buffer only while a connection is open.
#[test]
fn a_flush_leaves_the_line_of_a_connection_that_has_ended() {
    let (page, server) = page();
    page.run(async {
        let (feed, mut peer) = open(ReconnectOptions::new().when_lost(WhenLost::Resend), &server).await;
        peer.set_stalled(true);
        feed.send(vec![0; 1_000_000]).await.unwrap();
        let mut flushing = Box::pin(feed.flush());
        assert_eq!(flushing.as_mut().now_or_never(), None);
        page.sleep(ms(100)).await;
        peer.reset();
        let mut peer = server.accept().await;
        peer.set_stalled(true);
        until(&mut feed.states(), |state| *state == State::Open).await;
        assert_eq!(flushing.as_mut().now_or_never(), None);
        page.sleep(ms(100)).await;
        assert_eq!(page.leftovers().timers, 1);
        drop(flushing);
        assert_eq!(page.leftovers().timers, 0);
    });
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("on purpose");
    }
}

/// Polls the driver until code of the app panics, which drops the driver.
async fn until_panic(driver: Driver) {
    let mut driver = Some(driver);
    poll_fn(|context| {
        let Some(mut driven) = driver.take() else { return Poll::Ready(()) };
        let polled = AssertUnwindSafe(move || {
            assert!(driven.poll(context).is_pending());
            driven
        });
        driver = catch_unwind(polled).ok();
        if driver.is_some() { Poll::Pending } else { Poll::Ready(()) }
    })
    .await
}

/// Spawns a task that waits. Returns the place of its result.
fn spawn<T: 'static>(page: &Page, task: impl Future<Output = T> + 'static) -> Rc<Cell<Option<T>>> {
    let result = Rc::new(Cell::new(None));
    let place = Rc::clone(&result);
    page.spawn(async move { place.set(Some(task.await)) });
    result
}

#[test]
fn all_waits_end_if_code_of_the_app_panics() {
    for part in ["provider", "preamble", "after_close", "waker"] {
        let (page, server) = page();
        let panics = move |here| assert_ne!(part, here, "on purpose");
        let provider = async move || {
            panics("provider");
            Ok::<_, AttemptError>(URL)
        };
        let options = ReconnectOptions::new()
            .queue_limit_messages(1)
            .when_full(WhenFull::Wait)
            .on_open(async move |_, _| {
                panics("preamble");
                Ok(())
            })
            .after_close(|_| panic!("on purpose"));
        page.run(async {
            let shared = Rc::new(Shared::new(&options));
            let driver = Driver::new(Rc::clone(&shared), options, Rc::new(provider));
            let mut states = shared.announcer.borrow_mut().listen();
            shared.command(Command::ReconnectNow);
            assert!(shared.try_send("queued".into(), false).is_ok());
            let [ends, flushes, reads, sends] = [(); 4].map(|()| Rc::clone(&shared));
            let [mut closing, mut flushing] = <[Patience; 2]>::default();
            let end = spawn(&page, async move { poll_fn(|context| ends.poll_end(context, &mut closing)).await });
            let flush =
                spawn(&page, async move { poll_fn(|context| flushes.poll_flush(context, &mut flushing)).await });
            let item = spawn(&page, async move { poll_fn(|context| reads.poll_next(context)).await });
            let mut turn = Turn::default();
            let room = spawn(&page, async move { poll_fn(|context| sends.poll_room(context, &mut turn)).await });
            let driven = async {
                // All tasks wait before the driver runs.
                page.sleep(ms(1)).await;
                until_panic(driver).await;
                page.sleep(seconds(1)).await;
            };
            let acting = async {
                let mut peer = server.accept().await;
                page.sleep(seconds(1)).await;
                match part {
                    "after_close" => peer.close(),
                    "waker" => {
                        let waker = Waker::from(Arc::new(Panics));
                        while states.poll_next_unpin(&mut Context::from_waker(&waker)).is_ready() {}
                        shared.close(None);
                    }
                    _ => {}
                }
                pending::<()>().await;
            };
            select(pin!(driven), pin!(acting)).await;
            let Some(Err(error)) = end.take() else { panic!("it has not ended") };
            assert!(matches!(error, Error::Thrown { .. }), "{error:?}");
            assert_eq!(item.take(), Some(Some(Err(error.clone()))));
            assert!(flush.take().is_some(), "a flush waits for ever");
            assert!(room.take().is_some(), "a sender waits for ever");
            let state = shared.announcer.borrow().state().clone();
            assert_eq!(state, State::Closed { cause: Cause::Failed(error) });
        });
    }
}

#[test]
fn debug_texts_name_their_type_and_hold_no_secrets() {
    let (page, server) = page();
    page.run(async {
        let target = Target::new("wss://example.com/feed?token=secret").protocols(["secret"]);
        assert_eq!(format!("{target:?}"), r#"Target { url: "wss://example.com/feed?…", protocols: Some(1) }"#);
        let options = ReconnectOptions::new().heartbeat(heartbeat()).on_open(async |_, attempt| {
            assert_eq!(format!("{attempt:?}"), "Attempt { number: 1, cause: Requested, .. }");
            Ok(())
        });
        let shown = format!("{options:?}");
        for part in ["ReconnectOptions { connection: Options {", "heartbeat: Some(Heartbeat { ping: Text(\"ping\")"] {
            assert!(shown.contains(part), "{shown}");
        }
        let (feed, _peer) = open(options, &server).await;
        let shown = "{ state: Open, counts: Counts { rejected: 0,";
        assert!(format!("{feed:?}").starts_with(&format!("Reconnecting {shown}")), "{feed:?}");
        assert!(format!("{:?}", feed.sender()).starts_with(&format!("ReconnectingSender {shown}")));
    });
}

//! The halves of a connection, and its other handles.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join, join_all, select};
use futures_util::stream::FusedStream;
use futures_util::{FutureExt, StreamExt, TryStreamExt, poll};
use macro_rules_attribute::apply;
use wasm_websocket::{Blob, CloseEvent, Error, Message, Options, ReadyState};

use super::guard::{NoTimers, is_webkit, microtasks, random, spawn_local};
use super::peer::{Count, connect, connect_with, crashes_with_unsent, fail, is_by_streams, next, settled, start, url};

// L06
#[apply(browser_test)]
async fn halves_work_in_tasks_of_their_own() {
    let (mut sender, mut receiver) = connect("/echo").await.split();
    let (done, is_done) = futures_channel::oneshot::channel();
    spawn_local(async move {
        for number in 0..100_u8 {
            sender.send([number]).await.unwrap();
        }
        drop(done.send(sender));
    });
    for number in 0..100 {
        assert_eq!(receiver.next().await, Some(Ok(vec![number].into())));
    }
    // The sender still exists, so the connection is still open.
    let mut sender = is_done.await.unwrap();
    sender.send("more").await.unwrap();
    assert_eq!(receiver.next().await, Some(Ok("more".into())));
}

// L06
#[apply(browser_test)]
async fn without_its_receiver_a_connection_still_sends() {
    let count = &mut Count::new().await;
    // The echoes would exceed these limits if they were queued.
    let options = Options::new().receive_limit(1000).receive_limit_messages(2);
    let (mut sender, receiver) = connect_with(&count.path("/echo"), &options).await.split();
    drop(receiver);
    for _ in 0..10 {
        sender.send([1; 1000]).await.unwrap();
    }
    sender.flush().await.unwrap();
    // Meanwhile the echoes arrive.
    connect("/echo").await.close().await.unwrap();
    let end = CloseEvent { code: 4000, reason: "enough".into(), was_clean: true };
    assert_eq!(sender.close_with(4000, "enough").await, Ok(end));
    assert_eq!(count.ended().await, "10 received, closed with 4000");
}

// L06
#[apply(browser_test)]
async fn without_its_senders_a_connection_still_receives() {
    let count = &mut Count::new().await;
    let (mut sender, mut receiver) = connect(&count.path("/echo")).await.split();
    let clone = sender.clone();
    sender.send("back, please").await.unwrap();
    drop((sender, clone));
    assert_eq!(receiver.next().await, Some(Ok("back, please".into())));
    count.becomes(1).await;
    drop(receiver);
    count.becomes(0).await;
}

#[apply(browser_test)]
async fn a_connection_can_have_many_senders() {
    let (sender, mut receiver) = connect("/echo").await.split();
    let send = |number: u8| {
        let mut sender = sender.clone();
        async move { sender.send([number]).await.unwrap() }
    };
    join(send(1), send(2)).await;
    assert_eq!(receiver.next().await, Some(Ok(vec![1].into())));
    assert_eq!(receiver.next().await, Some(Ok(vec![2].into())));
}

// L07: whichever handle closes, all handles learn of it.
#[apply(browser_test)]
async fn a_close_from_one_side_ends_the_other() {
    let (sender, mut receiver) = connect("/echo").await.split();
    let closed = sender.closed();
    let close = async { sender.close_with(4001, "over").await };
    let (close, end) = join(close, async { (receiver.next().await, receiver.is_terminated()) }).await;
    assert_eq!(end, (None, true));
    assert_eq!(close, Ok(CloseEvent { code: 4001, reason: "over".into(), was_clean: true }));
    assert_eq!(closed.await, close);
    assert_eq!(sender.closed().await, close);
}

#[apply(browser_test)]
async fn a_close_is_begun_by_the_call() {
    let (mut sender, receiver) = connect("/echo").await.split();
    drop(sender.close());
    assert_eq!(sender.ready_state(), ReadyState::Closing);
    assert!(receiver.closed().await.is_ok());
}

#[apply(browser_test)]
async fn closed_keeps_no_connection_open() {
    let count = &mut Count::new().await;
    let stream = connect(&count.path("/echo")).await;
    let closed = stream.closed();
    drop(stream);
    assert_eq!(closed.await, Err(Error::Dropped));
    count.becomes(0).await;
}

#[apply(browser_test)]
async fn closed_says_how_the_peer_closed() {
    let stream = connect("/close/4002/peer").await;
    assert_eq!(stream.closed().await, Ok(CloseEvent { code: 4002, reason: "peer".into(), was_clean: true }));
}

/// Returns how each kind of wait ends on a connection whose buffer is full.
async fn waits(path: &str) -> Vec<(&'static str, Result<(), Error>)> {
    let options = Options::new().high_water_mark(100_000).close_timeout(Duration::from_secs(40));
    let mut results = Vec::new();
    for name in ["send", "ready", "flush", "slices", "closed", "next", "close"] {
        let (mut sender, mut receiver) = connect_with(path, &options).await.split();
        sender.send(vec![0; 20 << 20]).await.unwrap();
        let result = match name {
            "send" => sender.send(vec![0; 8]).await.map_err(Error::from),
            "ready" => sender.ready().await,
            "flush" => sender.flush().await,
            "slices" => sender.send_slices(Blob::new(&[1], ""), 1).try_for_each(|_| async { Ok(()) }).await,
            "closed" => sender.closed().await.map(drop),
            "close" => sender.close().await.map(drop),
            _ => receiver.next().await.map_or(Ok(()), |message| message.map(drop)),
        };
        results.push((name, result));
    }
    results
}

// S26, S27, C27: every wait ends, and only messages that the browser accepted count as sent.
#[apply(browser_test)]
async fn every_wait_ends_whatever_the_server_does() {
    let paths = if crashes_with_unsent() { &["/quit/100"][..] } else { &["/stall/100", "/quit/100"] };
    for &path in paths {
        for (name, result) in waits(path).await {
            match name {
                "next" if path == "/stall/100" => assert!(matches!(result, Err(Error::Unclean(_))), "{result:?}"),
                // Chromium calls a close unclean if messages were unsent, even if the peer's Close frame has arrived.
                "next" if matches!(result, Err(Error::Unclean(_))) => {}
                "closed" | "next" | "close" => assert_eq!(result, Ok(()), "{name} at {path}"),
                // A server that closes continues to read. It may have read everything before the page sees its Close frame.
                _ if path == "/quit/100" && result.is_ok() => {}
                _ if is_webkit() && result.is_ok() => {}
                // The state is `Closed`, or still `Closing`.
                _ => assert!(matches!(result, Err(Error::NotOpen(_))), "{name} at {path}: {result:?}"),
            }
        }
    }
    // If the server stalls for ever, only `close` ends the connection, by its timeout.
    let options = Options::new().close_timeout(Duration::from_millis(100));
    let mut stream = connect_with("/stall", &options).await;
    stream.send(vec![0; 20 << 20]).await.unwrap();
    assert_eq!(stream.close().await, Err(Error::CloseTimeout(Duration::from_millis(100))));
    assert_eq!(stream.closed().await, Err(Error::CloseTimeout(Duration::from_millis(100))));
}

// N26, N27, N34
#[apply(browser_test)]
async fn connecting_ends_whatever_the_server_does() {
    for (path, opens) in
        [("/status/503", false), ("/handshake/accept", false), ("/close/1000", true), ("/fault/reset-after/0", true)]
    {
        match start(&url(path)).await {
            Ok(stream) => {
                assert!(opens, "{path}");
                drop(stream.closed().await.unwrap());
            }
            // If a connection breaks at once, the browser may never have seen it open.
            Err(Error::ConnectFailed { .. }) => assert!(!opens || path == "/fault/reset-after/0", "{path}"),
            Err(error) => panic!("{path}: {error}"),
        }
    }
    let timeout = Duration::from_millis(100);
    let error = fail(&url("/hang"), &Options::new().connect_timeout(timeout)).await;
    assert_eq!(error, Error::ConnectTimeout { url: url("/hang"), timeout });
    settled().await;
}

// S26: the end itself wakes the sender, whichever side causes it; the sender does not wait for the next look at the buffer.
#[apply(browser_test)]
async fn a_waiting_sender_is_woken_by_the_end() {
    let options = Options::new().high_water_mark(100_000).low_water_mark(0);
    // The peer ends the connection only where this does not crash the browser.
    let states = [ReadyState::Closing, ReadyState::Closed].into_iter().take(if crashes_with_unsent() { 1 } else { 2 });
    for state in states {
        let key = random();
        let (mut sender, _receiver) = connect_with(&format!("/fault/stall-by/{key}"), &options).await.split();
        sender.send(vec![0; 20 << 20]).await.unwrap();
        let mut closer = sender.clone();
        let timers = NoTimers::new();
        let (wakes, woken) = futures_channel::oneshot::channel();
        // Waits in a task of its own, which nothing else wakes.
        spawn_local(async move { drop(wakes.send((sender.ready().await, sender.buffered_amount()))) });
        // From now on, only a timer would make the sender look at the buffer again. Over streams it looks when it is told to.
        let waits = async { if is_by_streams() { microtasks().await } else { timers.wanted().await } };
        let woken = match select(woken, pin!(waits)).await {
            Either::Left((room, _)) => {
                assert!(is_webkit() && room == Ok((Ok(()), 0)), "{room:?}");
                continue;
            }
            Either::Right(((), woken)) => woken,
        };
        if state == ReadyState::Closing {
            assert!(closer.close().now_or_never().is_none());
        } else {
            drop(connect(&format!("/fault/reset-now/{key}")).await);
        }
        match woken.await.unwrap() {
            // The browser may have sent everything before the end, which no page can prevent.
            (Ok(()), 0) => {}
            (end, _) => assert_eq!(end, Err(Error::NotOpen(state))),
        }
    }
}

// S26: a message from the peer makes the sender look at the buffer, too.
#[apply(browser_test)]
async fn a_waiting_sender_is_woken_by_a_message() {
    let (mut sender, mut receiver) = connect_with("/echo", &Options::new().high_water_mark(0)).await.split();
    let (sent, all_sent) = futures_channel::oneshot::channel();
    let receive = async {
        // Sends in a task of its own, which nothing else wakes.
        spawn_local(async move {
            for _ in 0..100 {
                sender.send(vec![0; 10_000]).await.unwrap();
            }
            drop(sent.send(sender));
        });
        for _ in 0..100 {
            receiver.next().await.unwrap().unwrap();
        }
        all_sent.await.unwrap()
    };
    let _timers = NoTimers::new();
    drop(receive.await);
}

// L02: a dropped future takes back a message that was not handed over, and loses nothing silently.
#[apply(browser_test)]
async fn a_dropped_send_sends_nothing() {
    let count = &mut Count::new().await;
    let path = count.path("/late/200");
    let (mut sender, receiver) = connect_with(&path, &Options::new().high_water_mark(0)).await.split();
    sender.send("first").await.unwrap();
    let message = String::from("second");
    assert!(sender.send(&message).now_or_never().is_none());
    assert!(sender.flush().now_or_never().is_none());
    sender.flush().await.unwrap();
    sender.send("third").await.unwrap();
    sender.close().await.unwrap();
    drop(receiver);
    assert_eq!(count.ended().await, "2 received, closed with 1005");
}

#[apply(browser_test)]
async fn try_send_accepts_no_more_than_the_mark() {
    let stream = &mut connect_with("/late/300", &Options::new().high_water_mark(100_000)).await;
    let mut taken = 0;
    let unsent = loop {
        match stream.try_send(vec![0; 60_000]) {
            Ok(()) => taken += 1,
            Err(unsent) => break unsent,
        }
        assert!(stream.buffered_amount() <= 160_000);
    };
    assert_eq!((taken, unsent.message.len(), unsent.error), (2, 60_000, Error::Full));
    stream.ready().await.unwrap();
    stream.try_send("there is room").unwrap();
    stream.send("report").await.unwrap();
    let Message::Text(report) = next(stream).await else { panic!("no report") };
    assert!(report.starts_with(r#"{"count":3,"#), "{report}");
    stream.close().await.unwrap();
    assert_eq!(stream.try_send("late").unwrap_err().error, Error::NotOpen(ReadyState::Closed));
}

#[apply(browser_test)]
async fn senders_are_served_in_the_order_in_which_they_began_to_wait() {
    let options = Options::new().high_water_mark(100_000);
    let (mut sender, mut receiver) = connect_with("/echo", &options).await.split();
    sender.send(vec![0; 20 << 20]).await.unwrap();
    let sends = (1..20).map(|name| {
        let mut sender = sender.clone();
        async move { sender.send(vec![name; 60_000]).await }
    });
    let mut sends = Box::pin(join_all(sends));
    assert!(poll!(&mut sends).is_pending());
    assert_eq!(sender.try_send("a newcomer").unwrap_err().error, Error::Full);
    let receive = async {
        let mut names = Vec::new();
        for _ in 0..20 {
            names.extend(receiver.next().await.unwrap().unwrap().as_bytes().unwrap().first().copied());
        }
        names
    };
    let (_, names) = join(sends, receive).await;
    assert_eq!(names, (0..20).collect::<Vec<_>>());
}

// Once dropped, a future that never ends must not keep the connection open.
#[apply(browser_test)]
async fn a_future_that_waits_can_be_dropped_at_any_time() {
    let count = &mut Count::new().await;
    for _ in 0..3 {
        let (mut sender, mut receiver) = connect(&count.path("/echo")).await.split();
        let waiting = async { drop(receiver.next().await) };
        let sending = async {
            sender.send("x").await.unwrap();
            pending::<()>().await;
        };
        drop(select(Box::pin(waiting), Box::pin(sending)).await);
    }
    count.becomes(0).await;
}

//! The end of a connection.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt, TryStreamExt, poll};
use macro_rules_attribute::apply;
use wasm_websocket::{CloseCode, CloseEvent, CloseReason, Error, Options, ReadyState, WebSocket, WebSocketStream};

use super::guard::{arrival, deviation, is_webkit, skipped, state_of, turn};
use super::peer::{Count, connect, connect_with, is_by_streams, settled, start, url};

fn event(code: u16, reason: &str, was_clean: bool) -> CloseEvent {
    CloseEvent { code, reason: reason.into(), was_clean }
}

// C01, C02, C03, C09: the close event has the code and the reason that the peer echoes.
#[apply(browser_test)]
async fn close_yields_what_the_peer_answers() {
    assert_eq!(connect("/echo").await.close().await, Ok(event(1005, "", true)));
    assert_eq!(connect("/echo").await.close_with(1000, "done").await, Ok(event(1000, "done", true)));
    let longest = "x".repeat(123);
    assert_eq!(connect("/echo").await.close_with(4999, &*longest).await, Ok(event(4999, &longest, true)));
    let typed = (CloseCode::NORMAL, CloseReason::truncated("typed"));
    assert_eq!(connect("/echo").await.close_with(typed.0, typed.1).await, Ok(event(1000, "typed", true)));
}

// C04, C05, C09, C10, C13, C14, C21: they are errors in every state, and the code is checked before the reason.
#[apply(browser_test)]
async fn a_bad_code_or_reason_is_an_error_and_closes_nothing() {
    let stream = connect("/echo").await;
    let mut closed = WebSocketStream::connect(&url("/echo")).await.unwrap();
    closed.close().await.unwrap();
    let closed = WebSocket::from_raw(closed.into_raw());
    // This one connects last, since browsers let the next connection to the same host wait for it.
    let connecting = WebSocket::new(&url("/hang")).unwrap();
    for code in [0, 500, 999, 1001, 1005, 1006, 2999, 5000, 65535] {
        for reason in ["", &*"x".repeat(124)] {
            assert_eq!(stream.close_with(code, reason).await, Err(Error::InvalidCloseCode(code)));
            assert_eq!(connecting.close_with(code, reason), Err(Error::InvalidCloseCode(code)));
            assert_eq!(closed.close_with(code, reason), Err(Error::InvalidCloseCode(code)));
        }
    }
    for (reason, len) in [("x".repeat(124), 124), ("€".repeat(42), 126)] {
        assert_eq!(stream.close_with(1000, &reason).await, Err(Error::ReasonTooLong(len)));
        assert_eq!(closed.close_with(1000, &reason), Err(Error::ReasonTooLong(len)));
    }
    assert_eq!(stream.ready_state(), ReadyState::Open);
    assert_eq!(connecting.ready_state(), ReadyState::Connecting);
    connecting.close();
    settled().await;
}

// C02, C03, C10, C12: the standard does not say what happens to a reason without a code; this crate has no call for it.
#[apply(browser_test)]
async fn a_multi_byte_reason_arrives_whole() {
    let reason = "€".repeat(41);
    assert_eq!(connect("/echo").await.close_with(3000, &reason).await, Ok(event(3000, &reason, true)));
}

// C22, C23, C24
#[apply(browser_test)]
async fn the_peers_code_and_reason_are_known() {
    let codes =
        [1001, 1011, 1012, 1013, 1014, 3000, 4999].map(|code| (format!("/close/{code}"), event(code, "", true)));
    for (path, expected) in codes.into_iter().chain([
        ("/close/1000/bye".into(), event(1000, "bye", true)),
        ("/close/1005".into(), event(1005, "", true)),
        ("/close/4001/%E2%82%AC".into(), event(4001, "€", true)),
    ]) {
        let mut stream = connect(&path).await;
        let end = stream.try_next().await;
        if (1012..=1014).contains(&expected.code) && stream.close_event() == Some(event(1006, "", false)) {
            deviation("C24", &format!("takes code {} for a failure", expected.code));
            assert_eq!(end, Err(lost()));
        } else {
            assert_eq!((end, stream.close_event()), (Ok(None), Some(expected)), "{path}");
        }
    }
}

// C17: the server receives all messages before the Close frame.
#[apply(browser_test)]
async fn what_was_sent_before_a_close_or_a_drop_arrives() {
    // Over streams, longer messages would have to wait, since the high water mark is at most 128 KiB.
    let len = if is_by_streams() { 1_000 } else { 10_000 };
    for is_dropped in [false, true] {
        let count = &mut Count::new().await;
        let mut stream = connect(&count.path("/sink")).await;
        for _ in 0..50 {
            assert!(matches!(poll!(pin!(stream.send(vec![0; len]))), Poll::Ready(Ok(()))));
        }
        if is_dropped {
            drop(stream);
        } else {
            stream.close().await.unwrap();
        }
        assert_eq!(count.ended().await, "50 received, closed with 1005");
    }
}

// C28: the Close frames of both sides cross, and each side takes the other's frame for the answer to its own.
#[apply(browser_test)]
async fn a_simultaneous_close_is_one_clean_close() {
    let mut stream = connect("/frames/close").await;
    stream.send("now").await.unwrap();
    assert_eq!(stream.close_with(4001, "mine").await, Ok(event(4000, "", true)));
    assert_eq!(stream.close_event(), Some(event(4000, "", true)));
}

/// Returns the error that a stream yields last when its connection was lost.
fn lost() -> Error {
    Error::Unclean(event(1006, "", false))
}

// C26: a task that only reads learns of the loss, too, and only once.
#[apply(browser_test)]
async fn a_connection_that_breaks_ends_with_1006() {
    for path in ["/reset", "/fin"] {
        let mut stream = connect(path).await;
        stream.send("now").await.unwrap();
        assert_eq!(stream.next().await, Some(Err(lost())), "{path}");
        assert_eq!(stream.next().await, None, "{path}");
        assert_eq!(stream.close_event(), Some(event(1006, "", false)), "{path}");
        assert_eq!(stream.next_raw().await, None, "{path}");
    }
}

// C26, S28
#[apply(browser_test)]
async fn closing_the_sink_of_a_broken_connection_is_an_error() {
    let mut stream = connect("/reset").await;
    stream.send("now").await.unwrap();
    assert_eq!(stream.next().await, Some(Err(lost())));
    assert_eq!(SinkExt::close(&mut stream).await, Err(lost()));
}

// C27
#[apply(browser_test)]
async fn close_does_not_wait_for_ever() {
    let timeout = Duration::from_millis(50);
    let mut stream = connect_with("/stall", &Options::new().close_timeout(timeout)).await;
    assert_eq!(stream.close().await, Err(Error::CloseTimeout(timeout)));
    assert_eq!(stream.next().await, Some(Err(Error::CloseTimeout(timeout))));
    assert_eq!(stream.next().await, None);
    assert_eq!(stream.close().await, Err(Error::CloseTimeout(timeout)));
    assert_eq!(stream.close_event(), None);
}

// C17, S28: the message is unsent for longer than the timeout, which starts over for a large message.
#[apply(browser_test)]
async fn a_close_waits_for_a_large_message() {
    if is_webkit() {
        return skipped(TEST); // its `bufferedAmount` is soon 0, so nothing shows that bytes are still leaving
    }
    let options = Options::new().close_timeout(Duration::from_secs(1));
    let mut stream = connect_with("/late/4000", &options).await;
    stream.send(vec![0; 32 << 20]).await.unwrap();
    assert!(stream.close().await.unwrap().was_clean);
}

// C15, C16
#[apply(browser_test)]
async fn closing_twice_gives_the_same_event() {
    let mut stream = connect("/echo").await;
    assert!(poll!(pin!(stream.close_with(4000, "first"))).is_pending());
    assert_eq!(stream.close_with(4001, "second").await, Ok(event(4000, "first", true)));
    assert_eq!(stream.close().await, Ok(event(4000, "first", true)));
}

#[apply(browser_test)]
async fn what_arrived_before_a_local_close_is_still_in_the_stream() {
    let mut stream = connect("/echo").await;
    let both = arrival(&stream, 2);
    for text in ["zero", "one"] {
        stream.send(text).await.unwrap();
    }
    assert_eq!(stream.try_next().await, Ok(Some("zero".into())));
    both.await;
    stream.close().await.unwrap();
    assert_eq!(stream.try_next().await, Ok(Some("one".into())));
    assert_eq!(stream.try_next().await, Ok(None));
}

// L01
#[apply(browser_test)]
async fn dropping_a_stream_closes_its_connection() {
    let count = &mut Count::new().await;
    let stream = connect(&count.path("/echo")).await;
    count.becomes(1).await;
    drop(stream);
    count.becomes(0).await;
}

// N35, L02
#[apply(browser_test)]
async fn dropping_a_connecting_future_closes_its_connection() {
    let count = &mut Count::new().await;
    let url = url(&count.path("/echo"));
    let mut connecting = Box::pin(start(&url));
    assert!(poll!(&mut connecting).is_pending());
    drop(connecting);
    let last = connect(&count.path("/echo")).await;
    count.becomes(1).await;
    drop(last);
    count.becomes(0).await;
}

// L02, N35: a dropped socket that is still connecting is closed after a second.
#[apply(browser_test)]
async fn a_dropped_connection_does_not_connect_for_ever() {
    let socket = WebSocket::new(&url("/hang")).unwrap();
    let state = state_of(&socket);
    drop(socket);
    assert_eq!(state(), ReadyState::Connecting);
    turn(1_200).await;
    assert!(matches!(state(), ReadyState::Closing | ReadyState::Closed));
    settled().await;
}

// L01
#[apply(browser_test)]
async fn dropping_a_socket_closes_its_connection() {
    let count = &mut Count::new().await;
    let socket = WebSocket::new(&url(&count.path("/echo"))).unwrap();
    count.becomes(1).await;
    drop(socket);
    count.becomes(0).await;
}

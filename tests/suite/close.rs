//! The end of a connection.

use std::pin::pin;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt, TryStreamExt};
use macro_rules_attribute::apply;
use wasm_websocket::{CloseCode, CloseEvent, CloseReason, Error, Options, ReadyState, WebSocket, WebSocketStream};

use super::guard::turn;
use super::peer::{Count, connect, connect_with, url};

fn event(code: u16, reason: &str, was_clean: bool) -> CloseEvent {
    CloseEvent { code, reason: reason.into(), was_clean }
}

// C01, C02, C03, C09
#[apply(browser_test)]
async fn close_yields_what_the_peer_answers() {
    assert_eq!(connect("/echo").await.close().await, Ok(event(1005, "", true)));
    assert_eq!(connect("/echo").await.close_with(1000, "done").await, Ok(event(1000, "done", true)));
    let longest = "x".repeat(123);
    assert_eq!(connect("/echo").await.close_with(4999, &*longest).await, Ok(event(4999, &longest, true)));
    let typed = (CloseCode::NORMAL, CloseReason::truncated("typed"));
    assert_eq!(connect("/echo").await.close_with(typed.0, typed.1).await, Ok(event(1000, "typed", true)));
}

// C04, C05, C10, C21
#[apply(browser_test)]
async fn a_bad_code_or_reason_is_an_error_and_closes_nothing() {
    let mut stream = connect("/echo").await;
    for code in [0, 999, 1001, 1005, 1006, 2999, 5000] {
        assert_eq!(stream.close_with(code, "").await, Err(Error::InvalidCloseCode(code)));
    }
    assert_eq!(stream.close_with(1000, "€".repeat(42)).await, Err(Error::ReasonTooLong(126)));
    assert_eq!(stream.ready_state(), ReadyState::Open);
}

// C22–C24
#[apply(browser_test)]
async fn the_peers_code_and_reason_are_known() {
    for (path, expected) in [
        ("/close/1000/bye", event(1000, "bye", true)),
        ("/close/1005", event(1005, "", true)),
        ("/close/1001", event(1001, "", true)),
        ("/close/1011", event(1011, "", true)),
        ("/close/4001/%E2%82%AC", event(4001, "€", true)),
    ] {
        let mut stream = connect(path).await;
        assert_eq!(stream.try_next().await, Ok(None));
        assert_eq!(stream.close_event(), Some(expected), "{path}");
    }
}

// C26
#[apply(browser_test)]
async fn a_reset_connection_ends_with_1006() {
    let mut stream = connect("/reset").await;
    stream.send("now").await.unwrap();
    assert!(stream.next().await.is_none());
    assert_eq!(stream.close_event(), Some(event(1006, "", false)));
}

// C26, S28
#[apply(browser_test)]
async fn closing_the_sink_of_a_broken_connection_is_an_error() {
    let mut stream = connect("/reset").await;
    stream.send("now").await.unwrap();
    assert!(stream.next().await.is_none());
    assert_eq!(SinkExt::close(&mut stream).await, Err(Error::Unclean(event(1006, "", false))));
}

// C27
#[apply(browser_test)]
async fn close_does_not_wait_for_ever() {
    let timeout = Duration::from_millis(50);
    let mut stream = connect_with("/stall", &Options::new().close_timeout(timeout)).await;
    assert_eq!(stream.close().await, Err(Error::CloseTimeout(timeout)));
    assert!(stream.next().await.is_none());
    assert_eq!(stream.close().await, Err(Error::CloseTimeout(timeout)));
    assert_eq!(stream.close_event(), None);
}

// C15, C16
#[apply(browser_test)]
async fn closing_twice_gives_the_same_event() {
    let mut stream = connect("/echo").await;
    assert!(futures_util::poll!(pin!(stream.close_with(4000, "first"))).is_pending());
    assert_eq!(stream.close_with(4001, "second").await, Ok(event(4000, "first", true)));
    assert_eq!(stream.close().await, Ok(event(4000, "first", true)));
}

#[apply(browser_test)]
async fn what_arrived_before_a_local_close_is_still_in_the_stream() {
    let mut stream = connect("/echo").await;
    for text in ["zero", "one"] {
        stream.send(text).await.unwrap();
    }
    assert_eq!(stream.try_next().await, Ok(Some("zero".into())));
    turn(200).await;
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

// N35
#[apply(browser_test)]
async fn dropping_a_connecting_future_closes_its_connection() {
    let count = &mut Count::new().await;
    let url = url(&count.path("/echo"));
    let mut connecting = Box::pin(WebSocketStream::connect(&url));
    assert!(futures_util::poll!(&mut connecting).is_pending());
    drop(connecting);
    let last = connect(&count.path("/echo")).await;
    count.becomes(1).await;
    drop(last);
    count.becomes(0).await;
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

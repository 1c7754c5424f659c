//! Sessions whose connections are lost again and again.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::{FutureExt, StreamExt};
use macro_rules_attribute::apply;
use serde::Deserialize;
use wasm_websocket::reconnect::{Backoff, Cause};
use wasm_websocket::session::{LostCause, Session, SessionOptions};
use wasm_websocket::{BinaryType, Blob, Error, Message, Options};

use super::guard::{Live, has_document, log, now, random, skipped, unreadable_blob};
use super::peer::{IS_LARGE, connect, next, url};
use super::reconnect::ms;

/// Returns the message with a number: text, bytes or a Blob. Some messages contain only the number.
fn message(number: u32) -> Message {
    let text = format!("{number} {}", "x".repeat((number * 37 % 500) as usize));
    match number % 3 {
        0 => Message::Text(text),
        1 => Message::Binary(text.into_bytes()),
        _ => Message::Blob(Blob::new(text.as_bytes(), "")),
    }
}

/// Returns whether a message is text, and its bytes.
async fn content(message: Message) -> (bool, Vec<u8>) {
    match message {
        Message::Text(text) => (true, text.into_bytes()),
        Message::Binary(bytes) => (false, bytes),
        Message::Blob(blob) => (false, blob.bytes().await.unwrap()),
    }
}

/// Begins a session at a path of the server, which reconnects after a few milliseconds. Returns the session, and the number of its
/// attempts so far.
fn begin(path: &str) -> (Session, Rc<Cell<usize>>) {
    let (attempts, url) = (Rc::new(Cell::new(0)), url(path));
    let asked = Rc::clone(&attempts);
    let options = SessionOptions::new()
        .backoff(Backoff::new().base(ms(5)).cap(ms(5)).floor(ms(1)))
        .connection(Options::new().binary_type(BinaryType::Blob))
        .replay(4000);
    let session = Session::new(options, async move || {
        asked.set(asked.get() + 1);
        Ok(url.clone())
    });
    (session, attempts)
}

/// Takes all messages until the end, and checks that each arrives once and in order. Returns how many there were.
async fn take_all(session: &mut Session) -> u32 {
    let mut taken = 0;
    while let Some(item) = session.next().await {
        assert_eq!(content(item.unwrap()).await, content(message(taken)).await, "message {taken}");
        taken += 1;
    }
    taken
}

// A session survives the loss of its connections: 100 in a page, 5 in a worker.
#[apply(browser_test)]
async fn a_session_has_each_message_once_over_a_hundred_connections() {
    let (cuts, messages) = if has_document() { (100, 500) } else { (5, 50) };
    let (mut session, attempts) = begin(&format!("/session/echo/{cuts}"));
    let sender = session.sender();
    let send_all = async {
        for number in 0..messages {
            drop(sender.send(message(number)).await.unwrap());
        }
        sender.close_with(3000, "done").await.unwrap();
    };
    let ((), taken) = futures_util::join!(send_all, take_all(&mut session));
    assert_eq!(taken, messages);
    assert_eq!(session.peer_end(), Some((3000, "done".into())));
    assert!(attempts.get() > cuts, "there were only {} connections", attempts.get());
    let counts = session.counts();
    assert_eq!((counts.acknowledged, counts.lost, counts.taken), (messages.into(), 0, messages.into()));
    assert!(counts.transmitted > counts.acknowledged, "nothing was transmitted again: {counts:?}");
}

/// How often a session is disconnected. The server has 13 faults, each of which strikes once in 13 connections.
const DISCONNECTIONS: usize = if IS_LARGE { 1_000 } else { 26 };

// Messages are processed once and in order, in both directions, whichever fault disconnects.
#[apply(browser_test)]
async fn a_session_has_each_message_once_whatever_disconnects() {
    if !has_document() {
        return skipped(TEST);
    }
    let (key, start) = (random().to_string(), now());
    let (mut session, attempts) = begin(&format!("/session/chaos/3/{key}?faults={DISCONNECTIONS}"));
    let sender = session.sender();
    let send_all = async {
        let mut sent = 0;
        while attempts.get() <= DISCONNECTIONS {
            drop(sender.send(message(sent)).await.unwrap());
            sent += 1;
        }
        sender.close_with(3000, "done").await.unwrap();
        sent
    };
    let (sent, taken) = futures_util::join!(send_all, take_all(&mut session));
    assert_eq!(sent, taken);
    let counts = session.counts();
    assert_eq!((counts.acknowledged, counts.unacknowledged, counts.lost), (sent.into(), 0, 0));
    drop(session);
    let struck = report(&key).await;
    assert_eq!((struck.len(), struck.values().sum()), (13, DISCONNECTIONS), "{struck:?}");
    let time = now() - start;
    log(&format!("a session of {DISCONNECTIONS} disconnections in {time} ms: {sent} messages each way: {counts:?}"));
}

/// Returns how often each fault of the server has struck.
async fn report(key: &str) -> BTreeMap<String, usize> {
    let Message::Text(report) = next(&mut connect(&format!("/chaos-report/{key}")).await).await else { panic!() };
    serde_json::from_str::<Report>(&report).unwrap().struck
}

#[derive(Deserialize)]
struct Report {
    struck: BTreeMap<String, usize>,
}

// A receipt resolves when the peer has processed the message, even if that took another connection.
#[apply(browser_test)]
async fn a_receipt_waits_for_a_connection() {
    let url = url("/session/echo/1");
    let options = SessionOptions::new().backoff(Backoff::new().base(ms(5)).cap(ms(5)).floor(ms(1)));
    let mut session = Session::new(options, async move || Ok(url.clone()));
    let mut receipt = session.try_send("hello").unwrap();
    // There is no connection yet.
    assert!((&mut receipt).now_or_never().is_none());
    assert_eq!(receipt.await, Ok(()));
    assert_eq!(session.next().await.unwrap().unwrap(), Message::from("hello"));
    session.close().await.unwrap();
    assert!(session.next().await.is_none());
}

/// Begins and ends sessions, each of which is dropped while it waits for the server to close.
async fn end_sessions(count: usize) {
    for _ in 0..count {
        let (mut session, _) = begin("/session/echo/0");
        drop(session.send("hello").await.unwrap());
        session.close().await.unwrap();
        while session.next().await.is_some() {}
    }
}

#[apply(browser_test)]
async fn nothing_is_left_of_ended_sessions() {
    end_sessions(2).await; // some objects are created when they are first needed, and then kept
    let before = Live::at_rest().await;
    end_sessions(4).await;
    Live::at_rest().await.assert_no_more_than(&before);
}

// A file that cannot be read ends each connection on which it is transmitted.
#[apply(browser_test)]
async fn a_file_that_cannot_be_read_loses_the_session() {
    let Some(file) = unreadable_blob().await else { return skipped(TEST) };
    let (mut session, _) = begin("/session/echo/0");
    drop(session.send(file).await.unwrap());
    let lost = session.next().await.unwrap().unwrap_err();
    assert!(matches!(lost.cause, LostCause::Stopped(Cause::Failed(Error::UnreadableBlob(_)))), "{lost}");
    assert!(session.next().await.is_none());
}

//! Messages that a handler sends by the methods and by the sink of its session.

use std::time::Duration;

use futures_util::{FutureExt, SinkExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use websocket_session_server::{Limits, Message, SendError, Session, Sessions};

use crate::client::{Client, Event, Options};
use crate::raw::{Got, Raw};
use crate::server::{Server, limits};

#[tokio::test]
async fn what_the_sink_has_taken_is_sent_before_what_follows() {
    let handler = |mut session: Session| async move {
        let _go = session.recv().await;
        session.feed("1".into()).await.unwrap();
        assert!(session.acknowledged().now_or_never().is_none(), "nothing is acknowledged yet");
        session.commit(["2".into()]).await.unwrap();
        session.feed("3".into()).await.unwrap();
        session.send("4").await.unwrap();
        session.feed("5".into()).await.unwrap();
        session.end(1000, "").unwrap();
        session.flush().await.unwrap();
    };
    let server = Server::start(Sessions::memory(limits()), handler).await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.send("go").await;
    for number in 1..=5 {
        assert_eq!(client.text().await, number.to_string());
    }
    assert!(matches!(client.next().await, Some(Event::End(_))));
}

#[tokio::test]
async fn the_sink_refuses_only_the_message_that_is_too_large() {
    let large = || Message::from(vec![0; 1_000_001]);
    let handler = move |mut session: Session| async move {
        let refused = session.feed(large()).await;
        assert!(matches!(refused, Err(SendError::TooLarge(message)) if message == large()));
        session.send("small").await.unwrap();
    };
    let server = Server::start(Sessions::memory(limits()), handler).await;
    assert_eq!(Raw::begin(server.address).await.get().await, Got::Text(":small".into()));
}

#[tokio::test]
async fn the_sink_waits_while_the_replay_buffer_is_full() {
    let handler = |mut session: Session| async move {
        session.feed(vec![0; 200].into()).await.unwrap();
        assert!(session.feed("early".into()).now_or_never().is_none(), "the buffer is full");
        session.feed("late".into()).await.unwrap();
    };
    let server = Server::start(Sessions::memory(Limits { replay: 100, ..limits() }), handler).await;
    let mut raw = Raw::begin(server.address).await;
    assert_eq!(raw.get().await, Got::Binary(200));
    raw.send(r#"A{"processed":1,"credit":1000000}"#).await;
    assert_eq!(raw.get().await, Got::Text(":late".into()));
}

#[tokio::test]
async fn ending_wakes_a_sender_that_waits_for_room() {
    let (out, mut sent) = mpsc::unbounded_channel();
    let handler = move |session: Session| {
        let out = out.clone();
        async move {
            let (mut sender, _receiver) = session.split();
            let mut other = sender.clone();
            sender.send(vec![0; 200]).await.unwrap();
            let (result, ()) = tokio::join!(sender.send("late"), async { other.end(1000, "").unwrap() });
            out.send(result).unwrap();
        }
    };
    let server = Server::start(Sessions::memory(Limits { replay: 100, ..Limits::default() }), handler).await;
    // The client acknowledges nothing, so the replay buffer stays full.
    let _raw = Raw::begin(server.address).await;
    let result = timeout(Duration::from_secs(10), sent.recv()).await.expect("the sender wakes");
    assert_eq!(result, Some(Err(SendError::Ended("late".into()))));
}

#[tokio::test]
async fn a_commit_without_replies_does_not_wait_for_room() {
    let (out, mut committed) = mpsc::unbounded_channel();
    let handler = move |mut session: Session| {
        let out = out.clone();
        async move {
            session.send(vec![0; 200]).await.unwrap();
            let _message = session.recv().await;
            out.send(session.commit([]).now_or_never()).unwrap();
            std::future::pending().await
        }
    };
    let server = Server::start(Sessions::memory(Limits { replay: 100, ..limits() }), handler).await;
    let mut raw = Raw::begin(server.address).await;
    assert_eq!(raw.get().await, Got::Binary(200));
    // The client does not acknowledge the message, so the replay buffer stays full.
    raw.send(":one").await;
    assert_eq!(committed.recv().await, Some(Some(Ok(()))));
    raw.send("P").await;
    assert_eq!(raw.get().await, Got::Text(r#"A{"processed":1,"credit":1048595}"#.into()));
}

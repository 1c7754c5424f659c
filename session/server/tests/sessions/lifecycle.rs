//! Sessions that begin, move to another server, and end.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{pause, sleep};
use websocket_session_server::{Gone, Limits, LostCause, MemoryStore, Message, Session, Sessions};

use crate::client::{Client, Event, Options, name};
use crate::raw::{Got, Raw, hello};
use crate::server::{Server, echo, limits};

const ACK: &str = r#"A{"processed":0,"credit":1000000}"#;

/// Returns a handler that reports how its stream has ended.
fn reporting(to: mpsc::UnboundedSender<Option<Gone>>) -> impl Fn(Session) -> Later + Clone + Send + Sync {
    move |mut session| {
        let to = to.clone();
        Box::pin(async move {
            loop {
                match session.recv().await {
                    Some(Ok(message)) => drop(session.send(message).await),
                    Some(Err(gone)) => return to.send(Some(gone)).unwrap(),
                    None => return to.send(None).unwrap(),
                }
            }
        })
    }
}

type Later = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

#[tokio::test]
async fn a_newer_connection_supersedes_the_older_one() {
    let server = Server::start(Sessions::memory(limits()), echo).await;
    let (name, mut one, mut two) = (name(), Raw::open(server.address).await, Raw::open(server.address).await);
    let token = one.greet(&hello(&name, 1, None, "ada")).await;
    assert!(two.greet(&hello(&name, 2, Some(token.token()), "ada")).await.is_resumed());
    assert_eq!(one.closed().await, 4409);
    two.send(":two").await;
    while two.get().await != Got::Text(":two".into()) {}
}

#[tokio::test]
async fn a_session_without_connection_is_lost_when_its_time_is_over() {
    let (to, mut heard) = mpsc::unbounded_channel();
    let server = Server::start(Sessions::memory(Limits::default()), reporting(to)).await;
    let mut raw = Raw::open(server.address).await;
    raw.greet(&hello(&name(), 1, None, "ada")).await;
    raw.send(ACK).await;
    raw.send(":one").await;
    while raw.get().await != Got::Text(":one".into()) {}
    drop(raw);
    sleep(Duration::from_millis(50)).await;
    pause();
    let before = tokio::time::Instant::now();
    let Some(Some(Gone::Lost(lost))) = heard.recv().await else { panic!("the session is not lost") };
    assert!(before.elapsed() > Duration::from_secs(290) && before.elapsed() < Duration::from_secs(310));
    assert_eq!((lost.cause, lost.unacknowledged.len()), (LostCause::Expired, 1));
    assert_eq!(lost.unacknowledged[0].payload, Message::from("one"));
    assert_eq!(server.sessions.len(), 0);
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_given_up() {
    let server = Server::start(Sessions::memory(Limits::default()), echo).await;
    let mut raw = Raw::open(server.address).await;
    raw.greet(&hello(&name(), 1, None, "ada")).await;
    raw.send(ACK).await;
    sleep(Duration::from_millis(50)).await;
    pause();
    let before = tokio::time::Instant::now();
    assert_eq!(raw.get().await, Got::Text("P".into()));
    assert_eq!(before.elapsed().as_secs(), 24);
    assert_eq!(raw.get().await, Got::Nothing);
    assert!(before.elapsed().as_secs() < 40);
    assert_eq!(server.sessions.len(), 1);
}

#[tokio::test]
async fn a_handler_that_panics_loses_its_session_alone() {
    let handler = |mut session: Session| async move {
        let text = session.recv().await;
        assert!(!format!("{text:?}").contains("panic"), "the client asks the handler to panic");
        echo(session).await;
    };
    let server = Server::start(Sessions::memory(limits()), handler).await;
    let mut other = Client::start(Options::new(&[server.address]));
    other.send("hello").await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.send("panic").await;
    let Some(Event::Lost(lost)) = client.next().await else { panic!("the session is not lost") };
    assert_eq!((lost.cause, lost.unacknowledged.len()), (LostCause::GivenUp, 1));
    other.send("again").await;
    assert_eq!(other.text().await, "again");
}

#[tokio::test]
async fn what_a_handler_leaves_unread_is_reported_to_the_client() {
    let handler = |mut session: Session| async move {
        let _one = session.recv().await;
        session.send("bye").await.unwrap();
    };
    let server = Server::start(Sessions::memory(limits()), handler).await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.send("one").await;
    assert_eq!(client.text().await, "bye");
    assert!(matches!(client.next().await, Some(Event::End(_))));
    client.send("two").await;
    let Some(Event::Lost(lost)) = client.next().await else { panic!("the session is not lost") };
    assert_eq!(lost.unacknowledged.len(), 1);
    assert_eq!(lost.unacknowledged[0].payload.text(), "two");
}

#[tokio::test]
async fn a_restart_without_a_store_is_one_loss() {
    let handler = |mut session: Session| async move {
        let message = session.recv().await.unwrap().unwrap();
        session.commit([message]).await.unwrap();
        std::future::pending().await
    };
    let server = Server::start(Sessions::memory(limits()), handler).await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.send("one").await;
    client.send("two").await;
    assert_eq!(client.text().await, "one");
    let address = server.stop().await;
    let _server = Server::at(address, Sessions::memory(limits()), echo).await;
    let Some(Event::Lost(lost)) = client.next().await else { panic!("the session is not lost") };
    assert!(lost.unacknowledged.iter().map(|lost| lost.payload.text()).eq(["two"]), "{lost:?}");
    client.send("three").await;
    assert_eq!(client.text().await, "three");
}

#[tokio::test]
async fn a_handler_gets_an_error_when_its_server_shuts_down() {
    let (to, mut heard) = mpsc::unbounded_channel();
    let server = Server::start(Sessions::memory(limits()), reporting(to)).await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.send("one").await;
    assert_eq!(client.text().await, "one");
    let address = server.stop().await;
    assert_eq!(heard.recv().await, Some(Some(Gone::Moved)));
    let _server = Server::at(address, Sessions::memory(limits()), echo).await;
    let Some(Event::Lost(lost)) = client.next().await else { panic!("the session is not lost") };
    assert_eq!(lost.unacknowledged, [], "processed messages were acknowledged before the server closed");
}

/// Takes messages and answers each with its number, in one change of the store.
async fn count(mut session: Session) {
    let progress = session.progress();
    let mut number = progress.processed;
    if progress.sent != number {
        return;
    }
    while let Some(Ok(message)) = session.recv().await {
        number += 1;
        if session.number() != Some(number) || session.commit([message]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn with_a_store_a_restart_loses_nothing() {
    let store = MemoryStore::new();
    let mut server = Server::start(Sessions::with_store(limits(), store.clone()), count).await;
    let Client { commands, mut events } = Client::start(Options::new(&[server.address]));
    let sending = tokio::spawn(async move {
        for number in 1..=1000 {
            commands.send(crate::client::Command::Send(number.to_string().into())).await.unwrap();
            sleep(Duration::from_millis(1)).await;
        }
        commands.send(crate::client::Command::End).await.unwrap();
    });
    let mut expected = 1;
    while let Some(event) = events.recv().await {
        match event {
            Event::Message(message) => {
                assert_eq!(message.text(), expected.to_string());
                expected += 1;
                if expected % 100 == 0 {
                    let address = server.stop().await;
                    server = Server::at(address, Sessions::with_store(limits(), store.clone()), count).await;
                }
            }
            Event::Connected(_) | Event::End(_) => (),
            event => panic!("{event:?}"),
        }
    }
    sending.await.unwrap();
    assert_eq!(expected, 1001);
}

#[tokio::test]
async fn a_restored_session_has_its_id_and_one_that_begins_anew_has_another() {
    let answer_with_id = async |mut session: Session| {
        while let Some(Ok(_)) = session.recv().await {
            let id: Message = session.id().into();
            session.commit([id]).await.unwrap();
        }
    };
    let store = MemoryStore::new();
    let server = Server::start(Sessions::with_store(limits(), store.clone()), answer_with_id).await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.send("who?").await;
    let id = client.text().await;
    let address = server.stop().await;
    let server = Server::at(address, Sessions::with_store(limits(), store), answer_with_id).await;
    client.send("who?").await;
    assert_eq!(client.text().await, id);
    let address = server.stop().await;
    let _server = Server::at(address, Sessions::with_store(limits(), MemoryStore::new()), answer_with_id).await;
    assert!(matches!(client.next().await, Some(Event::Lost(_))));
    client.send("who?").await;
    assert_ne!(client.text().await, id, "a new session has another id, although its name is the same");
}

#[tokio::test]
async fn a_handler_that_starts_after_the_end_of_the_client_sees_the_end() {
    let store = MemoryStore::new();
    let (out, mut ended) = mpsc::unbounded_channel();
    // A handler with work after the client's END, which it does not finish on the first server.
    let handler = move |mut session: Session| {
        let out = out.clone();
        async move {
            assert_eq!(session.recv().await, None);
            out.send(()).unwrap();
            if session.is_restored() {
                session.send("good bye").await.unwrap();
            } else {
                std::future::pending::<()>().await;
            }
        }
    };
    let server = Server::start(Sessions::with_store(limits(), store.clone()), handler.clone()).await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.end().await;
    ended.recv().await.unwrap();
    let address = server.stop().await;
    let _server = Server::at(address, Sessions::with_store(limits(), store), handler).await;
    assert_eq!(client.text().await, "good bye");
    assert!(matches!(client.next().await, Some(Event::End(_))));
}

#[tokio::test]
async fn a_server_that_has_lost_a_session_neither_processes_nor_sends() {
    let store = MemoryStore::new();
    let (out, mut sessions) = mpsc::unbounded_channel();
    let handler = move |session| {
        let (done, wait) = tokio::sync::oneshot::channel::<()>();
        out.send((session, done)).unwrap();
        async move { drop(wait.await) }
    };
    let one = Server::start(Sessions::with_store(limits(), store.clone()), handler.clone()).await;
    let two = Server::start(Sessions::with_store(limits(), store.clone()), handler).await;
    let name = name();
    let mut raw = Raw::open(one.address).await;
    let first = raw.greet(&hello(&name, 1, None, "ada")).await;
    raw.send(ACK).await;
    raw.send(":one").await;
    let (mut old, _done): (Session, _) = sessions.recv().await.unwrap();
    assert_eq!(old.recv().await, Some(Ok(Message::from("one"))));
    // The client connects to the other server. The first server does not know this yet.
    let mut other = Raw::open(two.address).await;
    let second = hello(&name, 2, Some(first.token()), "ada").replace("\"sent\":0", "\"sent\":1");
    assert!(other.greet(&second).await.is_resumed());
    other.send(ACK).await;
    other.send(":one").await;
    let (mut new, _done) = sessions.recv().await.unwrap();
    assert!(new.is_restored());
    assert_eq!(new.recv().await, Some(Ok(Message::from("one"))), "the message was not processed");
    let _ = old.commit([Message::from("from the old server")]).await;
    let heard = tokio::time::timeout(Duration::from_secs(10), old.recv()).await;
    assert_eq!(heard, Ok(Some(Err(Gone::Moved))));
    assert!(old.send("too late").await.is_err());
    assert_eq!(raw.closed().await, 1012);
    new.commit([Message::from("from the new server")]).await.unwrap();
    loop {
        match other.get().await {
            Got::Text(text) if text.starts_with(':') => break assert_eq!(text, ":from the new server"),
            Got::Text(_) => (),
            got => panic!("{got:?}"),
        }
    }
}

#[tokio::test]
async fn a_hello_that_is_refused_takes_a_session_from_no_server() {
    let store = MemoryStore::new();
    let one = Server::start(Sessions::with_store(limits(), store.clone()), echo).await;
    let two = Server::start(Sessions::with_store(limits(), store.clone()), echo).await;
    let session = name();
    let mut raw = Raw::open(one.address).await;
    raw.greet(&hello(&session, 1, None, "ada")).await;
    raw.send(ACK).await;
    for (attempt, token) in [(1, None), (2, None), (2, Some(name()))] {
        let hello = hello(&session, attempt, token.as_deref(), "ada");
        assert_eq!(crate::raw::refused(two.address, &hello).await, 4409);
    }
    raw.send(":one").await;
    while raw.get().await != Got::Text(":one".into()) {}
    assert_eq!((one.sessions.len(), two.sessions.len()), (1, 0));
}

//! Sessions that begin, move to another server, and end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{pause, resume, sleep};
use websocket_session_server::{Gone, Key, Limits, LostCause, MemoryStore, Message, Session, Sessions, Store};

use crate::client::{Client, Event, Options, name};
use crate::raw::{ACK, Got, Raw, hello};
use crate::server::{Server, echo, limits};
use crate::store::FaultyStore;

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
    let mut raw = Raw::begin(server.address).await;
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
async fn a_loss_after_the_end_of_the_client_is_told_once() {
    for waits in [true, false] {
        let (to, mut heard) = mpsc::unbounded_channel();
        let handler = move |mut session: Session| {
            let to = to.clone();
            async move {
                assert_eq!(session.recv().await, None);
                session.send("late").await.unwrap();
                let told = if waits {
                    session.acknowledged().await.err()
                } else {
                    sleep(Duration::from_secs(320)).await;
                    session.recv().await.and_then(Result::err)
                };
                to.send((told, session.recv().await, session.acknowledged().await)).unwrap();
            }
        };
        let server = Server::start(Sessions::memory(Limits::default()), handler).await;
        let mut raw = Raw::begin(server.address).await;
        raw.send(r#"E{"code":1000}"#).await;
        while raw.get().await != Got::Text(":late".into()) {}
        drop(raw);
        sleep(Duration::from_millis(50)).await;
        pause();
        let (told, next, again) = heard.recv().await.unwrap();
        let Some(Gone::Lost(lost)) = told else { panic!("the handler is told {told:?}") };
        assert_eq!((lost.cause, lost.unacknowledged.len()), (LostCause::Expired, 1));
        assert_eq!((next, again), (None, Err(Gone::Moved)));
        resume();
    }
}

#[tokio::test]
async fn each_silent_connection_makes_the_next_one_wait_twice_as_long() {
    let server = Server::start(Sessions::memory(Limits::default()), echo).await;
    let (name, mut token) = (name(), None);
    // After six silent connections the timeout does not grow any more. The client speaks on the last one but one.
    for (attempt, expected) in (1..).zip([35, 45, 65, 105, 185, 345, 345, 345, 35]) {
        let mut raw = Raw::open(server.address).await;
        token = Some(raw.greet(&hello(&name, attempt, token.as_deref(), "ada")).await.token().to_owned());
        raw.send(ACK).await;
        if attempt == 8 {
            raw.send(ACK).await;
        }
        pause();
        let (before, mut pings) = (tokio::time::Instant::now(), 0);
        while raw.get().await == Got::Text("P".into()) {
            pings += 1;
        }
        let took = before.elapsed().as_secs();
        assert!((expected - 2..=expected).contains(&took), "connection {attempt} was given up after {took} s");
        assert_eq!(25 + 10 * pings, expected, "the client hears a PING every 10 seconds");
        resume();
    }
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_given_up() {
    let server = Server::start(Sessions::memory(Limits::default()), echo).await;
    let mut raw = Raw::begin(server.address).await;
    pause();
    let before = tokio::time::Instant::now();
    assert_eq!(raw.get().await, Got::Text("P".into()));
    let took = before.elapsed().as_secs();
    assert!((23..=25).contains(&took), "pinged after {took} s");
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
async fn what_a_handler_leaves_unread_while_its_client_is_away_is_reported_when_the_client_returns() {
    let go = Arc::new(Notify::new());
    let handler = {
        let go = go.clone();
        move |mut session: Session| {
            let go = go.clone();
            async move {
                session.end(1000, "").unwrap();
                let _one = session.recv().await;
                go.notified().await;
            }
        }
    };
    let server = Server::start(Sessions::memory(limits()), handler).await;
    let (session, mut raw) = (name(), Raw::open(server.address).await);
    let welcome = raw.greet(&hello(&session, 1, None, "ada")).await;
    raw.send(ACK).await;
    assert_eq!(raw.get().await, Got::Text(r#"E{"code":1000}"#.into()));
    raw.send(r#"A{"processed":1,"credit":1000000}"#).await;
    raw.send(":one").await;
    raw.send(":two").await;
    raw.leave().await;
    go.notify_one();
    // The handler returns.
    sleep(Duration::from_millis(50)).await;
    let mut raw = Raw::open(server.address).await;
    let again = r#""sent":2,"received":1,"processed":1"#;
    let again =
        hello(&session, 2, Some(welcome.token()), "ada").replace(r#""sent":0,"received":0,"processed":0"#, again);
    let welcome = raw.greet(&again).await;
    assert!(welcome.is_resumed());
    assert_eq!(welcome.processed(), 1, "only the second message is lost");
    assert_eq!(raw.closed().await, 4410);
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
async fn what_a_handler_sends_while_its_server_shuts_down_arrives() {
    let store = FaultyStore { delay: Duration::from_millis(50), ..FaultyStore::default() };
    let (out, mut started) = mpsc::unbounded_channel();
    let (ended, mut ends) = mpsc::unbounded_channel();
    let handler = move |mut session: Session| {
        let (out, ended) = (out.clone(), ended.clone());
        async move {
            if session.is_restored() {
                return std::future::pending().await;
            }
            let _go = session.recv().await;
            out.send(()).unwrap();
            sleep(Duration::from_millis(20)).await;
            session.send("1").await.unwrap();
            // The store writes the first message meanwhile.
            sleep(Duration::from_millis(10)).await;
            session.send("2").await.unwrap();
            ended.send(session.recv().await).unwrap();
        }
    };
    let server = Server::start(Sessions::with_store(limits(), store.clone()), handler.clone()).await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.send("go").await;
    started.recv().await.unwrap();
    let address = server.stop().await;
    assert_eq!(ends.recv().await, Some(Some(Err(Gone::Moved))));
    let _server = Server::at(address, Sessions::with_store(limits(), store), handler).await;
    assert_eq!(client.text().await, "1");
    assert_eq!(client.text().await, "2");
}

#[tokio::test]
async fn a_server_that_stops_waiting_for_a_handler_refuses_what_it_does_not_store() {
    let store = FaultyStore { delay: Duration::from_millis(50), ..FaultyStore::default() };
    let (out, mut accepted) = mpsc::unbounded_channel();
    // A handler that sends as long as it can.
    let handler = move |mut session: Session| {
        let out = out.clone();
        async move {
            if session.is_restored() {
                return std::future::pending().await;
            }
            let mut number = 0;
            while session.send(number.to_string()).await.is_ok() {
                out.send(number).unwrap();
                number += 1;
                sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let server = Server::start(Sessions::with_store(limits(), store.clone()), handler.clone()).await;
    let mut client = Client::start(Options::new(&[server.address]));
    assert_eq!((client.text().await, accepted.recv().await), ("0".into(), Some(0)));
    let address = server.stop().await;
    let _server = Server::at(address, Sessions::with_store(limits(), store), handler).await;
    while let Ok(number) = accepted.try_recv() {
        assert_eq!(client.text().await, number.to_string());
    }
}

#[tokio::test]
async fn a_handler_that_returns_while_its_server_shuts_down_has_finished_its_message() {
    let store = MemoryStore::new();
    let (out, mut heard) = mpsc::unbounded_channel();
    let handler = move |mut session: Session| {
        let out = out.clone();
        async move {
            out.send(session.recv().await).unwrap();
            sleep(Duration::from_millis(100)).await;
            let _ended = session.send("done").await;
        }
    };
    let server = Server::start(Sessions::with_store(limits(), store.clone()), handler.clone()).await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.send("one").await;
    assert_eq!(heard.recv().await, Some(Some(Ok("one".into()))));
    let address = server.stop().await;
    let _server = Server::at(address, Sessions::with_store(limits(), store), handler).await;
    assert_eq!(client.text().await, "done");
    assert!(matches!(client.next().await, Some(Event::End(_))));
    client.end().await;
    assert_eq!(client.next().await, None);
    assert_eq!(heard.recv().await, Some(None), "the message does not arrive again");
}

#[tokio::test]
async fn a_handler_that_returns_while_its_server_shuts_down_leaves_the_next_message_to_another_handler() {
    let store = MemoryStore::new();
    let (out, mut heard) = mpsc::unbounded_channel();
    let handler = move |mut session: Session| {
        let out = out.clone();
        async move {
            let Some(Ok(Message::Text(message))) = session.recv().await else { return };
            out.send(()).unwrap();
            sleep(Duration::from_millis(100)).await;
            let _ended = session.send(format!("answer to {message}")).await;
        }
    };
    let server = Server::start(Sessions::with_store(limits(), store.clone()), handler.clone()).await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.send("one").await;
    client.send("two").await;
    heard.recv().await.unwrap();
    let address = server.stop().await;
    let _server = Server::at(address, Sessions::with_store(limits(), store), handler).await;
    assert_eq!(client.text().await, "answer to one");
    assert_eq!(client.text().await, "answer to two");
    assert!(matches!(client.next().await, Some(Event::End(_))));
}

#[tokio::test]
async fn a_handler_that_returns_after_the_end_of_the_client_while_its_server_shuts_down_has_finished() {
    let store = MemoryStore::new();
    let (out, mut ended) = mpsc::unbounded_channel();
    let handler = move |mut session: Session| {
        let out = out.clone();
        async move {
            assert_eq!(session.recv().await, None);
            out.send(()).unwrap();
            sleep(Duration::from_millis(100)).await;
            let _ended = session.send("good bye").await;
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
    assert_eq!(client.next().await, None);
}

#[tokio::test]
async fn a_handler_that_panics_while_its_server_shuts_down_starts_again() {
    let store = MemoryStore::new();
    let (out, mut started) = mpsc::unbounded_channel();
    let handler = move |mut session: Session| {
        let out = out.clone();
        async move {
            if !session.is_restored() {
                let _one = session.recv().await;
                out.send(()).unwrap();
                sleep(Duration::from_millis(100)).await;
                panic!("the server shuts down");
            }
            echo(session).await;
        }
    };
    let server = Server::start(Sessions::with_store(limits(), store.clone()), handler.clone()).await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.send("one").await;
    started.recv().await.unwrap();
    let address = server.stop().await;
    let _server = Server::at(address, Sessions::with_store(limits(), store), handler).await;
    assert_eq!(client.text().await, "one");
}

#[tokio::test]
async fn a_client_that_ends_after_the_handler_has_returned_is_done_at_once() {
    let server = Server::start(Sessions::memory(Limits::default()), |_| async {}).await;
    let mut raw = Raw::begin(server.address).await;
    assert_eq!(raw.get().await, Got::Text(r#"E{"code":1000}"#.into()));
    raw.send(r#"A{"processed":1,"credit":1000000}"#).await;
    // Nothing but END is left to wake the session.
    raw.send("P").await;
    assert_eq!(raw.get().await, Got::Text(r#"A{"processed":0,"credit":1048576}"#.into()));
    sleep(Duration::from_millis(50)).await;
    raw.send(r#"E{"code":1000}"#).await;
    let closed = tokio::time::timeout(Limits::default().ping_after / 2, raw.closed()).await;
    assert_eq!(closed, Ok(1000));
}

#[tokio::test]
async fn a_client_that_stays_connected_may_take_longer_than_the_time_to_live_for_the_last_messages() {
    let handler = |mut session: Session| async move { session.send("the last message").await.unwrap() };
    let never = Duration::from_secs(3600);
    let server = Server::start(Sessions::memory(Limits { ping_after: never, ..Limits::default() }), handler).await;
    let mut raw = Raw::begin(server.address).await;
    assert_eq!(raw.get().await, Got::Text(":the last message".into()));
    assert_eq!(raw.get().await, Got::Text(r#"E{"code":1000}"#.into()));
    pause();
    sleep(2 * Limits::default().ttl).await;
    resume();
    raw.send(r#"A{"processed":2,"credit":1000000}"#).await;
    raw.send(r#"E{"code":1000}"#).await;
    assert_eq!(raw.closed().await, 1000);
}

#[tokio::test]
async fn a_session_that_completes_while_its_client_is_away_is_kept_for_its_time_to_live_from_then_on() {
    let Limits { ttl, .. } = Limits::default();
    let handler = move |mut session: Session| async move {
        session.end(1000, "").unwrap();
        let _last = session.recv().await;
        sleep(ttl - Duration::from_secs(5)).await;
        assert_eq!(session.recv().await, None);
    };
    let server = Server::start(Sessions::memory(Limits::default()), handler).await;
    let (session, mut raw) = (name(), Raw::open(server.address).await);
    let welcome = raw.greet(&hello(&session, 1, None, "ada")).await;
    raw.send(ACK).await;
    assert_eq!(raw.get().await, Got::Text(r#"E{"code":1000}"#.into()));
    raw.send(r#"A{"processed":1,"credit":1000000}"#).await;
    raw.send(":last").await;
    raw.send(r#"E{"code":1000}"#).await;
    raw.leave().await;
    pause();
    sleep(ttl + Duration::from_secs(2)).await;
    resume();
    let again = r#""sent":2,"received":1,"processed":1"#;
    let again =
        hello(&session, 2, Some(welcome.token()), "ada").replace(r#""sent":0,"received":0,"processed":0"#, again);
    let mut raw = Raw::open(server.address).await;
    assert!(raw.greet(&again).await.is_resumed());
    assert_eq!(raw.closed().await, 1000);
}

#[tokio::test]
async fn durations_may_be_endless() {
    let endless = || Limits {
        ttl: Duration::MAX,
        fresh_ttl: Duration::MAX,
        hello_timeout: Duration::MAX,
        ping_after: Duration::MAX,
        pong_timeout: Duration::MAX,
        ..Limits::default()
    };
    for sessions in [Sessions::memory(endless()), Sessions::with_store(endless(), MemoryStore::new())] {
        let server = Server::start(sessions, echo).await;
        let mut client = Client::start(Options::new(&[server.address]));
        client.send("one").await;
        assert_eq!(client.text().await, "one");
    }
}

#[tokio::test]
async fn a_session_that_cannot_be_removed_from_its_store_goes_on() {
    let store = FaultyStore::default();
    store.keeps.store(true, Ordering::SeqCst);
    let (to, mut heard) = mpsc::unbounded_channel();
    let brief = Limits { ttl: Duration::from_millis(100), ..limits() };
    let server = Server::start(Sessions::with_store(brief, store), reporting(to)).await;
    let session = name();
    let mut raw = Raw::open(server.address).await;
    let welcome = raw.greet(&hello(&session, 1, None, "ada")).await;
    raw.send(ACK).await;
    raw.send(":one").await;
    while raw.get().await != Got::Text(":one".into()) {}
    drop(raw);
    assert_eq!(heard.recv().await, Some(Some(Gone::Moved)), "the messages are not lost");
    let mut raw = Raw::open(server.address).await;
    let again = hello(&session, 2, Some(welcome.token()), "ada").replace("\"sent\":0", "\"sent\":1");
    assert!(raw.greet(&again).await.is_resumed());
    while raw.get().await != Got::Text(":one".into()) {}
}

#[tokio::test]
async fn progress_is_stored_while_the_client_reads_nothing() {
    const LEN: usize = 1 << 20;
    const COUNT: usize = 40;
    let (store, session) = (MemoryStore::new(), name());
    let handler = |mut session: Session| async move {
        for _ in 0..COUNT {
            session.send(vec![0; LEN]).await.unwrap();
        }
        echo(session).await;
    };
    let large = Limits { replay: (2 * COUNT * LEN) as u64, ping_after: Duration::from_secs(3600), ..limits() };
    let server = Server::start(Sessions::with_store(large, store.clone()), handler).await;
    let mut raw = Raw::open(server.address).await;
    raw.greet(&hello(&session, 1, None, "ada").replace("1000000", "100000000")).await;
    // The client reads nothing from now on.
    raw.send(r#"A{"processed":0,"credit":100000000}"#).await;
    let key = Key { principal: "ada".into(), session: session.into() };
    let knows = async |number| {
        while store.find(&key).await.unwrap().is_none_or(|stored| stored.snapshot.processed < number) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    // The first messages arrive while the buffers of the system fill up. The handler has finished each when it takes the next one.
    for number in 0..50 {
        raw.send(":").await;
        let stored = tokio::time::timeout(Duration::from_secs(10), knows(number)).await;
        assert!(stored.is_ok(), "the store does not know that message {number} is processed");
    }
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
async fn a_restored_session_whose_handlers_have_returned_sends_everything_before_it_is_given_up() {
    let store = MemoryStore::new();
    let handler = |mut session: Session| async move {
        if session.is_restored() {
            let _a = session.recv().await;
            assert!(session.send("late").await.is_err(), "this direction has ended");
        } else {
            for _ in 0..20 {
                session.send(vec![0; 100_000]).await.unwrap();
            }
        }
    };
    let server = Server::start(Sessions::with_store(Limits::default(), store.clone()), handler).await;
    let (session, mut raw) = (name(), Raw::open(server.address).await);
    let first = hello(&session, 1, None, "ada");
    let welcome = raw.greet(&first).await;
    raw.send(r#"A{"processed":0,"credit":250000}"#).await;
    assert_eq!([raw.get().await, raw.get().await], [Got::Binary(100_000), Got::Binary(100_000)]);
    let address = server.stop().await;
    let server = Server::at(address, Sessions::with_store(Limits::default(), store), handler).await;
    let mut raw = Raw::open(server.address).await;
    let second = hello(&session, 2, Some(welcome.token()), "ada").replace("\"received\":0", "\"received\":2");
    assert!(raw.greet(&second.replace("1000000", "250000")).await.is_resumed());
    raw.send(r#"A{"processed":0,"credit":250000}"#).await;
    raw.send(":a").await;
    raw.send(":b").await;
    assert_eq!(raw.get().await, Got::Text(r#"A{"processed":1,"credit":1048593}"#.into()));
    raw.send(r#"A{"processed":2,"credit":3000000}"#).await;
    for _ in 2..20 {
        assert_eq!(raw.get().await, Got::Binary(100_000));
    }
    assert_eq!(raw.get().await, Got::Text(r#"E{"code":1000}"#.into()));
    raw.send(r#"A{"processed":21,"credit":3000000}"#).await;
    assert_eq!(raw.closed().await, 4410, "nobody has taken the message b");
}

#[tokio::test]
async fn progress_counts_messages_and_no_end() {
    let store = MemoryStore::new();
    let (out, mut heard) = mpsc::unbounded_channel();
    let handler = move |mut session: Session| {
        let out = out.clone();
        async move {
            let progress = session.progress();
            if !session.is_restored() {
                assert_eq!(session.recv().await, Some(Ok("one".into())));
                session.send("answer").await.unwrap();
                assert_eq!(session.recv().await, None);
                session.end(1000, "").unwrap();
            }
            out.send((progress.processed, progress.sent)).unwrap();
            std::future::pending().await
        }
    };
    let server = Server::start(Sessions::with_store(limits(), store.clone()), handler.clone()).await;
    let (session, mut raw) = (name(), Raw::open(server.address).await);
    let welcome = raw.greet(&hello(&session, 1, None, "ada")).await;
    raw.send(ACK).await;
    raw.send(":one").await;
    raw.send(r#"E{"code":1000}"#).await;
    assert_eq!(heard.recv().await, Some((0, 0)));
    let address = server.stop().await;
    let server = Server::at(address, Sessions::with_store(limits(), store), handler).await;
    let mut raw = Raw::open(server.address).await;
    let again = hello(&session, 2, Some(welcome.token()), "ada").replace("\"sent\":0", "\"sent\":2");
    assert!(raw.greet(&again).await.is_resumed());
    assert_eq!(heard.recv().await, Some((1, 1)));
}

#[tokio::test]
async fn a_session_that_had_no_handler_is_not_restored() {
    let store = MemoryStore::new();
    let (out, mut started) = mpsc::unbounded_channel();
    let handler = move |session: Session| {
        let out = out.clone();
        async move { out.send(session.is_restored()).unwrap() }
    };
    let one = Server::start(Sessions::with_store(limits(), store.clone()), handler.clone()).await;
    let two = Server::start(Sessions::with_store(limits(), store), handler).await;
    // The client loses its first connection, and WELCOME with it.
    let session = name();
    Raw::open(one.address).await.greet(&hello(&session, 1, None, "ada")).await;
    let mut raw = Raw::open(two.address).await;
    assert!(!raw.greet(&hello(&session, 2, None, "ada")).await.is_resumed());
    raw.send(ACK).await;
    assert_eq!(started.recv().await, Some(false));
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

#[tokio::test]
async fn a_hello_that_is_refused_while_the_store_is_down_leaves_the_session_alone() {
    let store = FaultyStore::default();
    let server = Server::start(Sessions::with_store(limits(), store.clone()), echo).await;
    let (session, mut raw) = (name(), Raw::open(server.address).await);
    raw.greet(&hello(&session, 1, None, "ada")).await;
    raw.send(ACK).await;
    // The answer to a PING shows that the server has read the frame before it.
    raw.send("P").await;
    assert_eq!(raw.get().await, Got::Text(r#"A{"processed":0,"credit":1048576}"#.into()));
    store.is_down.store(true, Ordering::SeqCst);
    assert_eq!(crate::raw::refused(server.address, &hello(&session, 1, None, "ada")).await, 1012);
    store.is_down.store(false, Ordering::SeqCst);
    raw.send(":one").await;
    loop {
        match raw.get().await {
            Got::Text(text) if text == ":one" => break,
            Got::Text(_) => (),
            got => panic!("{got:?}"),
        }
    }
}

#[tokio::test]
async fn a_client_resumes_on_a_server_that_it_has_left() {
    let (store, (to, mut heard)) = (MemoryStore::new(), mpsc::unbounded_channel());
    let one = Server::start(Sessions::with_store(limits(), store.clone()), reporting(to.clone())).await;
    let two = Server::start(Sessions::with_store(limits(), store), reporting(to)).await;
    let (name, mut token) = (name(), None);
    for (attempt, server) in (1..).zip([&one, &two, &one, &two]) {
        let mut raw = Raw::open(server.address).await;
        let welcome = raw.greet(&hello(&name, attempt, token.as_deref(), "ada")).await;
        assert_eq!(welcome.is_resumed(), attempt > 1);
        token = Some(welcome.token().to_owned());
        raw.send(ACK).await;
        // The answer to a PING shows that the server has read the frame before it.
        raw.send("P").await;
        assert_eq!(raw.get().await, Got::Text(r#"A{"processed":0,"credit":1048576}"#.into()));
    }
    // Each server was left once, and has learnt this from the client's return.
    assert_eq!([heard.recv().await, heard.recv().await], [Some(Some(Gone::Moved)), Some(Some(Gone::Moved))]);
    assert!(heard.try_recv().is_err(), "the session goes on");
}

#[tokio::test]
async fn a_store_in_memory_forgets_a_session_that_no_server_renews() {
    let store = MemoryStore::new();
    let server = Server::start(Sessions::with_store(Limits::default(), store.clone()), echo).await;
    let raw = Raw::begin(server.address).await;
    drop(raw);
    let address = server.stop().await;
    assert_eq!(store.len(), 1, "another server can continue the session");
    pause();
    sleep(3 * Limits::default().ttl).await;
    resume();
    let server = Server::at(address, Sessions::with_store(Limits::default(), store.clone()), echo).await;
    Raw::open(server.address).await.greet(&hello(&name(), 1, None, "ada")).await;
    assert_eq!(store.len(), 1, "only the new session is left");
}

#[tokio::test]
async fn clients_have_the_last_frames_when_a_shutdown_ends() {
    // More than the buffers of both sockets hold.
    const LEN: usize = 8 << 20;
    const COUNT: usize = 4;
    let (started, address) = tokio::sync::oneshot::channel();
    let (sent, mut has_sent) = mpsc::unbounded_channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let handler = move |mut session: Session| {
        let sent = sent.clone();
        async move {
            let _one = session.recv().await;
            for _ in 0..COUNT {
                session.send(vec![0; LEN]).await.unwrap();
            }
            sent.send(()).unwrap();
            assert_eq!(session.recv().await, Some(Err(Gone::Moved)));
        }
    };
    let process = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let large = Limits { replay: (2 * COUNT * LEN) as u64, ..Limits::default() };
            let server = Server::start(Sessions::with_store(large, MemoryStore::new()), handler).await;
            started.send(server.address).unwrap();
            stopped.await.unwrap();
            server.sessions.shutdown(Duration::from_secs(30)).await;
        });
        // The process ends, and all tasks of its runtime with it.
    });
    let mut raw = Raw::open(address.await.unwrap()).await;
    raw.greet(&hello(&name(), 1, None, "ada").replace("1000000", "100000000")).await;
    raw.send(r#"A{"processed":0,"credit":100000000}"#).await;
    raw.send(":one").await;
    has_sent.recv().await.unwrap();
    stop.send(()).unwrap();
    sleep(Duration::from_millis(100)).await;
    let mut last = Vec::new();
    while last.last() != Some(&Got::Close(1012)) {
        last.push(raw.get().await);
        assert_ne!(last.last(), Some(&Got::Nothing), "the connection has ended without a close");
    }
    assert!(last.contains(&Got::Text(r#"A{"processed":1,"credit":1048595}"#.into())), "{last:?}");
    while raw.get().await != Got::Nothing {}
    process.join().unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_answer_delays_a_shutdown_by_twice_the_grace_at_most() {
    let server = Server::start(Sessions::memory(limits()), echo).await;
    let _silent = Raw::begin(server.address).await;
    let before = std::time::Instant::now();
    server.sessions.shutdown(Duration::from_millis(200)).await;
    assert!(before.elapsed() < Duration::from_secs(5), "the closing handshake may take 10 s");
}

#[tokio::test]
async fn no_handler_starts_for_a_session_that_is_complete_when_another_server_restores_it() {
    let store = MemoryStore::new();
    let (out, mut started) = mpsc::unbounded_channel();
    let handler = move |_: Session| {
        out.send(()).unwrap();
        async {}
    };
    let server = Server::start(Sessions::with_store(limits(), store.clone()), handler.clone()).await;
    let (session, mut raw) = (name(), Raw::open(server.address).await);
    let welcome = raw.greet(&hello(&session, 1, None, "ada")).await;
    raw.send(ACK).await;
    assert_eq!(raw.get().await, Got::Text(r#"E{"code":1000}"#.into()));
    raw.send(r#"A{"processed":1,"credit":1000000}"#).await;
    raw.send(r#"E{"code":1000}"#).await;
    assert_eq!(raw.closed().await, 1000);
    server.stop().await;

    let server = Server::start(Sessions::with_store(limits(), store), handler).await;
    let again = r#""sent":1,"received":1,"processed":1"#;
    let again =
        hello(&session, 2, Some(welcome.token()), "ada").replace(r#""sent":0,"received":0,"processed":0"#, again);
    let mut raw = Raw::open(server.address).await;
    assert!(raw.greet(&again).await.is_resumed());
    raw.send(ACK).await;
    assert_eq!(raw.closed().await, 1000);
    sleep(Duration::from_millis(50)).await;
    assert_eq!((started.try_recv().is_ok(), started.try_recv().is_ok()), (true, false));
}

#[tokio::test]
async fn a_session_that_is_given_up_leaves_a_store_that_fails_at_first() {
    let store = FaultyStore::default();
    store.keeps.store(true, Ordering::SeqCst);
    let handler = |session: Session| async move { session.give_up() };
    let server = Server::start(Sessions::with_store(limits(), store.clone()), handler).await;
    let mut raw = Raw::begin(server.address).await;
    assert_eq!(raw.closed().await, 4410);
    assert_eq!(store.store.len(), 1);
    store.keeps.store(false, Ordering::SeqCst);
    let removed = async {
        while !store.store.is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(30), removed).await, Ok(()), "the session would come back");
}

#[tokio::test]
async fn an_expired_session_is_lost_even_if_the_store_does_not_say_that_it_was_removed() {
    let store = FaultyStore::default();
    store.hides.store(true, Ordering::SeqCst);
    let (to, mut heard) = mpsc::unbounded_channel();
    let brief = Limits { ttl: Duration::from_millis(100), ..limits() };
    let server = Server::start(Sessions::with_store(brief, store), reporting(to)).await;
    drop(Raw::begin(server.address).await);
    let Some(Some(Gone::Lost(lost))) = heard.recv().await else { panic!("the session is not lost") };
    assert_eq!(lost.cause, LostCause::Expired);
}

#[tokio::test]
async fn a_client_that_comes_back_in_time_resumes_although_the_store_is_slow() {
    let ttl = Duration::from_secs(1);
    let (store, go) = (FaultyStore::default(), Arc::new(Notify::new()));
    let handler = {
        let go = go.clone();
        move |mut session: Session| {
            let go = go.clone();
            async move {
                go.notified().await;
                session.send("meanwhile").await.unwrap();
                drop(session.recv().await);
            }
        }
    };
    let sessions = Sessions::with_store(Limits { ttl, ..Limits::default() }, store.clone());
    let server = Server::start(sessions, handler).await;
    let (session, mut raw) = (name(), Raw::open(server.address).await);
    let welcome = raw.greet(&hello(&session, 1, None, "ada")).await;
    raw.send(ACK).await;
    raw.leave().await;
    // The store takes the message only when the time to live is over.
    store.holds.store(true, Ordering::SeqCst);
    go.notify_one();
    let mut raw = Raw::open(server.address).await;
    raw.send(&hello(&session, 2, Some(welcome.token()), "ada")).await;
    sleep(2 * ttl).await;
    store.holds.store(false, Ordering::SeqCst);
    let Got::Text(welcome) = raw.get().await else { panic!("the client is refused") };
    assert!(welcome.contains(r#""resumed":true"#), "{welcome}");
    assert_eq!(raw.get().await, Got::Text(":meanwhile".into()));
}

#[tokio::test]
async fn a_handler_learns_within_a_minute_that_its_client_has_gone_to_another_server() {
    let (store, (to, mut heard)) = (MemoryStore::new(), mpsc::unbounded_channel());
    let long = || Limits { ttl: Duration::from_secs(24 * 60 * 60), ..Limits::default() };
    let one = Server::start(Sessions::with_store(long(), store.clone()), reporting(to)).await;
    let two = Server::start(Sessions::with_store(long(), store), echo).await;
    let (session, mut raw) = (name(), Raw::open(one.address).await);
    let welcome = raw.greet(&hello(&session, 1, None, "ada")).await;
    raw.send(ACK).await;
    raw.leave().await;
    let mut raw = Raw::open(two.address).await;
    assert!(raw.greet(&hello(&session, 2, Some(welcome.token()), "ada")).await.is_resumed());
    pause();
    let before = tokio::time::Instant::now();
    assert_eq!(heard.recv().await, Some(Some(Gone::Moved)));
    assert!(before.elapsed() < Duration::from_secs(65), "it took {:?}", before.elapsed());
}

#[tokio::test]
async fn the_number_of_the_last_message_stays_after_it_is_processed() {
    let (out, mut numbers) = mpsc::unbounded_channel();
    let handler = move |mut session: Session| {
        let out = out.clone();
        async move {
            let before = session.number();
            let message = session.recv().await.unwrap().unwrap();
            session.commit([message]).await.unwrap();
            let committed = session.number();
            let none = tokio::time::timeout(Duration::from_millis(10), session.recv()).await;
            out.send((before, committed, none.is_err(), session.number())).unwrap();
        }
    };
    let server = Server::start(Sessions::memory(limits()), handler).await;
    let client = Client::start(Options::new(&[server.address]));
    client.send("one").await;
    assert_eq!(numbers.recv().await, Some((None, Some(1), true, Some(1))));
}

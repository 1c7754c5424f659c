//! Attacks by clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;
use websocket_session_server::{Gone, Limits, LostCause, Session, Sessions};

use crate::client::{name, upgrade};
use crate::raw::{ACK, Got, Raw, hello, refused};
use crate::server::{Server, echo};

/// Returns limits for clients that answer no pings: they read only what a test waits for.
fn limits() -> Limits {
    Limits { ping_after: Duration::MAX, ..Limits::default() }
}

async fn server() -> Server {
    Server::start(Sessions::memory(limits()), echo).await
}

/// Checks that the session of `raw` still works.
async fn is_well(raw: &mut Raw) {
    raw.send(":still here").await;
    loop {
        match raw.get().await {
            Got::Text(text) if text == ":still here" => return,
            Got::Text(_) => (),
            got => panic!("{got:?}"),
        }
    }
}

#[tokio::test]
async fn a_stolen_old_token_resumes_nothing() {
    let server = server().await;
    let (name, mut raw) = (name(), Raw::open(server.address).await);
    let first = raw.greet(&hello(&name, 1, None, "ada")).await;
    raw.send(ACK).await;
    let mut raw = Raw::open(server.address).await;
    let second = raw.greet(&hello(&name, 2, Some(first.token()), "ada")).await;
    assert!(second.is_resumed());
    raw.send(ACK).await;
    is_well(&mut raw).await;
    assert_eq!(refused(server.address, &hello(&name, 9, Some(first.token()), "ada")).await, 4409);
    assert_eq!(refused(server.address, &hello(&name, 9, None, "ada")).await, 4409);
    is_well(&mut raw).await;
}

#[tokio::test]
async fn guessed_tokens_resume_nothing() {
    let server = server().await;
    let (session, mut raw) = (name(), Raw::open(server.address).await);
    raw.greet(&hello(&session, 1, None, "ada")).await;
    raw.send(ACK).await;
    for attempt in 2..50 {
        let guess = hello(&session, attempt, Some(&name()), "ada");
        assert_eq!(refused(server.address, &guess).await, 4409);
    }
    is_well(&mut raw).await;
}

#[tokio::test]
async fn a_replayed_hello_starts_no_handler_and_takes_nothing_over() {
    let started = Arc::new(AtomicUsize::new(0));
    let count = started.clone();
    let handler = move |session| {
        count.fetch_add(1, Ordering::SeqCst);
        echo(session)
    };
    let server = Server::start(Sessions::memory(limits()), handler).await;
    let (name, mut raw) = (name(), Raw::open(server.address).await);
    let first = hello(&name, 1, None, "ada");
    raw.greet(&first).await;
    assert_eq!(refused(server.address, &first).await, 4409);
    assert_eq!(started.load(Ordering::SeqCst), 0);
    raw.send(ACK).await;
    is_well(&mut raw).await;
    assert_eq!(refused(server.address, &first).await, 4409);
    is_well(&mut raw).await;
    assert_eq!(started.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn another_principal_finds_no_session() {
    let server = server().await;
    let (name, mut raw) = (name(), Raw::open(server.address).await);
    let welcome = raw.greet(&hello(&name, 1, None, "ada")).await;
    raw.send(ACK).await;
    is_well(&mut raw).await;
    let mut other = Raw::open(server.address).await;
    assert!(!other.greet(&hello(&name, 2, Some(welcome.token()), "bob")).await.is_resumed());
    is_well(&mut raw).await;
    assert_eq!(server.sessions.len(), 2);
}

#[tokio::test]
async fn nothing_is_kept_of_a_client_that_is_not_authenticated() {
    let server = server().await;
    assert_eq!(refused(server.address, &hello(&name(), 1, None, "mallory")).await, 4401);
    assert_eq!(refused(server.address, &hello(&name(), 1, None, "schrodinger")).await, 1011);
    assert_eq!(server.sessions.len(), 0);
}

/// Checks the effects of a violation in an established session: the close code, and the handler's last item.
async fn violation(limits: Limits, frames: &[&str], code: u16) {
    let (out, mut losses) = mpsc::unbounded_channel();
    let is_closed = Arc::new(Notify::new());
    let closed = Arc::clone(&is_closed);
    let handler = move |mut session: Session| {
        let (out, is_closed) = (out.clone(), Arc::clone(&is_closed));
        async move {
            session.send("one").await.unwrap();
            // The handler takes nothing before, so that the window fills.
            is_closed.notified().await;
            while let Some(message) = session.recv().await {
                if let Err(gone) = message {
                    out.send(gone).unwrap();
                }
            }
        }
    };
    let server = Server::start(Sessions::memory(limits), handler).await;
    let mut raw = Raw::begin(server.address).await;
    assert_eq!(raw.get().await, Got::Text(":one".into()), "{frames:?}");
    for frame in frames {
        raw.send(frame).await;
    }
    assert_eq!(raw.closed().await, code, "{frames:?}");
    closed.notify_one();
    let gone = losses.recv().await.unwrap();
    assert!(matches!(&gone, Gone::Lost(lost) if matches!(lost.cause, LostCause::Violation(_))), "{gone:?}");
    assert_eq!(server.sessions.len(), 0, "{frames:?}");
}

#[tokio::test]
async fn acknowledging_what_was_never_sent_ends_the_session() {
    violation(limits(), &[r#"A{"processed":2,"credit":1000000}"#], 4400).await;
}

#[tokio::test]
async fn going_back_ends_the_session() {
    violation(limits(), &[r#"A{"processed":1,"credit":1000000}"#, ACK], 4400).await;
    violation(limits(), &[r#"A{"processed":0,"credit":999999}"#], 4400).await;
}

#[tokio::test]
async fn exceeding_the_credit_ends_the_session() {
    let limits = Limits { window: 100, ..limits() };
    let text = format!(":{}", "x".repeat(50));
    violation(limits, &[&text, &text], 4413).await;
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_the_session() {
    let limits = Limits { max_message: 20_000, ..limits() };
    let text = format!(":{}", "x".repeat(20_001));
    violation(limits.clone(), &[&text], 4413).await;
    let text = format!(":{}", "x".repeat(200_000));
    violation(limits, &[&text], 4413).await;
}

#[tokio::test]
async fn numbers_beyond_2_to_the_53_and_garbled_frames_end_the_session() {
    let long = format!("A{{\"processed\":0,\"credit\":1000000,\"x\":\"{}\"}}", "x".repeat(17_000));
    let frames = [
        r#"A{"processed":0,"credit":9007199254740992}"#,
        r#"A{"processed":18446744073709551616,"credit":1000000}"#,
        r#"A{"processed":-1,"credit":1000000}"#,
        r#"A{"processed":0,"cre"#,
        "",
        "?",
        "Px",
        r#"H{"session":"x"}"#,
        &long,
    ];
    for frame in frames {
        violation(limits(), &[frame], 4400).await;
    }
}

#[tokio::test]
async fn frames_that_are_no_hello_are_refused() {
    let server = server().await;
    let valid = hello(&name(), 1, None, "ada");
    let frames = [ACK, ":text", "", &valid[..40], &valid.replace("\"attempt\":1", "\"attempt\":9007199254740992")];
    for frame in frames {
        assert_eq!(refused(server.address, frame).await, 4400, "{frame}");
    }
    assert_eq!(server.sessions.len(), 0);
}

#[tokio::test]
async fn sessions_without_end_reach_a_limit() {
    let few = Limits { sessions_per_principal: 3, sessions_per_address: 5, ..limits() };
    let server = Server::start(Sessions::memory(few), echo).await;
    let mut open = Vec::new();
    let mut attempt = async |principal: &str| {
        let mut raw = Raw::open(server.address).await;
        raw.send(&hello(&name(), 1, None, principal)).await;
        let got = raw.get().await;
        open.push(raw);
        if let Got::Close(code) = got { code } else { 0 }
    };
    for _ in 0..3 {
        assert_eq!(attempt("ada").await, 0);
    }
    assert_eq!(attempt("ada").await, 4429);
    assert_eq!([attempt("bob").await, attempt("bob").await], [0, 0]);
    assert_eq!(attempt("eve").await, 4429, "the address has five");
    assert_eq!(server.sessions.len(), 5);

    let server = Server::start(Sessions::memory(Limits { sessions: 1, ..limits() }), echo).await;
    let mut one = Raw::open(server.address).await;
    one.greet(&hello(&name(), 1, None, "ada")).await;
    assert_eq!(refused(server.address, &hello(&name(), 1, None, "bob")).await, 4429);
}

#[tokio::test]
async fn a_fresh_session_is_dropped_early() {
    let brief = Limits { fresh_ttl: Duration::from_millis(50), ..limits() };
    let server = Server::start(Sessions::memory(brief), echo).await;
    let mut raw = Raw::open(server.address).await;
    raw.greet(&hello(&name(), 1, None, "ada")).await;
    drop(raw);
    while !server.sessions.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn hellos_that_do_not_come_are_not_waited_for() {
    let limits = Limits { greetings_per_address: 2, ..limits() };
    let server = Server::start(Sessions::memory(limits), echo).await;
    let (mut one, mut two) = (Raw::open(server.address).await, Raw::open(server.address).await);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(refused(server.address, &hello(&name(), 1, None, "ada")).await, 4429);
    tokio::time::pause();
    assert_eq!([one.closed().await, two.closed().await], [4408, 4408]);
    tokio::time::resume();
    let mut three = Raw::open(server.address).await;
    three.greet(&hello(&name(), 1, None, "ada")).await;
}

#[tokio::test]
async fn a_client_that_never_reads_makes_the_handler_wait() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let handler = move |mut session: Session| {
        let count = count.clone();
        async move {
            while session.send("x".repeat(1000)).await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    let limits = Limits { replay: 64 << 10, ..limits() };
    let server = Server::start(Sessions::memory(limits), handler).await;
    let name = name();
    let mut raw = Raw::open(server.address).await;
    let mut token = raw.greet(&hello(&name, 1, None, "ada")).await.token().to_owned();
    raw.send(ACK).await;
    for attempt in 2..20 {
        raw = Raw::open(server.address).await;
        token = raw.greet(&hello(&name, attempt, Some(&token), "ada")).await.token().to_owned();
        raw.send(ACK).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(sent.load(Ordering::SeqCst), (64 << 10) / 1016);
}

/// Returns WebSocket pings of `len` bytes, masked with zeros.
fn pings(count: usize, len: u8) -> Vec<u8> {
    let mut ping = vec![0x89, 0x80 | len, 0, 0, 0, 0];
    ping.resize(6 + usize::from(len), b'x');
    ping.repeat(count)
}

#[tokio::test]
async fn pings_of_a_client_that_never_reads_end_its_connection() {
    let server = server().await;
    let mut raw = Raw::begin(server.address).await;
    let pings = pings(1000, 125);
    for _ in 0..300 {
        if raw.0.get_mut().write_all(&pings).await.is_err() {
            return assert_eq!(server.sessions.len(), 1, "the session goes on");
        }
    }
    panic!("the server has buffered the answers to 300,000 pings");
}

#[tokio::test]
async fn pings_before_hello_are_few() {
    let server = server().await;
    let mut raw = Raw::open(server.address).await;
    raw.0.get_mut().write_all(&pings(1000, 1)).await.unwrap();
    let mut pongs = 0;
    while let Some(Ok(Frame::Pong(_))) = raw.0.next().await {
        pongs += 1;
    }
    assert!(pongs < 100, "{pongs}");
}

#[tokio::test]
async fn pings_of_a_client_that_reads_are_all_answered() {
    let server = server().await;
    let mut raw = Raw::begin(server.address).await;
    raw.0.get_mut().write_all(&pings(1000, 1)).await.unwrap();
    let mut pongs = 0;
    while pongs < 1000 {
        match raw.0.next().await {
            Some(Ok(Frame::Pong(_))) => pongs += 1,
            Some(Ok(Frame::Text(_))) => (),
            got => panic!("{got:?} after {pongs}"),
        }
    }
    is_well(&mut raw).await;
}

#[tokio::test]
async fn pings_of_a_client_that_reads_one_large_message_after_another_do_not_end_its_connection() {
    const LEN: usize = 8 << 20;
    let handler = |mut session: Session| async move { while session.send(vec![0; LEN]).await.is_ok() {} };
    let limits = Limits { replay: 4 * LEN as u64, ..limits() };
    let server = Server::start(Sessions::memory(limits), handler).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let mut raw = Raw(upgrade(socket.connect(server.address).await.unwrap()).await.unwrap());
    raw.greet(&hello(&name(), 1, None, "ada").replace("1000000", "100000000")).await;
    raw.send(r#"A{"processed":0,"credit":100000000}"#).await;
    // The next message fills the buffers of the system before the pings arrive.
    for number in 1..=6 {
        raw.0.get_mut().write_all(&pings(20, 1)).await.unwrap();
        loop {
            match raw.0.next().await {
                Some(Ok(Frame::Binary(_))) => break,
                Some(Ok(_)) => (),
                got => panic!("{got:?} instead of message {number}"),
            }
        }
        raw.send(&format!(r#"A{{"processed":{number},"credit":100000000}}"#)).await;
    }
}

/// Returns whether the server has not ended the connection. Discards what has arrived.
fn is_open(raw: &Raw) -> bool {
    let mut bytes = [0; 1 << 16];
    loop {
        match raw.0.get_ref().try_read(&mut bytes) {
            Ok(1..) => (),
            Ok(0) => return false,
            Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }
}

/// Waits until the server has ended all but `most` of these connections. The clients answer nothing.
async fn are_ended(raws: &[Raw], most: usize) {
    let ended = async {
        while raws.iter().filter(|raw| is_open(raw)).count() > most {
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(timeout(Duration::from_secs(5), ended).await.is_ok(), "more than {most} connections are open");
}

#[tokio::test]
async fn a_client_that_resumes_again_and_again_without_reading_costs_little() {
    let handler = |mut session: Session| async move {
        session.send(vec![0; 8 << 20]).await.unwrap();
        std::future::pending().await
    };
    let server = Server::start(Sessions::memory(limits()), handler).await;
    let (name, mut token, mut raws) = (name(), None, Vec::new());
    for attempt in 1..16 {
        let mut raw = Raw::open(server.address).await;
        let hello = hello(&name, attempt, token.as_deref(), "ada").replace("1000000", "100000000");
        token = Some(raw.greet(&hello).await.token().to_owned());
        raw.send(r#"A{"processed":0,"credit":100000000}"#).await;
        raws.push(raw);
    }
    raws.pop();
    are_ended(&raws, 0).await;
}

#[tokio::test]
async fn refused_clients_that_do_not_close_are_few() {
    let server = Server::start(Sessions::memory(Limits { greetings_per_address: 2, ..limits() }), echo).await;
    let mut raws = Vec::new();
    for _ in 0..20 {
        let mut raw = Raw::open(server.address).await;
        raw.send(ACK).await;
        assert_eq!(raw.closed().await, 4400);
        raws.push(raw);
    }
    are_ended(&raws, 2).await;
}

#[tokio::test]
async fn a_server_that_shuts_down_waits_for_the_clients_of_sessions_and_for_few_others() {
    let server = Server::start(Sessions::memory(Limits { greetings_per_address: 2, ..limits() }), echo).await;
    let (mut clients, mut others) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let mut raw = Raw::open(server.address).await;
        raw.greet(&hello(&name(), 1, None, "ada")).await;
        clients.push(raw);
    }
    server.sessions.shutdown(Duration::ZERO).await;
    for raw in &mut clients {
        assert_eq!(raw.closed().await, 1012);
    }
    for _ in 0..20 {
        let mut raw = Raw::open(server.address).await;
        assert_eq!(raw.closed().await, 1012);
        others.push(raw);
    }
    are_ended(&others, 2).await;
    assert!(clients.iter().all(is_open), "the server does not wait for the client of each session");
}

#[tokio::test]
async fn the_length_of_a_frame_that_has_not_come_takes_no_memory() {
    let server = Server::start(Sessions::memory(Limits { max_message: u64::MAX, ..limits() }), echo).await;
    let mut raw = Raw::open(server.address).await;
    let mut header = vec![0x82, 0x80 | 127];
    header.extend((1_u64 << 44).to_be_bytes());
    header.extend([0; 4]);
    raw.0.get_mut().write_all(&header).await.unwrap();
    assert_eq!(raw.closed().await, 4400);
    let mut raw = Raw::begin(server.address).await;
    is_well(&mut raw).await;
}

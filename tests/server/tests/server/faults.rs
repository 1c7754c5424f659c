//! Faults strike as their paths say.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Server, Socket, status, stream};

fn assert_reset<T>(result: Result<T, Error>) {
    match result {
        Err(Error::Io(error)) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        Err(other) => panic!("no reset: {other:?}"),
        Ok(_) => panic!("no reset"),
    }
}

fn assert_echoes(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text)).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text(text));
}

#[test]
fn a_refused_connection_is_reset_without_an_answer() {
    let server = Server::start();
    assert_reset(server.try_connect("/fault/refuse"));
    assert_reset(server.try_connect("/handshake/reset"));
    server.assert_up();
}

#[test]
fn a_connection_is_reset_after_so_many_bytes() {
    let server = Server::start();
    let mut socket = server.connect("/fault/reset-after/10");
    assert_echoes(&mut socket, "12345");
    assert_echoes(&mut socket, "6789");
    socket.send(Message::text("0")).unwrap();
    assert_reset(socket.read());

    let mut socket = server.connect("/fault/reset-after/10");
    assert_echoes(&mut socket, "12345");
    // The server does not wait for the end of a message that is too long.
    stream(&mut socket).write_all(b"\x82\x8bmask").unwrap();
    assert_reset(socket.read());

    let mut socket = server.connect("/fault/reset-after/10");
    socket.close(None).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Close(None));

    // The reset may overtake the handshake.
    assert_reset(server.try_connect("/fault/reset-after/0").and_then(|mut socket| socket.read()));
}

#[test]
fn connections_are_reset_by_a_request() {
    let server = Server::start();
    let mut others = server.connect("/fault/reset-by/others");
    for _ in 0..2 {
        let [mut first, mut second] = [(); 2].map(|()| server.connect("/fault/reset-by/key"));
        let mut stalled = server.connect("/fault/stall-by/key");
        stalled.send(Message::text("never read")).unwrap();
        assert_echoes(&mut first, "not yet");
        let mut told = server.connect("/fault/reset-now/key");
        let end = CloseFrame { code: 1000.into(), reason: "".into() };
        assert_eq!(told.read().unwrap(), Message::Close(Some(end)));
        assert_reset(first.read());
        assert_reset(second.read());
        assert_reset(stalled.read());
    }
    assert_echoes(&mut others, "still there");
    others.close(None).unwrap();
    assert_eq!(others.read().unwrap(), Message::Close(None));
}

#[test]
fn the_time_until_a_fault_begins_with_the_first_message() {
    let server = Server::start();
    for path in ["/stall/50", "/quit/50"] {
        let mut socket = server.connect(path);
        assert_silent(&mut socket, Duration::from_millis(300));
        stream(&mut socket).set_read_timeout(None).unwrap();
        let start = Instant::now();
        socket.send(Message::text("something")).unwrap();
        match socket.read() {
            Ok(Message::Close(Some(frame))) => assert_eq!((path, u16::from(frame.code)), ("/quit/50", 4000)),
            result => {
                assert_reset(result);
                assert_eq!(path, "/stall/50");
            }
        }
        assert!(start.elapsed() >= Duration::from_millis(50));
    }
}

/// Checks that nothing arrives for this long.
fn assert_silent(socket: &mut Socket, time: Duration) {
    stream(socket).set_read_timeout(Some(time)).unwrap();
    match socket.read() {
        Err(Error::Io(error)) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        other => panic!("the server is not silent: {other:?}"),
    }
}

#[test]
fn a_half_open_connection_reads_and_never_answers() {
    let server = Server::start();
    let mut socket = server.connect("/fault/half-open");
    socket.send(Message::Ping("are you there?".into())).unwrap();
    // This is more than the buffers of both sockets hold.
    socket.send(Message::binary(vec![0; 32 << 20])).unwrap();
    socket.close(None).unwrap();
    assert_silent(&mut socket, Duration::from_millis(100));
}

#[test]
fn a_slow_handshake_is_answered_after_the_delay() {
    let server = Server::start();
    let start = Instant::now();
    let mut socket = server.connect("/fault/slow/200");
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_echoes(&mut socket, "late");
}

#[test]
fn a_cut_connection_ends_in_the_middle_of_a_frame() {
    let server = Server::start();
    let mut socket = server.connect("/fault/cut");
    socket.send(Message::text("something")).unwrap();
    let mut bytes = Vec::new();
    stream(&mut socket).read_to_end(&mut bytes).unwrap();
    let (header, payload) = bytes.split_at(4);
    assert_eq!(header, b"\x81\x7e\x03\xe8");
    assert!((1..1000).contains(&payload.len()), "{bytes:?}");
}

#[test]
fn unknown_faults_are_refused() {
    let server = Server::start();
    for path in [
        "/fault/slow/600001",
        "/fault/slow/-1",
        "/fault/reset-after/1000000000",
        "/fault/reset-after/x",
        "/chaos/x/key",
        "/chaos/-1/key",
        "/chaos/1/key?faults=x",
        "/chaos/1/key?faults=1000000000",
        "/session/chaos/x/key",
        "/session/chaos/1/key?faults=x",
        &format!("/chaos/1/{}", "k".repeat(101)),
    ] {
        assert_eq!(status(server.try_connect(path)), 400, "{path}");
    }
    assert_eq!(status(server.try_connect("/fault/nothing")), 404);
}

#[derive(Debug, Deserialize)]
struct Report {
    connections: usize,
    received: Vec<String>,
    unrecorded: usize,
    struck: BTreeMap<String, usize>,
}

fn report(server: &Server, key: &str) -> Report {
    let mut socket = server.connect(&format!("/chaos-report/{key}"));
    let report = serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap();
    let end = CloseFrame { code: 1000.into(), reason: "".into() };
    assert_eq!(socket.read().unwrap(), Message::Close(Some(end)));
    report
}

/// Sends `first` and the numbers after it, one by one, until the connection ends. Returns the first number that did not come back,
/// and how the connection ended.
fn provoke(server: &Server, path: &str, first: usize) -> (usize, String) {
    let mut socket = match server.try_connect(path) {
        Ok(socket) => socket,
        Err(Error::Http(response)) => return (first, response.status().to_string()),
        Err(_) => return (first, "no answer".into()),
    };
    for number in first.. {
        let text = Message::text(number.to_string());
        match socket.send(text.clone()).and_then(|()| socket.read()) {
            Ok(message) if message == text => {}
            Ok(Message::Close(frame)) => return (number, format!("{:?}", frame.map(|frame| frame.code))),
            Ok(other) => panic!("{number} came back as {other:?}"),
            Err(_) => return (number, "broken".into()),
        }
    }
    unreachable!("the numbers end");
}

#[test]
fn each_round_of_chaos_has_every_fault() {
    let server = Server::start();
    let start = Instant::now();
    let mut next = 0;
    let mut ends = BTreeMap::new();
    for _ in 0..26 {
        let (after, end) = provoke(&server, "/chaos/7/key?faults=26", next);
        *ends.entry(end).or_insert(0) += 1;
        // The number that did not come back is in doubt, and not sent again.
        next = after + 1;
    }
    // Each of the two rounds has a slow handshake and a half-open connection, which take 200 ms each.
    assert!(start.elapsed() >= 4 * Duration::from_millis(200));
    let report_of_faults = report(&server, "key");
    assert_eq!(report_of_faults.connections, 26);
    assert_eq!(report_of_faults.struck.len(), 13, "{report_of_faults:?}");
    assert!(report_of_faults.struck.values().all(|times| *times == 2), "{report_of_faults:?}");
    assert_eq!(ends["503 Service Unavailable"], 2, "{ends:?}");
    assert_eq!(ends["no answer"], 4, "{ends:?}");

    let mut socket = server.connect("/chaos/7/key?faults=26");
    for number in next..next + 100 {
        assert_echoes(&mut socket, &number.to_string());
    }
    let Report { connections, received, unrecorded, struck } = report(&server, "key");
    assert_eq!((connections, unrecorded, struck), (27, 0, report_of_faults.struck));
    let numbers: Vec<usize> = received.iter().map(|text| text.parse().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}

#[test]
fn a_record_has_what_came_before_the_fault() {
    let server = Server::start();
    let mut sent = 0;
    let mut echoed = Vec::new();
    for _ in 0..13 {
        let (after, _) = provoke(&server, "/chaos/8/key", sent);
        echoed.extend((sent..after).map(|number| number.to_string()));
        sent = after + 1;
    }
    assert_eq!(report(&server, "key").received, echoed);
    assert_eq!(report(&server, "other").connections, 0);
}

#[test]
fn chaos_is_the_same_for_the_same_seed() {
    let server = Server::start();
    let ends = |seed, key| (0..26).map(|_| provoke(&server, &format!("/chaos/{seed}/{key}"), 0)).collect::<Vec<_>>();
    let first = ends(7, "a");
    assert_eq!(first, ends(7, "b"));
    assert_ne!(first, ends(8, "c"));
}

#[test]
fn messages_beyond_a_full_record_are_counted() {
    let server = Server::start();
    let mut socket = server.connect("/chaos/1/key?faults=0");
    let large = "x".repeat(3 << 20);
    for text in [&large, &large, "last"] {
        assert_echoes(&mut socket, text);
    }
    let Report { received, unrecorded, .. } = report(&server, "key");
    assert!(received == [&large, "last"], "the record has {} messages", received.len());
    assert_eq!(unrecorded, 1);
}

#[test]
fn the_oldest_of_too_many_keys_is_forgotten() {
    let server = Server::start();
    for key in 0..65 {
        server.connect(&format!("/chaos/1/{key}?faults=0"));
    }
    assert_eq!(report(&server, "0").connections, 0);
    assert_eq!(report(&server, "1").connections, 1);
}

//! The tests of the crate rely on what is tested here: the server does what its paths say, and no client brings it down.

mod board;
mod chat;
mod faults;
mod node;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, client, connect};

type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

/// A server of its own for each test.
struct Server {
    process: Child,
    input: Option<ChildStdin>,
    address: String,
}

impl Server {
    /// Starts a server at a free port.
    fn start() -> Self {
        Self::start_with(&["--port=0"])
    }

    fn start_with(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_wasm-websocket-server"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        assert!(address.starts_with("127.0.0.1:"), "the server lets other machines in at {address}");
        Self { input: process.stdin.take(), process, address }
    }

    fn try_connect(&self, path: &str) -> Result<Socket, Error> {
        connect(format!("ws://{}{path}", self.address)).map(|(socket, _)| socket)
    }

    fn connect(&self, path: &str) -> Socket {
        self.try_connect(path).unwrap()
    }

    fn assert_up(&self) {
        let mut socket = self.connect("/echo");
        socket.send(Message::text("still there?")).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text("still there?"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        // The server ends by itself; otherwise this test hangs.
        assert!(self.process.wait().unwrap().success());
    }
}

/// Returns the TCP stream below a WebSocket.
fn stream(socket: &mut Socket) -> &mut TcpStream {
    let MaybeTlsStream::Plain(stream) = socket.get_mut() else { panic!("TLS") };
    stream
}

fn status(result: Result<Socket, Error>) -> u16 {
    match result {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("no HTTP answer: {other:?}"),
    }
}

#[test]
fn a_flood_waits_for_its_client_and_says_how_long() {
    let server = Server::start();
    let report = || {
        let report = server.connect("/flood-report/slow").read().unwrap().into_text().unwrap();
        let number = |name: &str| -> u64 {
            let (_, rest) = report.split_once(&format!("\"{name}\":")).unwrap();
            rest.split([',', '}']).next().unwrap().parse().unwrap()
        };
        (number("messages"), number("bytes"), number("waited_ms"))
    };
    let mut client = server.connect("/feed/1000/65536/slow");
    // The client reads nothing: the buffers of the sockets fill up, and the flood waits.
    let (mut last, mut waits) = (report(), 0);
    while waits < 5 {
        std::thread::sleep(Duration::from_millis(50));
        let now = report();
        // The time that is reported rises while the flood waits.
        waits = if now.0 == last.0 && now.2 > last.2 { waits + 1 } else { 0 };
        last = now;
    }
    assert!(last.0 < 1000 && last.1 == last.0 * 65536, "{last:?}");
    for _ in 0..1000 {
        assert_eq!(client.read().unwrap().len(), 65536);
    }
    let (messages, bytes, waited) = report();
    assert_eq!((messages, bytes), (1000, 65_536_000));
    assert!(waited >= 250, "the flood waited for only {waited} ms");
    // The client closes, not the server.
    client.close(None).unwrap();
    assert!(matches!(client.read(), Ok(Message::Close(None))));
}

#[test]
fn it_ends_when_its_input_closes() {
    drop(Server::start());
}

#[test]
fn without_a_port_it_chooses_a_free_one_if_the_usual_one_is_taken() {
    let servers = [(); 2].map(|()| Server::start_with(&[]));
    servers.iter().for_each(Server::assert_up);
}

#[test]
fn a_message_that_is_too_large_is_refused_with_1009() {
    let server = Server::start();
    let mut socket = server.connect("/echo");
    // Sending may fail, since the server does not read the whole message.
    let result = socket.send(Message::binary(vec![0; 80 << 20]));
    assert!(result.is_ok() || matches!(result, Err(Error::Io(_))), "{result:?}");
    match socket.read() {
        Ok(Message::Close(Some(frame))) => assert_eq!(u16::from(frame.code), 1009),
        other => panic!("no Close frame: {other:?}"),
    }
    server.assert_up();
}

#[test]
fn garbage_does_no_harm() {
    let server = Server::start();
    for bytes in [&b"\x16\x03\x01\0\xff"[..], b"GET /echo HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", &[0xff; 100_000]] {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        // The server may refuse the bytes before all are sent.
        let _ = stream.write_all(bytes);
    }
    let mut socket = server.connect("/echo");
    stream(&mut socket).write_all(&[0xff; 1000]).unwrap();
    server.assert_up();
}

#[test]
fn what_a_path_asks_for_is_bounded() {
    let server = Server::start();
    for path in [
        "/flood/1/1000000000",
        "/flood/4000000000/0",
        "/flood/1000000/16000000",
        "/flood/-1/1",
        "/feed/1/1000000000/key",
        "/status/9999",
        "/late/600001",
        "/quit/600001",
        "/stall/600001",
    ] {
        assert_eq!(status(server.try_connect(path)), 400, "{path}");
    }
    // A Close frame has room for a reason of 123 bytes. A client would take a longer frame for broken.
    assert_eq!(status(server.try_connect(&format!("/close/4001/{}", "a".repeat(124)))), 400);
    assert!(server.try_connect(&format!("/close/4001/{}", "a".repeat(123))).is_ok());
    assert_eq!(status(server.try_connect("/status/401")), 401);
    assert_eq!(status(server.try_connect("/nothing")), 404);
    server.assert_up();
}

#[test]
fn more_connections_than_it_bears_wait() {
    let server = Server::start();
    let connect = || TcpStream::connect(&server.address).unwrap();
    let idle: Vec<_> = (0..400).map(|_| connect()).collect();
    let open: Vec<_> = (0..400).map(|_| server.connect("/node/key/echo")).collect();
    let mut further = connect();
    further.write_all(b"GET /peers HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    further.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut answer = String::new();
    let kind = further.read_to_string(&mut answer).map_err(|error| error.kind());
    assert_eq!(kind, Err(ErrorKind::WouldBlock), "{answer}");
    drop(open);
    further.set_read_timeout(None).unwrap();
    further.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    drop(idle);
}

#[test]
fn a_client_that_leaves_makes_room() {
    let server = Server::start();
    // One byte per second takes longer than the next client waits.
    let message = Message::binary(vec![0; 1000]);
    for path in ["/late/600000", "/quit/600000", "/paced-sink/1/key"] {
        (0..800).for_each(|_| server.connect(path).send(message.clone()).unwrap());
        let next = TcpStream::connect(&server.address).unwrap();
        next.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let accepted = client(format!("ws://{}/echo", server.address), next);
        assert!(accepted.is_ok(), "clients of {path} leave no room");
    }
}

#[test]
fn the_sink_reports_what_it_consumed() {
    let server = Server::start();
    let mut socket = server.connect("/sink");
    for message in [Message::text("ab"), Message::binary(vec![b'c']), Message::text(""), Message::text("report")] {
        socket.send(message).unwrap();
    }
    let report = socket.read().unwrap().into_text().unwrap();
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // of "abc"
    assert_eq!(report.as_str(), format!(r#"{{"count":3,"bytes":3,"sha256":"{sha256}"}}"#));
}

#[test]
fn a_paced_sink_takes_its_time_and_remembers_what_it_consumed() {
    let server = Server::start();
    let start = Instant::now();
    for part in [b"a", b"b", b"c"] {
        let mut socket = server.connect("/paced-sink/10/key");
        socket.send(Message::binary(&part[..])).unwrap();
        socket.send(Message::text("report")).unwrap();
        socket.read().unwrap();
    }
    assert!(start.elapsed() >= Duration::from_millis(300), "the sink was faster than its rate");
    let mut other = server.connect("/paced-sink/1000000/key");
    other.send(Message::text("report")).unwrap();
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // of "abc"
    let report = other.read().unwrap().into_text().unwrap();
    assert_eq!(report.as_str(), format!(r#"{{"count":3,"bytes":3,"sha256":"{sha256}"}}"#));
    assert_eq!(status(server.try_connect("/paced-sink/0/key")), 400);
}

#[test]
fn ticks_come_one_by_one() {
    let server = Server::start();
    let start = Instant::now();
    let mut socket = server.connect("/ticks/50");
    for number in ["0", "1", "2", "3"] {
        assert_eq!(socket.read().unwrap(), Message::text(number));
    }
    assert!(start.elapsed() >= Duration::from_millis(150), "the ticks came too early");
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    server.assert_up();
}

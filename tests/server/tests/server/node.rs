//! Sessions survive cuts, stalls and the death of their server, unless their store is lost, too.

use std::thread;
use std::time::Duration;

use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message, connect};

use super::{Server, Socket, stream};

/// The client of a session, with only what these tests need.
struct Client<'a> {
    server: &'a Server,
    socket: Socket,
    attempt: u64,
    token: String,
    /// The number of messages that were sent.
    sent: u64,
    /// The number of messages that came back.
    received: u64,
}

/// Returns the value of a member of a JSON object: a number, a string or a boolean.
fn member<'a>(json: &'a str, name: &str) -> &'a str {
    let (_, rest) = json.split_once(&format!("\"{name}\":")).unwrap();
    rest.split([',', '}']).next().unwrap().trim_matches('"')
}

fn text(socket: &mut Socket) -> String {
    socket.read().unwrap().into_text().unwrap().to_string()
}

impl<'a> Client<'a> {
    fn new(server: &'a Server) -> Self {
        let (attempt, token, sent, received) = (0, String::new(), 0, 0);
        let mut client = Self { server, socket: open(server), attempt, token, sent, received };
        assert!(!client.greet());
        client
    }

    /// Connects again, and returns whether the session goes on.
    fn come_back(&mut self) -> bool {
        self.socket = open(self.server);
        self.greet()
    }

    fn greet(&mut self) -> bool {
        self.attempt += 1;
        let token = if self.token.is_empty() { String::new() } else { format!("\"token\":\"{}\",", self.token) };
        let Self { attempt, sent, received, .. } = self;
        self.socket
            .send(Message::text(format!(
                "H{{\"session\":\"a-name-of-the-session-1\",\"attempt\":{attempt},{token}\"sent\":{sent},\"received\":{received},\
                 \"processed\":{received},\"credit\":100000,\"max\":1000}}"
            )))
            .unwrap();
        let welcome = text(&mut self.socket);
        self.token = member(&welcome, "token").into();
        self.acknowledge();
        member(&welcome, "resumed") == "true"
    }

    fn acknowledge(&mut self) {
        let ack = format!("A{{\"processed\":{},\"credit\":100000}}", self.received);
        self.socket.send(Message::text(ack)).unwrap();
    }

    fn say(&mut self, words: &str) {
        self.sent += 1;
        self.socket.send(Message::text(format!(":{words}"))).unwrap();
    }

    fn hear(&mut self) -> String {
        loop {
            if let Some(words) = text(&mut self.socket).strip_prefix(':') {
                self.received += 1;
                self.acknowledge();
                return words.into();
            }
        }
    }
}

/// Connects as soon as the server runs.
fn open(server: &Server) -> Socket {
    for _ in 0..200 {
        let mut request = format!("ws://{}/node/key/session", server.address).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("session.v1"));
        match connect(request) {
            Ok((socket, _)) => return socket,
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
    panic!("the server does not come back");
}

fn strike(server: &Server, fault: &str) {
    let mut socket = server.connect(&format!("/node/key/fault/{fault}"));
    assert!(matches!(socket.read(), Ok(Message::Close(_))));
}

/// Waits until the session and the echo have processed this many messages. Returns how often each has processed a message
/// again.
fn processed(server: &Server, expected: [&str; 2]) -> [String; 2] {
    let mut socket = server.connect("/node/key/report");
    loop {
        let report = text(&mut socket);
        let both = report.split_once("\"echo\"").unwrap();
        let of = |name| [member(both.0, name), member(both.1, name)];
        if of("messages") == expected {
            return of("again").map(String::from);
        }
    }
}

fn is_lost(socket: &mut Socket) -> bool {
    loop {
        match socket.read() {
            Ok(_) => {}
            Err(error) => return !matches!(error, Error::ConnectionClosed),
        }
    }
}

#[test]
fn a_session_survives_a_cut_and_the_death_of_its_server() {
    let server = Server::start();
    let mut client = Client::new(&server);
    for (number, fault) in ["cut", "kill"].into_iter().enumerate() {
        client.say(&format!("{number} hello"));
        assert_eq!(client.hear(), format!("{number} hello"));
        strike(&server, fault);
        assert!(is_lost(&mut client.socket), "{fault}");
        assert!(client.come_back(), "{fault}");
    }
    client.say("2 goodbye");
    assert_eq!(client.hear(), "2 goodbye");
    assert_eq!(processed(&server, ["3", "0"]), ["0", "0"]);
}

#[test]
fn a_session_is_forgotten_with_its_store() {
    let server = Server::start();
    let mut client = Client::new(&server);
    client.say("1 hello");
    assert_eq!(client.hear(), "1 hello");
    strike(&server, "forget");
    assert!(is_lost(&mut client.socket));
    assert!(!client.come_back());
    assert_eq!(processed(&server, ["1", "0"]), ["0", "0"]);
}

#[test]
fn an_echo_processes_a_message_as_often_as_it_comes() {
    let server = Server::start();
    let mut echo = server.connect("/node/key/echo");
    for words in ["1 hello", "2 hello", "1 hello", "ping"] {
        echo.send(Message::text(words)).unwrap();
        assert_eq!(text(&mut echo), words);
    }
    assert_eq!(processed(&server, ["0", "2"]), ["0", "1"]);
    strike(&server, "cut");
    assert!(is_lost(&mut echo));
}

#[test]
fn a_connection_that_stalls_is_silent() {
    let server = Server::start();
    let mut echo = server.connect("/node/key/echo");
    echo.send(Message::text("1 before")).unwrap();
    assert_eq!(text(&mut echo), "1 before");
    strike(&server, "stall");
    echo.send(Message::text("2 meanwhile")).unwrap();
    stream(&mut echo).set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(matches!(echo.read(), Err(Error::Io(_))), "it is not silent");
    // Later connections are served.
    let mut other = server.connect("/node/key/echo");
    other.send(Message::text("3 after")).unwrap();
    assert_eq!(text(&mut other), "3 after");
}

#[test]
fn a_server_that_was_killed_takes_a_second_to_come_back() {
    let server = Server::start();
    drop(server.connect("/node/key/echo"));
    strike(&server, "kill");
    assert!(matches!(server.try_connect("/node/key/echo"), Err(Error::Io(_) | Error::Protocol(_))));
    drop(open(&server));
}

#[test]
fn newer_keys_end_the_servers_of_keys_that_nobody_watches() {
    let server = Server::start();
    let echoes = |socket: &mut Socket| {
        socket.send(Message::text("1 hello")).unwrap();
        assert_eq!(text(socket), "1 hello");
    };
    let [mut watched, mut unwatched] = ["watched", "unwatched"].map(|key| {
        let mut echo = server.connect(&format!("/node/{key}/echo"));
        echoes(&mut echo);
        echo
    });
    let mut report = server.connect("/node/watched/report");
    text(&mut report);
    // The server keeps 64 keys.
    for number in 0..63 {
        text(&mut server.connect(&format!("/node/newer-{number}/report")));
    }
    stream(&mut unwatched).set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let end = unwatched.read();
    let is_silent = matches!(&end, Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(end.is_err() && !is_silent, "the server of the key goes on: {end:?}");
    echoes(&mut watched);
}

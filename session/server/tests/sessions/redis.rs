//! Several servers, and Redis between them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use websocket_session::LostCause;
use websocket_session_server::{Gone, Limits, Message, RedisStore, Session, Sessions};

use crate::client::{Client, Command as Wish, Event, Options, name};
use crate::raw::{ACK, Got, Raw, hello, refused};
use crate::server::{Server, echo, free_port, limits};

/// A process that is killed when this is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn listens(port: u16) {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "nothing listens on {address}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Starts Redis on a free port, or says that it is missing.
async fn redis() -> Option<(Process, String)> {
    let port = free_port();
    let arguments = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()];
    let redis = Command::new("redis-server").args(arguments).stdout(Stdio::null()).spawn();
    let Ok(redis) = redis else {
        // Writes to stderr itself, so that the text is not captured with the test's output.
        let text = b"\nSKIPPED: there is no redis-server. On Debian: apt-get install redis-server\n";
        std::io::stderr().write_all(text).unwrap();
        return None;
    };
    let process = Process(redis);
    listens(port).await;
    Some((process, format!("redis://127.0.0.1:{port}/")))
}

/// Echoes each message, in one change of the store.
async fn answer(mut session: Session) {
    let progress = session.progress();
    let mut number = progress.processed;
    assert_eq!(progress.sent, number, "each processed message has an answer, and no other message has one");
    while let Some(Ok(message)) = session.recv().await {
        number += 1;
        assert_eq!(session.number(), Some(number));
        if session.commit([message]).await.is_err() {
            return;
        }
    }
}

/// Serves until it is killed: `nodes` starts this test as a process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is a process of another test"]
async fn node() {
    let (Ok(port), Ok(url)) = (std::env::var("NODE_PORT"), std::env::var("NODE_REDIS")) else { return };
    let address = SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
    let sessions = Sessions::redis(limits(), &url).await.unwrap();
    let _server = Server::at(address, sessions, answer).await;
    std::future::pending::<()>().await;
}

fn start_node(port: u16, url: &str) -> Process {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["redis::node", "--exact", "--ignored", "--nocapture", "--quiet"]);
    command.env("NODE_PORT", port.to_string()).env("NODE_REDIS", url).stdout(Stdio::null());
    Process(command.spawn().unwrap())
}

/// Sends numbers until `is_over`, and checks that each is answered once, in order. Returns how many it has sent.
async fn count(client: Client, is_over: watch::Receiver<bool>) -> u64 {
    let Client { commands, mut events } = client;
    let sender = async {
        let mut number = 0;
        while !*is_over.borrow() {
            number += 1;
            commands.send(Wish::Send(number.to_string().into())).await.unwrap();
            sleep(Duration::from_millis(2)).await;
        }
        commands.send(Wish::End).await.unwrap();
        number
    };
    let receiver = async {
        let mut number = 0;
        while let Some(event) = events.recv().await {
            match event {
                Event::Message(message) => {
                    number += 1;
                    assert_eq!(message.text(), number.to_string());
                }
                Event::Connected(_) | Event::End(_) => (),
                event => panic!("{event:?} after {number}"),
            }
        }
        number
    };
    let (sent, answered) = tokio::join!(sender, receiver);
    assert_eq!(sent, answered);
    sent
}

/// Runs two servers with clients, and kills them in turn, `kills` times.
async fn nodes(kills: usize, interval: Duration) {
    let Some((_redis, url)) = redis().await else { return };
    let ports = [free_port(), free_port()];
    let mut nodes = ports.map(|port| start_node(port, &url));
    for port in ports {
        listens(port).await;
    }
    let addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let (over, is_over) = watch::channel(false);
    let clients = (0..4).map(|_| {
        let options = Options { patience: Duration::from_millis(300), ..Options::new(&addresses) };
        tokio::spawn(count(Client::start(options), is_over.clone()))
    });
    let clients: Vec<_> = clients.collect();
    for kill in 0..kills {
        sleep(interval).await;
        let index = kill % 2;
        nodes[index] = {
            let _ = nodes[index].0.kill();
            let _ = nodes[index].0.wait();
            start_node(ports[index], &url)
        };
        listens(ports[index]).await;
    }
    over.send(true).unwrap();
    let mut counts = Vec::new();
    for client in clients {
        counts.push(client.await.unwrap());
    }
    println!("sent, processed and answered, each once and in order: {counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_are_killed_lose_nothing() {
    nodes(5, Duration::from_millis(700)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes more than a minute"]
async fn servers_that_are_killed_60_times_lose_nothing() {
    nodes(60, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_server_that_has_lost_a_session_in_redis_neither_processes_nor_sends() {
    let Some((_redis, url)) = redis().await else { return };
    let (out, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |session| {
        out.send(session).unwrap();
        std::future::pending()
    };
    let one = Server::start(Sessions::redis(limits(), &url).await.unwrap(), handler.clone()).await;
    let two = Server::start(Sessions::redis(limits(), &url).await.unwrap(), handler).await;
    let name = name();
    let mut raw = Raw::open(one.address).await;
    let first = raw.greet(&hello(&name, 1, None, "ada")).await;
    raw.send(r#"A{"processed":0,"credit":1000000}"#).await;
    let mut old: Session = sessions.recv().await.unwrap();
    // A refused HELLO does not take the session from the first server.
    assert_eq!(refused(two.address, &hello(&name, 1, None, "ada")).await, 4409);
    old.send("one").await.unwrap();
    while raw.get().await != Got::Text(":one".into()) {}
    let mut other = Raw::open(two.address).await;
    assert!(other.greet(&hello(&name, 2, Some(first.token()), "ada")).await.is_resumed());
    assert_eq!(other.get().await, Got::Text(":one".into()));
    let mut new = sessions.recv().await.unwrap();
    let _ = old.send("from the old server").await;
    let heard = tokio::time::timeout(Duration::from_secs(10), old.recv()).await;
    assert_eq!(heard, Ok(Some(Err(Gone::Moved))));
    assert_eq!(raw.closed().await, 1012);
    new.send("from the new server").await.unwrap();
    assert_eq!(other.get().await, Got::Text(":from the new server".into()));
}

#[tokio::test]
async fn thousands_of_messages_that_are_processed_at_once_are_answered_once_each() {
    let Some((_redis, url)) = redis().await else { return };
    let (open, gate) = tokio::sync::watch::channel(false);
    let handler = move |session| {
        let mut gate = gate.clone();
        async move {
            gate.wait_for(|is_open| *is_open).await.unwrap();
            answer(session).await;
        }
    };
    let server = Server::start(Sessions::redis(limits(), &url).await.unwrap(), handler).await;
    let mut raw = Raw::open(server.address).await;
    raw.greet(&hello(&name(), 1, None, "ada")).await;
    raw.send(r#"A{"processed":0,"credit":1000000}"#).await;
    for number in 1..=5000 {
        raw.send(&format!(":{number}")).await;
    }
    // The answer to a PING shows that the server has read all messages before it.
    raw.send("P").await;
    assert_eq!(raw.get().await, Got::Text(r#"A{"processed":0,"credit":1048576}"#.into()));
    open.send(true).unwrap();
    let mut number = 1;
    while number <= 5000 {
        match raw.get().await {
            Got::Text(text) if text.starts_with(':') => {
                assert_eq!(text, format!(":{number}"));
                number += 1;
            }
            Got::Text(_) => (),
            got => panic!("{got:?} after {number}"),
        }
    }
}

#[tokio::test]
async fn a_session_in_redis_is_restored_as_it_was() {
    let Some((_redis, url)) = redis().await else { return };
    let server = Server::start(Sessions::redis(limits(), &url).await.unwrap(), echo).await;
    let mut client = Client::start(Options::new(&[server.address]));
    let binary: Message = vec![0, 255, 13, 10].into();
    client.send("first: ✓").await;
    client.send(crate::client::Message::Binary(vec![0, 255, 13, 10].into())).await;
    assert_eq!(client.text().await, "first: ✓");
    let Some(Event::Message(crate::client::Message::Binary(bytes))) = client.next().await else { panic!() };
    assert_eq!(binary, Message::Binary(bytes));
    let address = server.stop().await;
    let server = Server::at(address, Sessions::redis(limits(), &url).await.unwrap(), echo).await;
    client.send("after a restart").await;
    assert_eq!(client.text().await, "after a restart");
    client.end().await;
    assert!(matches!(client.next().await, Some(Event::End(_))));
    assert_eq!(client.next().await, None);
    drop(server);
}

/// Sends a command to Redis, and returns the first line of the answer.
fn ask(url: &str, command: &str) -> String {
    let address = url.trim_start_matches("redis://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap().into()
}

#[tokio::test]
async fn what_a_server_leaves_behind_expires_and_its_client_gets_an_error() {
    let Some((_redis, url)) = redis().await else { return };
    let short = || Limits { ttl: Duration::from_secs(1), ..limits() };
    let server = Server::start(Sessions::redis(short(), &url).await.unwrap(), echo).await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.send("one").await;
    assert_eq!(client.text().await, "one");
    let address = server.stop().await;
    assert_ne!(ask(&url, "DBSIZE"), ":0", "the server leaves the session in Redis");
    let start = Instant::now();
    while ask(&url, "DBSIZE") != ":0" {
        assert!(start.elapsed() < Duration::from_secs(20), "the session expires within 20 s");
        sleep(Duration::from_millis(50)).await;
    }
    let _server = Server::at(address, Sessions::redis(short(), &url).await.unwrap(), echo).await;
    let Some(Event::Lost(lost)) = client.next().await else { panic!("the loss is not reported") };
    assert_eq!(lost.cause, LostCause::Forgotten);
    client.send("two").await;
    assert_eq!(client.text().await, "two");
}

#[tokio::test]
async fn redis_keeps_a_session_whose_time_to_live_is_endless() {
    let Some((_redis, url)) = redis().await else { return };
    let endless = Limits { ttl: Duration::MAX, ..limits() };
    let server = Server::start(Sessions::redis(endless, &url).await.unwrap(), echo).await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.send("one").await;
    assert_eq!(client.text().await, "one");
    for key in ["out", "string.sub(out, 1, -5)"] {
        let left = of_stream(&url, &format!("redis.call('PTTL', {key})"));
        let millis: u64 = left.trim_start_matches(':').parse().unwrap();
        assert!(
            Duration::from_millis(millis) > Duration::from_secs(365 * 24 * 60 * 60),
            "{key} expires in {millis} ms"
        );
    }
}

#[tokio::test]
async fn what_redis_has_lost_is_reported_to_both_ends() {
    let Some((_redis, url)) = redis().await else { return };
    let (out, mut gone) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |mut session: Session| {
        let out = out.clone();
        async move {
            loop {
                match session.recv().await {
                    Some(Ok(message)) => _ = session.send(message).await,
                    end => return out.send(end).unwrap(),
                }
            }
        }
    };
    let server = Server::start(Sessions::redis(limits(), &url).await.unwrap(), handler).await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.send("one").await;
    assert_eq!(client.text().await, "one");
    assert_eq!(ask(&url, "FLUSHALL"), "+OK");
    client.send("two").await;
    let Some(Event::Lost(lost)) = client.next().await else { panic!("the loss is not reported") };
    assert_eq!(lost.cause, LostCause::Forgotten);
    let unacknowledged: Vec<_> =
        lost.unacknowledged.iter().map(|lost| (lost.payload.text(), lost.transmitted)).collect();
    assert_eq!(unacknowledged.last(), Some(&("two", true)));
    assert_eq!(gone.recv().await, Some(Some(Err(Gone::Moved))));
    client.send("three").await;
    assert_eq!(client.text().await, "three");
}

#[tokio::test]
async fn a_server_without_redis_says_so_and_clients_come_again() {
    let port = free_port();
    let url = format!("redis://127.0.0.1:{port}/");
    assert!(RedisStore::connect(&url, "session").await.is_err());
    let Some((redis, url)) = redis().await else { return };
    let server = Server::start(Sessions::redis(Limits::default(), &url).await.unwrap(), echo).await;
    drop(redis);
    assert_eq!(refused(server.address, &hello(&name(), 1, None, "ada")).await, 1012);
    assert_eq!(server.sessions.len(), 0);
}

/// Returns the answer of Redis to a command about the stream of the only session, `out`.
fn of_stream(url: &str, command: &str) -> String {
    let find = "local out = redis.call('KEYS', '*:out')[1]";
    ask(url, &format!("EVAL \"{find} return out and {command} or 0\" 0"))
}

/// Waits until Redis has `count` messages.
async fn has(url: &str, count: u64) {
    while of_stream(url, "redis.call('XLEN', out)") != format!(":{count}") {
        sleep(Duration::from_millis(10)).await;
    }
}

/// Copies the keys of the session, or replaces them by their copies: Redis goes back to an older state.
fn each_key(url: &str, command: &str) {
    let each = "for _, key in ipairs({out, string.sub(out, 1, -5)}) do redis.call(";
    assert_eq!(of_stream(url, &format!("(function () {each}{command}) end return 1 end)()")), ":1");
}

const COPY: &str = "'COPY', key, key .. '-'";
const GO_BACK: &str = "'RENAME', key .. '-', key";

/// A session with one message in Redis, whose client is away.
struct Away {
    server: Server,
    session: Session,
    name: String,
    token: String,
}

impl Away {
    async fn start(url: &str) -> Self {
        let (out, mut sessions) = mpsc::unbounded_channel();
        let handler = move |session| {
            out.send(session).unwrap();
            std::future::pending()
        };
        let server = Server::start(Sessions::redis(limits(), url).await.unwrap(), handler).await;
        let (name, mut raw) = (name(), Raw::open(server.address).await);
        let token = raw.greet(&hello(&name, 1, None, "ada")).await.token().to_owned();
        raw.send(ACK).await;
        let mut session: Session = sessions.recv().await.unwrap();
        drop(raw);
        session.send("one").await.unwrap();
        has(url, 1).await;
        Self { server, session, name, token }
    }
}

/// Checks that the session is lost for a client that returns to another server.
async fn loses(damage: impl AsyncFnOnce(&str, &mut Session)) {
    let Some((_redis, url)) = redis().await else { return };
    let Away { server, mut session, name, token } = Away::start(&url).await;
    damage(&url, &mut session).await;
    server.stop().await;
    let handler = |mut session: Session| async move { session.send("next").await.unwrap() };
    let server = Server::start(Sessions::redis(limits(), &url).await.unwrap(), handler).await;
    let mut raw = Raw::open(server.address).await;
    assert!(!raw.greet(&hello(&name, 2, Some(&token), "ada")).await.is_resumed());
    raw.send(ACK).await;
    assert_eq!(raw.get().await, Got::Text(":next".into()));
}

#[tokio::test]
async fn evicted_messages_are_lost_with_their_session() {
    loses(async |url, _| assert_eq!(of_stream(url, "redis.call('DEL', out)"), ":1")).await;
}

#[tokio::test]
async fn messages_that_were_evicted_before_others_are_lost_with_their_session() {
    loses(async |url, session| {
        assert_eq!(of_stream(url, "redis.call('DEL', out)"), ":1");
        session.send("two").await.unwrap();
        has(url, 1).await;
    })
    .await;
}

#[tokio::test]
async fn messages_of_which_redis_has_lost_one_are_lost_with_their_session() {
    loses(async |url, session| {
        each_key(url, COPY);
        session.send("two").await.unwrap();
        has(url, 2).await;
        each_key(url, GO_BACK);
        session.send("three").await.unwrap();
        has(url, 2).await;
    })
    .await;
}

#[tokio::test]
async fn messages_that_redis_has_lost_after_they_arrived_lose_no_session() {
    let Some((_redis, url)) = redis().await else { return };
    let Away { server, mut session, name, token } = Away::start(&url).await;
    each_key(&url, COPY);
    session.send("two").await.unwrap();
    has(&url, 2).await;
    each_key(&url, GO_BACK);
    let mut raw = Raw::open(server.address).await;
    let token = raw.greet(&hello(&name, 2, Some(&token), "ada")).await.token().to_owned();
    raw.send(r#"A{"processed":2,"credit":1000000}"#).await;
    has(&url, 0).await;
    server.stop().await;
    let server = Server::start(Sessions::redis(limits(), &url).await.unwrap(), echo).await;
    let mut raw = Raw::open(server.address).await;
    let hello =
        hello(&name, 3, Some(&token), "ada").replace(r#""received":0,"processed":0"#, r#""received":2,"processed":2"#);
    assert!(raw.greet(&hello).await.is_resumed());
}

#[tokio::test]
async fn a_hello_that_is_refused_removes_no_session_of_which_redis_has_lost_messages() {
    let Some((_redis, url)) = redis().await else { return };
    let Away { server, session: _session, name, token } = Away::start(&url).await;
    assert_eq!(of_stream(&url, "redis.call('DEL', out)"), ":1");
    let other = Server::start(Sessions::redis(limits(), &url).await.unwrap(), echo).await;
    let mut raw = Raw::open(other.address).await;
    raw.send(&hello(&name, 1, None, "ada")).await;
    assert_eq!(raw.get().await, Got::Close(4409));
    // The server of the session has the message in memory.
    let mut raw = Raw::open(server.address).await;
    assert!(raw.greet(&hello(&name, 2, Some(&token), "ada")).await.is_resumed());
    assert_eq!(raw.get().await, Got::Text(":one".into()));
}

/// Where new connections to Redis go, and whether the older ones stall.
type Target = (SocketAddr, bool);

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("redis://").trim_end_matches('/').parse().unwrap()
}

/// Forwards connections to a Redis that may change.
async fn forward(to: watch::Receiver<Target>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut to = to.clone();
            tokio::spawn(async move {
                let (address, _) = *to.borrow_and_update();
                let mut redis = tokio::net::TcpStream::connect(address).await.unwrap();
                let stalled = async {
                    let is_changed = to.changed().await.is_ok();
                    let stalls = is_changed && to.borrow().1;
                    if !stalls {
                        std::future::pending::<()>().await;
                    }
                };
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut client, &mut redis) => (),
                    () = stalled => std::future::pending().await,
                }
            });
        }
    });
    url
}

async fn failover(stalls: bool) {
    let Some((_old, old)) = redis().await else { return };
    let Some((_new, new)) = redis().await else { return };
    let (target, to) = watch::channel((address(&old), false));
    let server = Server::start(Sessions::redis(limits(), &forward(to).await).await.unwrap(), echo).await;
    Raw::open(server.address).await.greet(&hello(&name(), 1, None, "ada")).await;
    if !stalls {
        // A replica refuses writes, even if it never finds its primary.
        assert_eq!(ask(&old, &format!("REPLICAOF 127.0.0.1 {}", free_port())), "+OK");
    }
    target.send((address(&new), stalls)).unwrap();
    let welcomed = async {
        let (name, mut raw) = (name(), Raw::open(server.address).await);
        loop {
            raw.send(&hello(&name, 1, None, "ada")).await;
            match raw.get().await {
                Got::Text(_) => break,
                got => assert_eq!(got, Got::Close(1012)),
            }
            raw = Raw::open(server.address).await;
        }
    };
    assert!(timeout(Duration::from_secs(10), welcomed).await.is_ok(), "the server does not find the new Redis");
}

#[tokio::test]
async fn a_server_leaves_a_redis_that_has_become_a_replica() {
    failover(false).await;
}

#[tokio::test]
async fn a_server_leaves_a_redis_that_does_not_answer() {
    failover(true).await;
}

#[tokio::test]
async fn sessions_in_redis_may_have_no_time_to_live() {
    let Some((_redis, url)) = redis().await else { return };
    let zero = Limits { ttl: Duration::ZERO, ..limits() };
    let server = Server::start(Sessions::redis(zero, &url).await.unwrap(), echo).await;
    let mut raw = Raw::open(server.address).await;
    raw.greet(&hello(&name(), 1, None, "ada")).await;
    raw.send(r#"A{"processed":0,"credit":1000000}"#).await;
    raw.send(":one").await;
    assert_eq!(raw.get().await, Got::Text(":one".into()));
}

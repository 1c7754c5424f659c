//! Measures the cost of sessions, compared with a plain echo of axum: `cargo run --profile bench -p websocket-session-server
//! --all-features --example load -- 1000`.
//!
//! The server is a separate process, so that its memory and its CPU time can be measured. The clients run on the same machine.
#[path = "../tests/sessions/client.rs"]
mod client;

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::WebSocket;
use axum::routing::any;
use client::{Message, Socket, decode, encode, name, open};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message as Frame;
use websocket_session::{Client as Machine, Connection, Item, Limits as Window, Output};
use websocket_session_server::{Denied, Greeting, Limits, Session, Sessions};

/// How many clients open connections at the same time.
const AT_A_TIME: usize = 64;
/// How many clients send messages at the same time, and how many messages each has in flight.
const SENDERS: usize = 100;
const IN_FLIGHT: usize = 32;
const TIME: Duration = Duration::from_secs(5);
const TEXT: &str = "a message of thirty-two bytes...";

#[tokio::main(worker_threads = 2)]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [kind, port] => serve(kind, port.parse().expect("the second argument is a port")).await,
        [count] => measure(count.parse().expect("the argument is a number of sessions")).await,
        _ => measure(1000).await,
    }
}

async fn measure(count: usize) {
    println!("{count} sessions");
    println!(
        "| | memory per idle session | messages per second | CPU per message | connects per second | resumptions per second |"
    );
    println!("|---|---|---|---|---|---|");
    for kind in ["plain", "memory"] {
        measure_kind(kind, count).await;
    }
    let port = free_port();
    let arguments = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()];
    match Command::new("redis-server").args(arguments).stdout(Stdio::null()).spawn() {
        Ok(redis) => {
            let _redis = Process(redis);
            listens(port).await;
            measure_kind(&format!("redis://127.0.0.1:{port}/"), count).await;
        }
        Err(_) => eprintln!("there is no redis-server: on Debian `apt-get install redis-server`"),
    }
}

async fn measure_kind(kind: &str, count: usize) {
    let port = free_port();
    let mut server = Process::server(kind, port).await;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let empty = server.memory();
    let (start, is_plain) = (Instant::now(), kind == "plain");
    let peers = futures_util::stream::iter(0..count).map(|_| async move {
        let machine = (!is_plain).then(|| Machine::new(name(), Window::default()));
        let mut peer = Peer::open(address, machine).await;
        peer.round(1).await;
        peer
    });
    let mut peers: Vec<_> = peers.map(tokio::spawn).buffer_unordered(AT_A_TIME).map(Result::unwrap).collect().await;
    let connects = count as f64 / start.elapsed().as_secs_f64();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = (server.memory() - empty) as f64 / count as f64;

    let (start, cpu) = (Instant::now(), server.cpu());
    let senders = peers.drain(..SENDERS.min(count)).map(|mut peer| {
        tokio::spawn(async move {
            let mut messages = 0;
            while start.elapsed() < TIME {
                peer.round(IN_FLIGHT).await;
                messages += IN_FLIGHT;
            }
            (peer, messages)
        })
    });
    let mut messages = 0;
    for sender in senders.collect::<Vec<_>>() {
        let (peer, sent) = sender.await.unwrap();
        messages += sent;
        peers.push(peer);
    }
    let rate = messages as f64 / start.elapsed().as_secs_f64();
    let cpu = (server.cpu() - cpu).as_micros() as f64 / messages as f64;

    if kind.starts_with("redis") {
        drop(server); // SIGKILL
        server = Process::server(kind, port).await;
    }
    let start = Instant::now();
    let back = futures_util::stream::iter(peers).map(|peer| async move {
        let mut peer = Peer::open(address, peer.machine).await;
        peer.round(1).await;
        peer
    });
    let back: Vec<_> = back.map(tokio::spawn).buffer_unordered(AT_A_TIME).map(Result::unwrap).collect().await;
    let resumes = back.len() as f64 / start.elapsed().as_secs_f64();
    let kind = kind.split(':').next().unwrap_or_default();
    println!("| {kind} | {:.1} KiB | {rate:.0} | {cpu:.1} µs | {connects:.0} | {resumes:.0} |", idle / 1024.0);
    drop(server);
}

/// A client, with a session or without.
struct Peer {
    socket: Socket,
    machine: Option<Machine<Message>>,
    connection: Connection,
}

impl Peer {
    async fn open(address: SocketAddr, mut machine: Option<Machine<Message>>) -> Self {
        let socket = loop {
            match open(address).await {
                Some(socket) => break socket,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        let connection =
            machine.as_mut().map(|machine| machine.connect(Some("ada".into())).expect("the session is not over"));
        Self { socket, machine, connection: connection.unwrap_or(Connection(0)) }
    }

    /// Sends messages, and waits until all have come back.
    async fn round(&mut self, count: usize) {
        let Some(machine) = &mut self.machine else { return self.plain_round(count).await };
        for _ in 0..count {
            machine.send(TEXT.into()).expect("there is room");
        }
        let mut left = count;
        while left > 0 {
            while let Some(output) = machine.poll() {
                match output {
                    Output::Control(_, text) => self.socket.feed(Frame::Text(text.into())).await.unwrap(),
                    Output::Message(_, message) => self.socket.feed(encode(message)).await.unwrap(),
                    output => panic!("{output:?}"),
                }
            }
            self.socket.flush().await.unwrap();
            let frame = self.socket.next().await.unwrap().unwrap();
            machine.receive(self.connection, decode(frame).expect("the frame belongs to the protocol"));
            while machine.poll_event().is_some() {}
            while let Some(item) = machine.take() {
                let Item::Message { mark, .. } = item else { panic!("{item:?}") };
                machine.processed(mark);
                left -= 1;
            }
        }
        machine.acknowledge();
    }

    async fn plain_round(&mut self, count: usize) {
        for _ in 0..count {
            self.socket.feed(Frame::Text(TEXT.into())).await.unwrap();
        }
        self.socket.flush().await.unwrap();
        for _ in 0..count {
            self.socket.next().await.unwrap().unwrap();
        }
    }
}

async fn serve(kind: &str, port: u16) {
    let many = usize::MAX;
    let limits = Limits {
        sessions: many,
        sessions_per_principal: many,
        greetings: many,
        ping_after: Duration::from_secs(600),
        ..Limits::default()
    };
    let route = match kind {
        "plain" => any(async |upgrade: WebSocketUpgrade| {
            upgrade.protocols(["session.v1"]).read_buffer_size(4 << 10).write_buffer_size(16 << 10).on_upgrade(plain)
        }),
        kind => {
            let sessions = match kind {
                "memory" => Sessions::memory(limits),
                url => redis(limits, url).await,
            };
            any(async move |upgrade: WebSocketUpgrade| {
                sessions
                    .upgrade(upgrade)
                    .on_upgrade(async move |socket| sessions.serve(socket, authenticate, echo).await)
            })
        }
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    axum::serve(listener, Router::new().route("/", route)).await.unwrap();
}

#[cfg(feature = "redis")]
async fn redis(limits: Limits, url: &str) -> Sessions {
    Sessions::redis(limits, url).await.unwrap()
}

#[cfg(not(feature = "redis"))]
async fn redis(_: Limits, _: &str) -> Sessions {
    panic!("build it with --all-features")
}

async fn authenticate(greeting: Greeting) -> Result<String, Denied> {
    greeting.credentials.ok_or(Denied::Credentials)
}

async fn echo(mut session: Session) {
    while let Some(Ok(message)) = session.recv().await {
        if session.commit([message]).await.is_err() {
            return;
        }
    }
}

async fn plain(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// A process that is killed when this is dropped.
struct Process(Child);

impl Process {
    async fn server(kind: &str, port: u16) -> Self {
        let program = std::env::current_exe().unwrap();
        let process = Self(Command::new(program).args([kind, &port.to_string()]).spawn().unwrap());
        listens(port).await;
        process
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.0.id())).expect("there is a /proc, as on Linux")
    }

    /// Returns the resident memory, in bytes.
    fn memory(&self) -> u64 {
        let status = self.file("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Returns the CPU time, in user space and in the kernel. A tick is 10 ms.
    fn cpu(&self) -> Duration {
        let stat = self.file("stat");
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields[index].parse::<u64>().unwrap();
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn listens(port: u16) {
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

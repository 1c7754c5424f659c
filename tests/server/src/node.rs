//! A server for each key, with sessions and a plain echo. Clients can cut and stall its connections, and kill the server.
//!
//! | path | what happens |
//! |---|---|
//! | `/node/{key}/session` | a session that echoes |
//! | `/node/{key}/echo` | an echo without a session |
//! | `/node/{key}/report` | what both have processed, as JSON, at once and after each change |
//! | `/node/{key}/fault/cut` | all connections are reset |
//! | `/node/{key}/fault/stall` | all connections fall silent, and are reset after 10 seconds |
//! | `/node/{key}/fault/kill` | the server loses everything in its memory, and a new one starts after a second |
//! | `/node/{key}/fault/forget` | as `kill`, but the server also loses the store of the sessions |
//!
//! The tasks of each server run in a separate runtime. Killing the server drops this runtime, so that none of its tasks continues,
//! as after SIGKILL. The store survives, as if it were another process. So there are at most as many runtimes as keys are remembered: the
//! connections of a forgotten key end. Keys whose reports nobody reads are forgotten first.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use axum::extract::ws::{self, WebSocket as Socket};
use axum::extract::{ConnectInfo, Path, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::SinkExt;
use serde::Serialize;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use websocket_session_server::{Denied, Greeting, Limits, MemoryStore, Session, Sessions};

use crate::connection::Breaker;
use crate::records::{MAX_KEY, Records, lock};
use crate::upgrade::WebSocket;
use crate::{behaviour, fault};

/// The maximum length of a message, in bytes.
const MAX_MESSAGE: u64 = 64 << 10;

/// The time between the end of a server that was killed and the start of the next one.
const RESTART: Duration = Duration::from_secs(1);

/// How long stalled connections are silent before they are reset. By then their clients have given them up.
const SILENCE: Duration = Duration::from_secs(10);

/// The shortest time between two reports.
const INTERVAL: Duration = Duration::from_millis(50);

/// The maximum number of processed messages that are remembered.
const MAX_SEEN: usize = 100_000;

/// The maximum number of connections that a fault cuts or stalls: the newest ones.
const MAX_CONNECTIONS: usize = 16;

static NODES: Records<Node> = Records::replacing(|node| node.told.receiver_count() == 0);

/// The server of a key, and the state that outlives it.
#[derive(Default)]
struct Node {
    server: Option<Server>,
    is_down: bool,
    store: MemoryStore,
    connections: Vec<Breaker>,
    /// The number of the last message that the sessions' application has processed, as if it were in its database.
    session_number: u64,
    seen: Seen,
    told: watch::Sender<Report>,
}

type Shared = Arc<Mutex<Node>>;

/// The node of a task that runs in the node's own runtime. The runtime ends with the node, so its tasks must not keep the node.
type Own = Weak<Mutex<Node>>;

/// A running server.
struct Server {
    sessions: Sessions,
    /// `Some` until the server is dropped.
    runtime: Option<Runtime>,
}

/// The numbers of the messages that were processed.
#[derive(Default)]
struct Seen {
    by_session: BTreeSet<u64>,
    by_echo: BTreeSet<u64>,
}

/// What the sessions and the echo have processed.
#[derive(Clone, Copy, Default, Serialize)]
struct Report {
    session: Processed,
    echo: Processed,
}

#[derive(Clone, Copy, Default, Serialize)]
struct Processed {
    /// The number of different messages.
    messages: u64,
    /// How often a message was processed again.
    again: u64,
}

/// A fault that a client can cause.
#[derive(Clone, Copy)]
pub enum Fault {
    Cut,
    Stall,
    Kill,
    Forget,
}

impl Fault {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "cut" => Self::Cut,
            "stall" => Self::Stall,
            "kill" => Self::Kill,
            "forget" => Self::Forget,
            _ => return None,
        })
    }
}

/// Serves a client of the sessions.
pub async fn session(
    Path(key): Path<String>,
    ConnectInfo(breaker): ConnectInfo<Breaker>,
    upgrade: WebSocketUpgrade,
) -> Response {
    accept(&key, breaker, |node, running, sessions| {
        sessions.upgrade(upgrade).on_upgrade(async move |socket| {
            let handler = async move |session| handle(session, node).await;
            running.spawn(async move { sessions.serve(socket, principal, handler).await });
        })
    })
}

/// Serves a client of the echo.
pub async fn echo(
    Path(key): Path<String>,
    ConnectInfo(breaker): ConnectInfo<Breaker>,
    upgrade: WebSocketUpgrade,
) -> Response {
    accept(&key, breaker, |node, running, _| {
        let upgrade = upgrade.max_message_size(MAX_MESSAGE as usize);
        upgrade.on_upgrade(async move |socket| drop(running.spawn(echo_on(socket, node))))
    })
}

/// Accepts a connection in the server of a key. Resets the connection while the server is down.
fn accept(key: &str, breaker: Breaker, upgrade: impl FnOnce(Own, Handle, Sessions) -> Response) -> Response {
    if key.len() > MAX_KEY {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let shared = NODES.find_or_begin(key);
    let mut node = lock(&shared);
    let Some((running, sessions)) = node.running() else { return fault::refuse(&breaker) };
    if node.connections.len() == MAX_CONNECTIONS {
        node.connections.remove(0);
    }
    node.connections.push(breaker);
    drop(node);
    upgrade(Arc::downgrade(&shared), running, sessions)
}

/// Accepts every client: there is nothing to protect.
async fn principal(_: Greeting) -> Result<String, Denied> {
    Ok("anyone".into())
}

/// The sessions' application: it echoes each message, and marks it as processed in the same change of the store.
async fn handle(mut session: Session, node: Own) {
    if !session.is_restored() {
        change(&node, |node| node.session_number = 0);
    }
    while let Some(Ok(message)) = session.recv().await {
        if let websocket_session_server::Message::Text(text) = &message {
            change(&node, |node| node.process_in_session(session.number().unwrap_or_default(), text));
        }
        if session.commit([message]).await.is_err() {
            return;
        }
    }
}

/// The same application without sessions.
async fn echo_on(mut socket: Socket, node: Own) {
    while let Some(Ok(message)) = socket.recv().await {
        if let ws::Message::Text(text) = &message {
            change(&node, |node| node.process_in_echo(text));
        }
        if matches!(message, ws::Message::Text(_) | ws::Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// Changes the node of a task, unless newer keys have replaced it.
fn change(node: &Own, change: impl FnOnce(&mut Node)) {
    if let Some(node) = node.upgrade() {
        change(&mut lock(&node));
    }
}

/// Sends what was processed, at once and after each change.
pub async fn report(mut socket: WebSocket, key: String) {
    let mut reports = lock(&NODES.find_or_begin(&key)).told.subscribe();
    loop {
        let report = serde_json::to_string(&*reports.borrow_and_update()).unwrap_or_default();
        if socket.send(Message::text(report)).await.is_err() {
            return;
        }
        tokio::time::sleep(INTERVAL).await;
        tokio::select! {
            // There are no more reports of a server that was replaced by those of newer keys.
            changed = reports.changed() => if changed.is_err() { return },
            message = behaviour::receive(&mut socket) => if message.is_none() { return },
        }
    }
}

/// Applies a fault to the server of a key, and closes.
pub async fn strike(socket: WebSocket, key: String, fault: Fault) {
    if let Some(node) = NODES.find(&key) {
        strike_at(&node, fault);
    }
    behaviour::close(socket, 1000, String::new()).await;
}

fn strike_at(shared: &Shared, fault: Fault) {
    let mut node = lock(shared);
    let connections = std::mem::take(&mut node.connections);
    match fault {
        Fault::Cut => connections.iter().for_each(Breaker::cut),
        Fault::Stall => stall(connections),
        Fault::Kill | Fault::Forget => {
            if matches!(fault, Fault::Forget) {
                node.store = MemoryStore::new();
            }
            node.server = None;
            node.is_down = true;
            tokio::spawn(restart(shared.clone()));
        }
    }
}

fn stall(connections: Vec<Breaker>) {
    connections.iter().for_each(Breaker::silence);
    tokio::spawn(async move {
        tokio::time::sleep(SILENCE).await;
        connections.iter().for_each(Breaker::cut);
    });
}

async fn restart(node: Shared) {
    tokio::time::sleep(RESTART).await;
    lock(&node).is_down = false;
}

impl Node {
    /// Returns the server, and starts it if it does not run yet; `None` while it is down.
    fn running(&mut self) -> Option<(Handle, Sessions)> {
        if self.is_down {
            return None;
        }
        if self.server.is_none() {
            self.server = Server::start(self.store.clone());
        }
        let server = self.server.as_ref()?;
        Some((server.runtime.as_ref()?.handle().clone(), server.sessions.clone()))
    }

    /// Processes a message, unless it was already processed before a crash and has come again.
    fn process_in_session(&mut self, number: u64, text: &str) {
        if number > self.session_number {
            self.session_number = number;
            let again = is_again(&mut self.seen.by_session, text);
            self.told.send_modify(|report| report.session.add(again));
        }
    }

    fn process_in_echo(&mut self, text: &str) {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            let again = is_again(&mut self.seen.by_echo, text);
            self.told.send_modify(|report| report.echo.add(again));
        }
    }
}

/// Returns whether the message was processed before. Its text begins with its number.
fn is_again(seen: &mut BTreeSet<u64>, text: &str) -> bool {
    let Some(number) = text.split(' ').next().and_then(|number| number.parse().ok()) else { return false };
    let is_again = !seen.insert(number);
    if seen.len() > MAX_SEEN {
        seen.pop_first(); // numbers increase, and only recent ones come again
    }
    is_again
}

impl Processed {
    fn add(&mut self, is_again: bool) {
        if is_again {
            self.again += 1;
        } else {
            self.messages += 1;
        }
    }
}

impl Server {
    fn start(store: MemoryStore) -> Option<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().ok()?;
        let limits = Limits {
            window: 256 << 10,
            max_message: MAX_MESSAGE,
            replay: 1 << 20,
            ttl: Duration::from_secs(60),
            sessions: 2,
            greetings: 8,
            ..Limits::default()
        };
        Some(Self { sessions: Sessions::with_store(limits, store), runtime: Some(runtime) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

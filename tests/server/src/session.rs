//! Sessions that echo over connections that are cut. They are kept in memory, and run the server's side of `websocket-session`.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::SinkExt;
use sha2::{Digest as _, Sha256};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use websocket_session::{
    Connection, Control, Digest, End, Hello, Incoming, Item, Limits, Mark, NewToken, Output, Payload, Refusal, Server,
    TEXT, TextFrame, Violation, code,
};

use crate::behaviour::receive;
use crate::records::lock;
use crate::upgrade::WebSocket;

/// The maximum number of sessions. With the small limits of each, it bounds the memory of all sessions.
const MAX_SESSIONS: usize = 256;
const LIMITS: Limits = Limits { window: 256 << 10, max: 1 << 20, replay: 512 << 10, journal: false };
/// How long a session without a connection is kept, as clients are told, in seconds. In fact this server drops sessions only when
/// there are too many.
const TTL: u64 = 300;
/// How often processed messages are acknowledged.
const SOON: Duration = Duration::from_millis(50);
/// The maximum number of frames before one of the first connections is cut.
const MAX_FRAMES: u64 = 12;

/// A message of the application.
#[derive(Clone)]
struct Body(Message);

impl Payload for Body {
    fn payload_len(&self) -> u64 {
        self.0.len() as u64
    }
}

struct Session {
    server: Server<Body>,
    /// A message that was taken, and for whose echo there was no room yet.
    pending: Option<(Mark, Body)>,
    /// The number of connections so far.
    connections: u32,
    /// When the last connection ended, or the session began.
    left: Instant,
}

type Shared = Arc<Mutex<Session>>;

static SESSIONS: Mutex<Option<HashMap<String, Shared>>> = Mutex::new(None);

/// After how many frames a connection is cut.
pub enum Cut {
    Never,
    After(u32),
    /// Only the first connections of the session are cut, this many, each after a random number of frames.
    First(u32),
}

/// Echoes in a session. Resets its first `cuts` connections, each after a random number of frames.
pub async fn echo_and_reset(socket: WebSocket, cuts: u32) {
    if let Some(socket) = echo(socket, Cut::First(cuts)).await {
        // With a linger time of zero, dropping the socket resets the connection.
        _ = socket.get_ref().set_zero_linger();
    }
}

/// Echoes in a session. Returns the connection if it is to be cut.
pub async fn echo(mut socket: WebSocket, cut: Cut) -> Option<WebSocket> {
    let hello = match decode(receive(&mut socket).await?) {
        Ok(Incoming::Control(Control::Hello(hello))) => hello,
        _ => {
            close(&mut socket, code::VIOLATION).await;
            return None;
        }
    };
    let Some((session, connection)) = find_or_make(&hello) else {
        close(&mut socket, code::SUPERSEDED).await;
        return None;
    };
    let left = lock(&session).frames(cut);
    let next = go_on(&mut socket, &session, connection, left).await;
    if let Next::Close(code) = next {
        close(&mut socket, code).await;
    }
    lock(&session).leave(connection);
    matches!(next, Next::Cut).then_some(socket)
}

enum Next {
    Close(u16),
    Cut,
    Ended,
}

async fn go_on(socket: &mut WebSocket, session: &Shared, connection: Connection, mut left: Option<u32>) -> Next {
    let mut soon = tokio::time::interval(SOON);
    loop {
        loop {
            let Some(output) = lock(session).poll() else { break };
            let frame = match output {
                Output::Control(on, text) if on == connection => Message::text(text),
                Output::Message(on, body) if on == connection => frame(body),
                Output::Close(on, code, _) if on == connection => return Next::Close(code),
                // This output is for a connection that is gone.
                _ => continue,
            };
            if socket.send(frame).await.is_err() {
                return Next::Ended;
            }
            if is_last(&mut left) {
                return Next::Cut;
            }
        }
        tokio::select! {
            message = receive(socket) => {
                let Some(message) = message else { return Next::Ended };
                lock(session).server.receive(connection, decode(message));
                if is_last(&mut left) {
                    return Next::Cut;
                }
            }
            _ = soon.tick() => lock(session).server.acknowledge(),
        }
        if lock(session).server.connection() != Some(connection) {
            // Another connection has superseded this one, or the session is over.
            let code = if lock(session).server.is_lost() { code::VIOLATION } else { code::SUPERSEDED };
            return Next::Close(code);
        }
    }
}

/// Counts a frame. Returns whether the connection is to be reset after it.
fn is_last(left: &mut Option<u32>) -> bool {
    *left = left.map(|left| left.saturating_sub(1));
    *left == Some(0)
}

impl Session {
    /// Counts a connection, and returns after how many frames it is cut; `None` if it is not cut.
    fn frames(&mut self, cut: Cut) -> Option<u32> {
        self.connections += 1;
        match cut {
            Cut::After(frames) => Some(frames),
            Cut::First(cuts) if self.connections <= cuts => Some(1 + (random() % MAX_FRAMES) as u32),
            Cut::First(_) | Cut::Never => None,
        }
    }

    fn leave(&mut self, connection: Connection) {
        self.server.disconnected(connection, None);
        self.left = Instant::now();
    }

    /// Echoes the messages that have arrived, and returns the next output to send.
    fn poll(&mut self) -> Option<Output<Body, websocket_session::ServerState>> {
        while !self.server.is_fresh() && self.echo() {}
        while self.server.poll_event().is_some() {}
        self.server.poll()
    }

    /// Echoes a message, which is processed as soon as the session holds its echo. Returns whether there may be another one.
    fn echo(&mut self) -> bool {
        if self.pending.is_none() {
            match self.server.take() {
                Some(Item::Message { mark, payload }) => self.pending = Some((mark, payload)),
                Some(Item::End { mark, end }) => {
                    self.server.processed(mark);
                    self.server.end(End { code: end.code, reason: end.reason });
                    return true;
                }
                Some(Item::Lost(_)) | None => return false,
            }
        }
        let Some((mark, body)) = self.pending.take() else { return false };
        match self.server.send(body) {
            Ok(_) => {
                self.server.processed(mark);
                true
            }
            Err(unsent) => {
                self.pending = Some((mark, unsent.into_payload()));
                false
            }
        }
    }
}

fn find_or_make(hello: &Hello) -> Option<(Shared, Connection)> {
    let text = format!("{:016x}{:016x}", random(), random());
    let token = NewToken { digest: digest(&text), text };
    let presented = hello.token.as_deref().map(digest);
    let mut sessions = lock(&SESSIONS);
    let sessions = sessions.get_or_insert_default();
    let known = sessions.get(&hello.session).cloned();
    let accepted = match &known {
        Some(session) => lock(session).server.accept(hello, presented, token.clone()),
        None => Err(Refusal::Forgotten),
    };
    match (accepted, known) {
        (Ok(connection), Some(session)) => return Some((session, connection)),
        (Err(Refusal::Forgotten), _) => {}
        _ => return None,
    }
    if sessions.len() >= MAX_SESSIONS {
        let oldest = oldest_unconnected(sessions)?;
        sessions.remove(&oldest);
    }
    let server = Server::new(LIMITS, TTL, hello, presented, token);
    let session = Arc::new(Mutex::new(Session { server, pending: None, connections: 0, left: Instant::now() }));
    sessions.insert(hello.session.clone(), Arc::clone(&session));
    Some((session, Connection(hello.attempt)))
}

/// Returns the session that has been without a connection for the longest time, since a client whose connection was just cut comes
/// back.
fn oldest_unconnected(sessions: &HashMap<String, Shared>) -> Option<String> {
    let left = |session: &Shared| {
        let session = lock(session);
        session.server.connection().is_none().then_some(session.left)
    };
    let unconnected = sessions.iter().filter_map(|(name, session)| Some((left(session)?, name)));
    unconnected.min().map(|(_, name)| name.clone())
}

/// Returns random bits, from the keys that the operating system gives to hash maps. They are good enough for tests.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn digest(token: &str) -> Digest {
    Sha256::digest(token).into()
}

fn decode(message: Message) -> Result<Incoming<Body>, Violation> {
    let Message::Text(text) = &message else { return Ok(Incoming::Message(Body(message))) };
    Ok(match TextFrame::decode(text)? {
        TextFrame::Message(text) => Incoming::Message(Body(Message::text(text))),
        TextFrame::Control(control) => Incoming::Control(control),
    })
}

fn frame(body: Body) -> Message {
    match body.0 {
        Message::Text(text) => Message::text(format!("{TEXT}{text}")),
        other => other,
    }
}

async fn close(socket: &mut WebSocket, code: u16) {
    let _ = socket.close(Some(CloseFrame { code: code.into(), reason: "".into() })).await;
    while receive(socket).await.is_some() {}
}

//! A host of server machines without I/O, as outlined in `docs/session.md`.

use std::collections::BTreeMap;

use crate::rule::Rule;
use crate::{
    Change, Connection, Control, Digest, Endpoint, Hello, Incoming, Limits, LostCause, NewToken, Output, Payload,
    Refusal, Server, ServerState, Snapshot, TextFrame, Violation, code,
};

/// A frame of a test.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    Text(String),
    Binary(Vec<u8>),
}

/// A message of a test.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    Text(String),
    Binary(Vec<u8>),
}

impl Payload for Message {
    fn payload_len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Binary(bytes) => bytes.len() as u64,
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl Wire {
    pub fn decode(&self) -> Result<Incoming<Message>, Violation> {
        Ok(match self {
            Self::Binary(bytes) => Incoming::Message(Message::Binary(bytes.clone())),
            Self::Text(frame) => match TextFrame::decode(frame)? {
                TextFrame::Message(text) => Incoming::Message(Message::Text(text.into())),
                TextFrame::Control(control) => Incoming::Control(control),
            },
        })
    }

    pub fn encode(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(format!(":{text}")),
            Message::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

/// An action of a host on a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Frame(usize, Wire),
    Close(usize, u16),
}

/// A principal, and the name of one of its sessions.
pub type Key = (String, String);

/// Hashes a token. This is not a cryptographic hash, but sufficient for tests.
pub fn digest(token: &str) -> Digest {
    let mut digest = [0; 32];
    for (index, byte) in token.bytes().enumerate() {
        digest[index % 32] ^= byte.rotate_left(u32::try_from(index / 32).unwrap_or(0));
    }
    digest
}

pub struct Host {
    limits: Limits,
    ttl: u64,
    pub sessions: BTreeMap<Key, Server<Message>>,
    /// The durable store.
    pub stored: BTreeMap<Key, Snapshot<Message, ServerState>>,
    /// The dropped sessions, with items that their applications have not taken yet.
    pub dropped: Vec<(Key, Server<Message>)>,
    /// The WebSockets, by the numbers of a test.
    sockets: BTreeMap<usize, (Key, Connection)>,
    tokens: u64,
    /// The rule that the servers leave out.
    pub without: Option<Rule>,
}

impl Host {
    pub fn new(limits: Limits, ttl: u64) -> Self {
        let limits = Limits { journal: true, ..limits };
        let (sessions, stored, dropped) = Default::default();
        Self { limits, ttl, sessions, stored, dropped, sockets: BTreeMap::new(), tokens: 0, without: None }
    }

    /// Handles a frame that has arrived on a socket of an authenticated client.
    pub fn receive(&mut self, socket: usize, principal: &str, frame: &Wire) -> Vec<Act> {
        let incoming = frame.decode();
        if let Some((key, connection)) = self.sockets.get(&socket).cloned() {
            if let Some(server) = self.sessions.get_mut(&key) {
                server.receive(connection, incoming);
            }
            return Vec::new();
        }
        match incoming {
            Ok(Incoming::Control(Control::Hello(hello))) => self.hello(socket, principal, &hello),
            Ok(_) => vec![Act::Close(socket, code::VIOLATION)],
            Err(violation) => vec![Act::Close(socket, violation.close_code())],
        }
    }

    fn hello(&mut self, socket: usize, principal: &str, hello: &Hello) -> Vec<Act> {
        let key = (principal.to_owned(), hello.session.clone());
        let presented = hello.token.as_deref().map(digest);
        self.tokens += 1;
        let text = format!("token-of-the-server-{:04}", self.tokens);
        let token = NewToken { digest: digest(&text), text };
        let mut acts = Vec::new();
        let accepted = match self.sessions.get_mut(&key) {
            Some(server) => server.accept(hello, presented, token.clone()),
            None => Err(Refusal::Forgotten),
        };
        let connection = match accepted {
            Ok(connection) => connection,
            Err(Refusal::Superseded) => return vec![Act::Close(socket, code::SUPERSEDED)],
            Err(Refusal::Violation(violation)) => return vec![Act::Close(socket, violation.close_code())],
            Err(Refusal::Forgotten) => {
                acts.extend(self.forget(&key, LostCause::Mismatch));
                let mut endpoint = Endpoint::new(self.limits, true);
                endpoint.rules.without = self.without;
                let server = Server::make(endpoint, self.ttl, hello, presented, token);
                self.stored.insert(key.clone(), server.snapshot());
                self.sessions.insert(key.clone(), server);
                Connection(hello.attempt)
            }
        };
        self.sockets.insert(socket, (key, connection));
        acts
    }

    /// Drops a session, as after its time to live.
    pub fn forget(&mut self, key: &Key, cause: LostCause) -> Vec<Act> {
        let Some(mut server) = self.sessions.remove(key) else { return Vec::new() };
        server.forget(cause);
        let acts = self.drain(key, &mut server);
        self.stored.remove(key);
        self.dropped.push((key.clone(), server));
        acts
    }

    /// Handles the outputs of all machines.
    pub fn poll(&mut self) -> Vec<Act> {
        let keys: Vec<_> = self.sessions.keys().cloned().collect();
        let mut acts = Vec::new();
        for key in keys {
            let Some(mut server) = self.sessions.remove(&key) else { continue };
            acts.extend(self.drain(&key, &mut server));
            self.sessions.insert(key, server);
        }
        acts
    }

    fn drain(&mut self, key: &Key, server: &mut Server<Message>) -> Vec<Act> {
        let mut acts = Vec::new();
        while let Some(output) = server.poll() {
            let socket_of = |connection| {
                let of_this = |(_, known): &(&usize, &(Key, Connection))| (&known.0, known.1) == (key, connection);
                self.sockets.iter().find(of_this).map(|(socket, _)| *socket)
            };
            match output {
                Output::Store(change) => self.store(key, change),
                Output::Control(connection, frame) => {
                    acts.extend(socket_of(connection).map(|socket| Act::Frame(socket, Wire::Text(frame))));
                }
                Output::Message(connection, message) => {
                    acts.extend(socket_of(connection).map(|socket| Act::Frame(socket, Wire::encode(message))));
                }
                Output::Close(connection, code, _) => {
                    acts.extend(socket_of(connection).map(|socket| Act::Close(socket, code)));
                }
            }
        }
        acts
    }

    fn store(&mut self, key: &Key, change: Change<Message, ServerState>) {
        if let Some(stored) = self.stored.get_mut(key) {
            stored.apply(change);
        }
    }

    pub fn disconnected(&mut self, socket: usize, code: Option<u16>) {
        if let Some((key, connection)) = self.sockets.remove(&socket) {
            if let Some(server) = self.sessions.get_mut(&key) {
                server.disconnected(connection, code);
            }
        }
    }

    /// Kills the process, and restores the stored sessions.
    pub fn restart(&mut self, stored: bool) {
        self.sockets.clear();
        self.dropped.clear();
        if !stored {
            self.stored.clear();
        }
        let restore = |(key, snapshot): (&Key, &Snapshot<_, _>)| {
            (key.clone(), Server::restore(self.limits, self.ttl, snapshot.clone()))
        };
        self.sessions = self.stored.iter().map(restore).collect();
    }
}

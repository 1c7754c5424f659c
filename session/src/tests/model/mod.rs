//! Runs both machines against each other, over a network with all faults, in all schedules, with stateright.
//!
//! A state has the machines, their applications, the store, and every frame in flight. `Model` has the numbers of messages and faults.

use std::collections::{BTreeSet, VecDeque};

use stateright::Property;

use super::host::digest;
use crate::rule::Rule;
use crate::{
    AfterLoss, Change, Client, ClientState, Connection, Control, Digest, End, Endpoint, Hello, Incoming, Item,
    LastToken, Limits, Lost, LostCause, MAX_NUMBER, NewToken, Output, Payload, Refusal, Server, ServerState, Snapshot,
    TextFrame, code,
};

mod checks;
mod order;
mod processes;
mod properties;
mod reached;
mod schedule;

/// A message: its id and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Note {
    id: u8,
    len: u8,
}

impl Payload for Note {
    fn payload_len(&self) -> u64 {
        self.len.into()
    }
}

/// The store that a process finds when it starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Store {
    /// Everything.
    Durable,
    /// The state at the last WELCOME: a store that loses later changes.
    Stale,
    /// Nothing.
    Empty,
}

/// When the timer of an ACK fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Acks {
    AnyTime,
    /// When no other action is possible.
    Last,
}

/// A model to check: messages, faults, and an optional rule that both ends leave out.
#[derive(Clone, Debug)]
struct Model {
    /// The lengths of the messages of each side.
    client: Vec<u8>,
    server: Vec<u8>,
    ends: bool,
    limits: Limits,
    /// The number of connections that may be lost, at any time.
    losses: u8,
    /// The number of connections that are lost for certain, at any time: the first ones. Then `order` reduces the schedules.
    lost: Option<u8>,
    /// Whether frames still arrive on a connection that the client has left.
    late: bool,
    crashes: u8,
    store: Store,
    client_crashes: u8,
    client_store: Store,
    duplicates: u8,
    /// Whether the applications take and process messages at once, instead of at any time.
    eager: bool,
    /// Whether an application sends all its messages together, instead of each at any time.
    burst: bool,
    acks: Acks,
    without: Option<Rule>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            client: vec![1],
            server: vec![1],
            ends: false,
            limits: Limits { window: 1000, max: 100, replay: 1000, journal: true },
            losses: 0,
            lost: None,
            late: false,
            crashes: 0,
            store: Store::Durable,
            client_crashes: 0,
            client_store: Store::Durable,
            duplicates: 0,
            eager: false,
            burst: false,
            acks: Acks::AnyTime,
            without: None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Frame {
    Control(String),
    Message(Note),
    Close(u16),
}

/// A connection. Each side receives its events at its own time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Link {
    tab: usize,
    connection: Connection,
    client_open: bool,
    server_open: bool,
    /// Whether a fault ends the connection, so that frames in flight may be lost.
    broken: bool,
    /// The token in HELLO, once the server has accepted HELLO.
    hello: Option<Option<String>>,
    up: VecDeque<Frame>,
    down: VecDeque<Frame>,
}

/// The actions and observations of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Application {
    /// How many messages it has sent, END included.
    sent: usize,
    taken: Option<crate::Mark>,
    taken_id: Option<u8>,
    /// The processed messages, with their sessions.
    log: Vec<(u8, u8)>,
    session: u8,
    losses: u8,
    superseded: bool,
    /// Whether one end has reported a violation of the other.
    accused: bool,
    /// The messages that were reported as lost.
    reported: BTreeSet<u8>,
    ended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Tab {
    machine: Client<Note>,
    stored: Snapshot<Note, ClientState>,
    application: Application,
    /// Whether the page is closed for good.
    gone: bool,
    refused: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    tabs: Vec<Tab>,
    machine: Option<Server<Note>>,
    stored: Option<Snapshot<Note, ServerState>>,
    /// The store at the last WELCOME.
    stale: Option<Snapshot<Note, ServerState>>,
    application: Application,
    links: Vec<Link>,
    /// Tokens that are no longer valid: a frame has arrived under their successor.
    spent: BTreeSet<Option<String>>,
    losses: u8,
    crashes: u8,
    client_crashes: u8,
    connects: u8,
    overflow: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Action {
    Connect(usize),
    Send(usize),
    ServerSend,
    Take(usize),
    ServerTake,
    Process(usize),
    ServerProcess,
    Ack(usize),
    ServerAck,
    Up(usize),
    Down(usize),
    /// A side that has received everything on a dead connection sees the end of the connection.
    ServerSeesEnd(usize),
    ClientSeesEnd(usize),
    Expire,
    // Faults.
    ClientLoses(usize),
    ServerLoses(usize),
    Crash,
    ClientCrash,
    Duplicate,
}

impl Action {
    fn is_of_client(&self) -> bool {
        use Action::*;
        matches!(self, Connect(_) | Send(_) | Take(_) | Process(_) | Ack(_) | Down(_) | ClientSeesEnd(_))
    }

    fn is_fault(&self) -> bool {
        matches!(self, Self::ClientLoses(_) | Self::ServerLoses(_) | Self::Crash | Self::ClientCrash | Self::Duplicate)
    }
}

const NAME: &str = "session-name-1-AAAAAAAA";
const TTL: u64 = 300;
/// The first ids of messages of the first tab and of its copy, and of the server.
const FIRST: [u8; 2] = [1, 51];
const SERVER_FIRST: u8 = 101;

/// Returns the token for an attempt of a tab. It is unique, since each HELLO of a tab has another attempt.
fn new_token(tab: usize, attempt: u64) -> NewToken {
    let text = format!("token-of-the-server-{tab}-{attempt:04}");
    NewToken { digest: digest(&text), text }
}

fn presented(hello: &Hello) -> Option<Digest> {
    hello.token.as_deref().map(digest)
}

fn decode(frame: Frame) -> Result<Result<Incoming<Note>, crate::Violation>, u16> {
    match frame {
        Frame::Close(code) => Err(code),
        Frame::Message(note) => Ok(Ok(Incoming::Message(note))),
        Frame::Control(text) => Ok(match TextFrame::decode(&text) {
            Ok(TextFrame::Control(control)) => Ok(Incoming::Control(control)),
            Ok(TextFrame::Message(_)) => unreachable!("notes are not encoded"),
            Err(violation) => Err(violation),
        }),
    }
}

//! A server of sessions in the world of a page, on the server's end of the session machine. The messages that its application has
//! processed are the oracle.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};
use wasm_websocket::Message;
use wasm_websocket::testing::{Handshake, Peer};
use websocket_session::{
    Connection, Control, Digest, Event, Hello, Incoming, Item, Limits, LostCause, NewToken, Output, Payload, Refusal,
    SUBPROTOCOL, Server, TextFrame, Violation, code,
};

use super::plan::{Fault, How, Plan, When};
use crate::dialect::{Dialect, read};
use crate::plan::milliseconds;
use crate::seeds::note;
use crate::world::World;

pub const URL: &str = "ws://example.com/session";

/// A message of the application.
#[derive(Clone)]
struct Body(Message);

impl Payload for Body {
    fn payload_len(&self) -> u64 {
        self.0.len()
    }
}

/// The account of the server's application in one session.
#[derive(Default)]
pub struct Log {
    /// The numbers of the messages that it has processed, in order.
    pub processed: RefCell<Vec<u32>>,
    /// The number of messages that it has sent.
    pub sent: Cell<usize>,
    /// The number of sent messages that are acknowledged.
    pub acknowledged: Cell<u64>,
    pub has_ended: Cell<bool>,
    pub is_complete: Cell<bool>,
    pub is_lost: Cell<bool>,
    pub is_forgotten: Cell<bool>,
}

pub struct Host {
    world: Rc<World>,
    plan: Rc<Plan>,
    sessions: RefCell<BTreeMap<String, Entry>>,
    /// The account of each session, oldest first.
    pub logs: RefCell<Vec<Rc<Log>>>,
    pub connections: Cell<usize>,
    tokens: Cell<u64>,
}

struct Entry {
    server: Server<Body>,
    log: Rc<Log>,
}

/// Returns a value that differs for each token of a test. It is not a hash.
fn digest(token: &str) -> Digest {
    let mut digest = [0; 32];
    token.bytes().take(32).enumerate().for_each(|(index, byte)| digest[index] = byte);
    digest
}

fn decode(message: Message) -> Result<Incoming<Body>, Violation> {
    let Message::Text(text) = &message else { return Ok(Incoming::Message(Body(message))) };
    Ok(match TextFrame::decode(text)? {
        TextFrame::Message(text) => Incoming::Message(Body(text.into())),
        TextFrame::Control(control) => Incoming::Control(control),
    })
}

fn frame(body: Body) -> Message {
    match body.0 {
        Message::Text(text) => Message::Text(format!(":{text}")),
        other => other,
    }
}

impl Host {
    pub fn serve(world: &Rc<World>, plan: &Rc<Plan>) -> Rc<Self> {
        let host = Rc::new(Self {
            world: Rc::clone(world),
            plan: Rc::clone(plan),
            sessions: RefCell::default(),
            logs: RefCell::default(),
            connections: Cell::default(),
            tokens: Cell::default(),
        });
        let serving = Rc::downgrade(&host);
        world.page.serve(URL, async move |handshake| {
            let Some(host) = serving.upgrade() else { return };
            host.take_part(handshake).await;
        });
        host
    }

    async fn take_part(&self, handshake: Handshake) {
        let index = self.connections.replace(self.connections.get() + 1);
        let fault = self.plan.faults.get(index).copied();
        if index > 0 && self.plan.faults.get(index - 1).is_some_and(|last| last.forgets) {
            self.forget();
        }
        assert_eq!(handshake.protocols(), [SUBPROTOCOL]);
        let Some(peer) = handshake.accept_with(SUBPROTOCOL) else { return };
        note(&self.world.page, || format!("server: connection {index}, {fault:?}"));
        let _running = self.world.running();
        self.converse(peer, fault).await;
    }

    /// Forgets everything, like a server that restarts without a store.
    fn forget(&self) {
        note(&self.world.page, || "server: forgets".into());
        for (_, entry) in std::mem::take(&mut *self.sessions.borrow_mut()) {
            entry.log.is_forgotten.set(true);
        }
    }

    async fn converse(&self, mut peer: Peer, fault: Option<Fault>) {
        let when = fault.map(|fault| fault.when);
        if matches!(when, Some(When::AtOnce)) {
            return self.end(peer, fault).await;
        }
        let Some(first) = peer.receive().await else { return };
        let Ok(Incoming::Control(Control::Hello(hello))) = decode(first) else { panic!("the first frame is no HELLO") };
        let Some((name, connection)) = self.hello(&hello) else {
            peer.close_with(code::SUPERSEDED, "");
            return peer.drain().await;
        };
        if matches!(when, Some(When::BeforeWelcome)) {
            return self.end(peer, fault).await;
        }
        let cut = match when {
            Some(When::After(delay)) => delay,
            _ => u32::MAX,
        };
        let code = {
            let conversing = pin!(self.go_on(&mut peer, &name, connection, when));
            match select(conversing, pin!(self.world.page.sleep(milliseconds(cut)))).await {
                Either::Left((code, _)) => code,
                Either::Right(_) => None,
            }
        };
        match code {
            Some(code) => {
                peer.close_with(code, "");
                peer.drain().await;
                self.disconnected(&name, connection, None);
            }
            None => {
                let code = peer.closed_with().map(|(code, _)| code);
                self.disconnected(&name, connection, code);
                if code.is_none() && !peer.is_ended() {
                    self.end(peer, fault).await;
                }
            }
        }
    }

    async fn end(&self, mut peer: Peer, fault: Option<Fault>) {
        match fault.map(|fault| fault.how) {
            Some(How::Reset) => peer.reset(),
            Some(How::Vanish) => {
                peer.vanish();
                peer.drain().await;
            }
            Some(How::Close(code)) => {
                peer.close_with(code, "");
                peer.drain().await;
            }
            Some(How::Leave) | None => {}
        }
    }

    fn disconnected(&self, name: &str, connection: Connection, code: Option<u16>) {
        if let Some(entry) = self.sessions.borrow_mut().get_mut(name) {
            entry.server.disconnected(connection, code);
            entry.log.is_lost.set(entry.server.is_lost());
        }
    }

    fn hello(&self, hello: &Hello) -> Option<(String, Connection)> {
        self.tokens.set(self.tokens.get() + 1);
        let text = format!("{:032}", self.tokens.get());
        let token = NewToken { digest: digest(&text), text };
        let presented = hello.token.as_deref().map(digest);
        let mut sessions = self.sessions.borrow_mut();
        let accepted = match sessions.get_mut(&hello.session) {
            Some(entry) => entry.server.accept(hello, presented, token.clone()),
            None => Err(Refusal::Forgotten),
        };
        match accepted {
            Ok(connection) => return Some((hello.session.clone(), connection)),
            Err(Refusal::Forgotten) => {}
            Err(Refusal::Superseded) => return None,
            Err(Refusal::Violation(violation)) => panic!("{violation}"),
        }
        assert!(!sessions.contains_key(&hello.session), "the client knows more than this server");
        let end = self.plan.server;
        let limits = Limits { window: end.window, replay: end.replay, ..Limits::default() };
        let server = Server::new(limits, 300, hello, presented, token);
        let log = Rc::<Log>::default();
        self.logs.borrow_mut().push(Rc::clone(&log));
        sessions.insert(hello.session.clone(), Entry { server, log });
        Some((hello.session.clone(), Connection(hello.attempt)))
    }

    fn with<T>(&self, name: &str, look: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.sessions.borrow_mut().get_mut(name).map(look)
    }

    /// Resolves when the connection has ended or has to end. Returns the code if the session closes it.
    async fn go_on(&self, peer: &mut Peer, name: &str, connection: Connection, when: Option<When>) -> Option<u16> {
        let (mut received, mut sent) = (0, 0);
        let mut next_step = self.world.page.elapsed();
        loop {
            // Later frames of the machine are for the newer connection. This task may not know of it yet.
            if self.with(name, |entry| entry.server.connection())?.is_some_and(|live| live != connection) {
                return Some(code::SUPERSEDED);
            }
            self.with(name, |entry| events(entry, &self.world))?;
            while let Some(output) = self.with(name, |entry| entry.server.poll())? {
                match output {
                    Output::Control(on, text) if on == connection => peer.send(text),
                    Output::Message(on, body) if on == connection => peer.send(frame(body)),
                    Output::Close(on, code, _) if on == connection => return Some(code),
                    _ => continue,
                }
                sent += 1;
                if matches!(when, Some(When::Sent(frames)) if frames <= sent) {
                    return None;
                }
            }
            let until = next_step.saturating_sub(self.world.page.elapsed()).max(milliseconds(1));
            let arrived = {
                let arriving = pin!(peer.receive());
                match select(arriving, pin!(self.world.page.sleep(until))).await {
                    Either::Left((message, _)) => Some(message?),
                    Either::Right(_) => None,
                }
            };
            if let Some(message) = arrived {
                let decoded = decode(read(message).await);
                self.with(name, |entry| entry.server.receive(connection, decoded))?;
                self.with(name, |entry| events(entry, &self.world))?;
                received += 1;
                if matches!(when, Some(When::Received(frames)) if frames <= received) {
                    return None;
                }
            } else {
                next_step = self.world.page.elapsed() + milliseconds(self.with(name, |entry| self.work(entry))?);
                self.with(name, |entry| entry.server.acknowledge())?;
            }
        }
    }

    /// Runs one step of the application. Returns the milliseconds that it takes.
    fn work(&self, Entry { server, log }: &mut Entry) -> u32 {
        if server.is_fresh() {
            return 1;
        }
        match server.take() {
            Some(Item::Message { mark, payload }) => {
                let number = Dialect::Plain.number_of(&payload.0);
                note(&self.world.page, || format!("server: processes {number}"));
                log.processed.borrow_mut().push(number);
                server.processed(mark);
            }
            Some(Item::End { mark, .. }) => {
                log.has_ended.set(true);
                server.processed(mark);
            }
            Some(Item::Lost(lost)) => {
                assert!(matches!(lost.cause, LostCause::GivenUp | LostCause::Refused(_)), "{:?}", lost.cause);
                log.is_lost.set(true);
            }
            None => {}
        }
        let index = log.sent.get();
        if let Some((delay, letter)) = self.plan.down.get(index) {
            let message = Dialect::Plain.message(index as u32 + 1, *letter);
            if server.send(Body(message)).is_ok() {
                log.sent.set(index + 1);
                return (*delay).max(self.plan.server.pace).min(50);
            }
        } else if log.has_ended.get() || self.plan.ends_first {
            server.end(websocket_session::End { code: 3001, reason: "bye".into() });
        }
        self.plan.server.pace.min(50)
    }
}

fn events(Entry { server, log }: &mut Entry, world: &World) {
    while let Some(event) = server.poll_event() {
        world.changed();
        match event {
            Event::Acknowledged(mark) => log.acknowledged.set(mark.number),
            Event::Complete => log.is_complete.set(true),
            _ => {}
        }
    }
}

//! A socket with listeners, whose closures send, close, add and drop listeners, and drop the socket itself.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest_derive::Arbitrary;
use wasm_websocket::{CloseEvent, Error, ListenerGuard, Message, Options, ReadyState, WebSocket};

use crate::account::Account;
use crate::dialect::{Dialect, read};
use crate::peer::PeerPlan;
use crate::plan::{Letter, OptionsPlan, delay, memory, milliseconds, page_code};
use crate::seeds::{hold, note};
use crate::world::{World, WorldPlan};

#[derive(Arbitrary, Clone, Debug)]
struct Plan {
    world: WorldPlan,
    options: OptionsPlan,
    peer: PeerPlan,
    #[proptest(strategy = "vec(any::<Listen>(), 0..6)")]
    listeners: Vec<Listen>,
    /// The steps: a delay in milliseconds, and the acts of one task.
    #[proptest(strategy = "vec((delay(), vec(any::<Act>(), 1..4)), 0..8)")]
    steps: Vec<(u32, Vec<Act>)>,
    #[proptest(strategy = "memory()")]
    memory: Vec<(u64, u32)>,
    is_closed: bool,
}

/// A listener and its acts when it is called. A message listener acts from its `from`-th message on.
#[derive(Arbitrary, Clone, Debug)]
struct Listen {
    kind: Kind,
    #[proptest(strategy = "0..4_u32")]
    from: u32,
    #[proptest(strategy = "vec(any::<Act>(), 0..4)")]
    acts: Vec<Act>,
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
enum Kind {
    Open,
    #[proptest(weight = 3)]
    Message,
    Error,
    Close,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Act {
    #[proptest(weight = 8)]
    Send(Letter),
    Close(#[proptest(strategy = "page_code()")] Option<u16>),
    #[proptest(weight = 3)]
    Listen(Kind),
    /// Drops a guard.
    #[proptest(weight = 3)]
    Unlisten(usize),
    Forget(usize),
    DropSocket,
}

/// The largest number of listeners, since a closure may add a listener for each message.
const MOST_LISTENERS: usize = 20;

const URL: &str = "ws://example.com/events";

#[test]
fn a_socket_whose_events_call_closures_keeps_its_promises() {
    hold(|plan: &Plan| World::run(&plan.world, |world| run(world, plan.clone())));
}

async fn run(world: Rc<World>, plan: Plan) {
    let options = plan.options.without_waiting();
    let account = Account::new(&world, &options, Dialect::Plain);
    Rc::clone(&account.conversation).serve(&world, URL, &plan.peer);
    let socket = WebSocket::with_options(URL, &Options::from(&options)).expect("the URL is right");
    world.limit_memory(&plan.memory);
    let program = Program::new(&account, socket);
    program.watch();
    plan.listeners.iter().for_each(|listen| program.listen(listen.clone()));
    for (delay, acts) in plan.steps {
        // Without a delay, the step may run before the first event.
        if delay > 0 {
            world.pause(delay).await;
        }
        acts.into_iter().for_each(|act| program.act(act));
    }
    if plan.is_closed && !program.is_dropped() {
        program.act(Act::Close(None));
        let in_time = world.in_calm(|| program.has_ended.get() || program.is_dropped()).await;
        assert!(in_time, "there is no event of the end");
    }
    // An event may still be calling its listeners.
    world.page.sleep(milliseconds(1)).await;
    program.check_listening(plan.memory.is_empty());
    program.act(Act::DropSocket);
    account.check().await;
    program.check_messages(plan.memory.is_empty()).await;
}

/// The state that the closures share.
struct Program {
    account: Rc<Account>,
    socket: RefCell<Option<Rc<WebSocket>>>,
    guards: RefCell<Vec<(usize, ListenerGuard)>>,
    /// The listeners that may be called.
    listening: RefCell<BTreeMap<usize, Kind>>,
    last_listener: Cell<usize>,
    /// The messages that each listener has received.
    received: RefCell<BTreeMap<usize, Received>>,
    has_opened: Cell<bool>,
    has_failed: Cell<bool>,
    has_ended: Cell<bool>,
}

#[derive(Default)]
struct Received {
    /// The number of messages that had arrived before it listened.
    before: usize,
    messages: Vec<Message>,
}

/// The first message listener, which receives all messages.
const FIRST: usize = 0;

impl Program {
    fn new(account: &Rc<Account>, socket: WebSocket) -> Rc<Self> {
        Rc::new(Self {
            account: Rc::clone(account),
            socket: RefCell::new(Some(Rc::new(socket))),
            guards: RefCell::default(),
            listening: RefCell::default(),
            last_listener: Cell::default(),
            received: RefCell::new(BTreeMap::from([(FIRST, Received::default())])),
            has_opened: Cell::default(),
            has_failed: Cell::default(),
            has_ended: Cell::default(),
        })
    }

    fn is_dropped(&self) -> bool {
        self.socket.borrow().is_none()
    }

    /// Attaches the first listeners, which note for the others what has happened.
    fn watch(self: &Rc<Self>) {
        let socket = self.socket.borrow().clone().expect("it was just made");
        let program = || {
            let program = Rc::downgrade(self);
            move || program.upgrade().expect("it lives longer than the socket")
        };
        let (opens, receives, fails, ends) = (program(), program(), program(), program());
        socket.on_open(move || opens().has_opened.set(true)).forget();
        socket.on_message(move |message| receives().receives(FIRST, message)).forget();
        socket.on_error(move |_| fails().has_failed.set(true)).forget();
        socket.on_close(move |event| ends().ended(&event)).forget();
    }

    fn receives(&self, id: usize, message: Message) {
        self.received.borrow_mut().entry(id).or_default().messages.push(message);
    }

    /// Returns the number of messages that have arrived.
    fn arrived(&self) -> usize {
        self.received.borrow()[&FIRST].messages.len()
    }

    /// Returns how many events a listener has missed that may be called.
    fn missed(&self, id: usize, kind: Kind) -> usize {
        match kind {
            Kind::Open => self.has_opened.get().into(),
            Kind::Message => {
                let received = &self.received.borrow()[&id];
                self.arrived() - received.before - received.messages.len()
            }
            Kind::Error => self.has_failed.get().into(),
            Kind::Close => self.has_ended.get().into(),
        }
    }

    /// Checks a listener that is dropped. It has missed at most the event that is calling the listeners now.
    fn check_dropped(&self, id: usize, kind: Kind) {
        assert!(self.missed(id, kind) <= 1, "listener {id} has missed events");
    }

    fn ended(&self, event: &CloseEvent) {
        let page = &self.account.world.page;
        note(page, || format!("page: the end is reported: {event:?}"));
        self.has_ended.set(true);
        if self.has_opened.get() {
            self.account.end.replace(Some((page.elapsed(), Ok(event.clone()))));
        } else {
            assert_eq!((event.code, event.was_clean), (1006, false), "it never opened");
        }
        self.account.world.changed();
    }

    fn listen(self: &Rc<Self>, listen: Listen) {
        let Some(socket) = self.socket.borrow().clone().filter(|_| self.last_listener.get() < MOST_LISTENERS) else {
            return;
        };
        let id = self.last_listener.get() + 1;
        self.last_listener.set(id);
        let (program, kind) = (Rc::downgrade(self), listen.kind);
        let is_past = match kind {
            Kind::Open => self.has_opened.get(),
            Kind::Message => false,
            Kind::Error => self.has_failed.get() || self.has_ended.get(),
            Kind::Close => self.has_ended.get(),
        };
        if !is_past {
            self.listening.borrow_mut().insert(id, kind);
        }
        if kind == Kind::Message {
            let received = Received { before: self.arrived(), messages: Vec::new() };
            self.received.borrow_mut().insert(id, received);
        }
        let left_out = Cell::new(listen.from);
        let call = move |event: Event| {
            let program = program.upgrade().expect("it lives longer than the socket");
            program.called(id, event);
            if let Some(left) = left_out.get().checked_sub(1).filter(|_| kind == Kind::Message) {
                return left_out.set(left);
            }
            listen.acts.iter().for_each(|act| program.act(*act));
        };
        let guard = match kind {
            Kind::Open => socket.on_open(move || call(Event::Open)),
            Kind::Message => socket.on_message(move |message| call(Event::Message(message))),
            Kind::Error => socket.on_error(move |error| call(Event::Error(error))),
            Kind::Close => socket.on_close(move |event| call(Event::Close(event))),
        };
        self.guards.borrow_mut().push((id, guard));
    }

    fn called(&self, id: usize, event: Event) {
        note(&self.account.world.page, || format!("page: listener {id}: {event:?}"));
        let is_listening = self.listening.borrow().contains_key(&id);
        assert!(is_listening, "a listener is called that was dropped, or after its event");
        match event {
            Event::Open => {
                assert!(self.has_opened.get() && !self.has_ended.get(), "it opens late");
                self.listening.borrow_mut().remove(&id);
            }
            Event::Message(message) => {
                assert!(self.has_opened.get() && !self.has_ended.get(), "a message comes too early, or too late");
                self.receives(id, message);
            }
            Event::Error(error) => {
                assert!(!self.has_ended.get(), "an error comes after the end");
                let is_lost = matches!(error, Error::ConnectionLost { .. });
                assert_eq!(is_lost, self.has_opened.get(), "it is reported as {error:?}");
                self.listening.borrow_mut().remove(&id);
            }
            Event::Close(event) => {
                assert!(self.has_ended.get(), "{event} is reported before the end");
                self.listening.borrow_mut().remove(&id);
            }
        }
    }

    fn act(self: &Rc<Self>, act: Act) {
        note(&self.account.world.page, || format!("page: {act:?}"));
        let socket = self.socket.borrow().clone();
        match (act, socket) {
            (Act::Send(letter), Some(socket)) => self.send(&socket, letter),
            (Act::Close(code), Some(socket)) => self.close(&socket, code),
            (Act::Listen(kind), _) => self.listen(Listen { kind, from: 0, acts: Vec::new() }),
            (Act::Unlisten(which), _) => drop(self.take_guard(which).map(|(id, guard)| {
                let listening = self.listening.borrow_mut().remove(&id);
                listening.into_iter().for_each(|kind| self.check_dropped(id, kind));
                guard
            })),
            (Act::Forget(which), _) => self.take_guard(which).into_iter().for_each(|(_, guard)| guard.forget()),
            (Act::DropSocket, socket) => {
                self.listening.take().into_iter().for_each(|(id, kind)| self.check_dropped(id, kind));
                let slot = self.socket.take();
                drop(slot);
                drop(socket);
            }
            (_, None) => {}
        }
    }

    fn take_guard(&self, which: usize) -> Option<(usize, ListenerGuard)> {
        let mut guards = self.guards.borrow_mut();
        let index = which.checked_rem(guards.len())?;
        Some(guards.remove(index))
    }

    fn send(&self, socket: &WebSocket, letter: Letter) {
        let (number, message) = self.account.write(letter);
        let (len, state) = (message.len(), socket.ready_state());
        match socket.send(message) {
            Ok(()) => {
                assert_eq!(state, ReadyState::Open);
                self.account.handed_over(number, len);
            }
            Err(unsent) => assert_eq!(unsent.error, Error::NotOpen(state)),
        }
    }

    fn close(&self, socket: &WebSocket, code: Option<u16>) {
        let was_open = socket.ready_state() == ReadyState::Open;
        match code {
            None => socket.close(),
            Some(1006) => {
                assert_eq!(socket.close_with(1006, ""), Err(Error::InvalidCloseCode(1006)));
                return;
            }
            Some(code) => socket.close_with(code, "the page closes").expect("the code is allowed"),
        }
        if was_open {
            self.account.closes(code.unwrap_or(1005));
        }
    }

    /// Checks, between two events, that no listener has missed an event, and that a connection that the peer has closed has
    /// delivered all messages.
    fn check_listening(&self, had_memory: bool) {
        for (id, kind) in &*self.listening.borrow() {
            assert_eq!(self.missed(*id, *kind), 0, "listener {id} has missed events");
        }
        let (sent, end) = (self.account.conversation.sent.get() as usize, self.account.end());
        let is_clean = matches!(end, Some(Ok(event)) if event.was_clean) && self.account.close.get().is_none();
        assert!(!is_clean || !had_memory || self.arrived() == sent, "{} of {sent} messages arrived", self.arrived());
    }

    /// Checks that the messages have arrived that the peer has sent, in order, except messages that did not fit into memory, and
    /// that each listener has received those that arrived while it listened.
    async fn check_messages(&self, had_memory: bool) {
        let sent = self.account.conversation.sent.get();
        let mut arrived = Vec::new();
        for (listener, Received { before, messages }) in self.received.take() {
            let mut numbers = Vec::new();
            for message in messages {
                numbers.push(Dialect::Plain.number_of(&read(message).await));
            }
            if listener == FIRST {
                assert!(numbers.is_sorted_by(|one, other| one < other), "messages arrive out of order: {numbers:?}");
                assert!(numbers.last().is_none_or(|last| *last < sent), "{numbers:?} arrive, and {sent} were sent");
                let is_complete = numbers.last().is_none_or(|last| *last as usize + 1 == numbers.len());
                assert!(is_complete || !had_memory, "messages are missing: {numbers:?}");
                arrived = numbers;
            } else {
                let is_equal = arrived[before..].starts_with(&numbers);
                assert!(is_equal, "listener {listener} receives {numbers:?} of {arrived:?} after {before}");
            }
        }
    }
}

#[derive(Debug)]
enum Event {
    Open,
    Message(Message),
    Error(Error),
    Close(CloseEvent),
}

//! The connection that drawings and messages share.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use wasm_bindgen_futures::spawn_local;
use wasm_websocket::{
    BinaryType, CloseCode, CloseEvent, CloseReason, Connecting, Error, Message, Options, Payload, ReadyState, Receiver,
    Sender,
};

use crate::log::{Kind, Log};
use crate::meter::{Meter, Watched};
use crate::server;
use crate::task::Task;

/// A handle of the connection. Each card has a clone.
#[derive(Clone)]
pub struct Link(Rc<Shared>);

struct Shared {
    log: Log,
    meter: Meter,
    open: RefCell<Option<Open>>,
    /// The callbacks for the echoes of the binary messages that were sent, in order. Texts have no entry: an echo has the type of
    /// its message.
    awaited: RefCell<VecDeque<Option<OnEcho>>>,
    /// The task that connects, receives, and reports how the connection ended.
    task: RefCell<Option<Task>>,
    listeners: RefCell<Vec<Listener>>,
    /// The callback for a binary message that is not an echo, or may not be one.
    on_other: RefCell<Option<OnOther>>,
    /// Whether the connection is to a room, in which echoes come between messages of others.
    is_in_room: Cell<bool>,
}

/// Both halves of the connection.
struct Open {
    sender: Sender,
    /// Shared by the task that receives and the control for the binary type.
    receiver: Rc<RefCell<Receiver>>,
    _watched: Watched,
}

/// A callback for changes of the state.
type Listener = Box<dyn Fn(&State)>;

/// A callback for an echo.
type OnEcho = Box<dyn FnOnce(Message) -> LocalBoxFuture<'static, ()>>;

/// A callback for a message that is not an echo.
type OnOther = Rc<dyn Fn(Message) -> LocalBoxFuture<'static, ()>>;

/// The state of the connection.
pub enum State {
    Connecting,
    Open { protocol: String, extensions: String },
    Closing,
    Closed(End),
}

/// How the connection ended.
pub enum End {
    Closed(CloseEvent),
    Failed(Error),
    /// The page has connected again, or the user cancelled connecting.
    Dropped,
}

impl State {
    /// Returns the standard's name of the state.
    pub fn name(&self) -> String {
        let state = match self {
            Self::Connecting => ReadyState::Connecting,
            Self::Open { .. } => ReadyState::Open,
            Self::Closing => ReadyState::Closing,
            Self::Closed(_) => ReadyState::Closed,
        };
        state.to_string()
    }
}

impl Link {
    pub fn new(log: &Log, meter: &Meter) -> Self {
        Self(Rc::new(Shared {
            log: log.clone(),
            meter: meter.clone(),
            open: RefCell::default(),
            awaited: RefCell::default(),
            task: RefCell::default(),
            listeners: RefCell::default(),
            on_other: RefCell::default(),
            is_in_room: Cell::default(),
        }))
    }

    /// Calls `listener` when the state changes.
    pub fn on_state(&self, listener: impl Fn(&State) + 'static) {
        self.0.listeners.borrow_mut().push(Box::new(listener));
    }

    /// Calls `on_other` with each binary message that is not an echo, and in a room with every binary message. Later messages wait
    /// until its future resolves.
    pub fn on_other<F: Future<Output = ()> + 'static>(&self, on_other: impl Fn(Message) -> F + 'static) {
        self.0.on_other.replace(Some(Rc::new(move |message| Box::pin(on_other(message)))));
    }

    // region: connect
    /// Connects. Drops the previous connection, which closes it.
    pub fn connect(&self, url: &str, options: &Options) {
        self.drop_connection("dropped for a new connection");
        self.0.log.add(Kind::Connect, None, url);
        self.0.is_in_room.set(server::is_room(url));
        self.announce(&State::Connecting);
        let (link, connecting) = (self.clone(), options.connect(url));
        self.0.task.replace(Some(Task::spawn(async move {
            let ended = link.receive(connecting).await;
            link.end(ended.map_or_else(End::Failed, End::Closed));
        })));
    }

    /// Receives until the connection has ended, and returns how it ended.
    async fn receive(&self, connecting: Connecting) -> Result<CloseEvent, Error> {
        let stream = connecting.await?;
        let state = State::Open { protocol: stream.protocol(), extensions: stream.extensions() };
        let (sender, receiver) = stream.split();
        let (closed, receiver) = (sender.closed(), Rc::new(RefCell::new(receiver)));
        self.keep(sender, receiver.clone());
        self.opened(&state);
        // The receiver is borrowed only while it is polled, so that its binary type can be chosen at any time.
        while let Some(message) = poll_fn(|context| receiver.borrow_mut().poll_next_unpin(context)).await {
            match message {
                Err(Error::Unclean(_)) => break, // lost: `closed` has the event
                message => self.received(message?).await,
            }
        }
        closed.await
    }

    /// Sends a message of `bytes` bytes, unless the sender would have to wait.
    fn send(&self, message: impl Payload, bytes: u64, what: &str) -> Result<(), Error> {
        let open = self.0.open.borrow();
        let sender = open.as_ref().map(|open| &open.sender).ok_or(Error::NotOpen(ReadyState::Closed))?;
        sender.try_send(message)?;
        self.0.meter.sent(bytes);
        self.0.log.add(Kind::Sent, Some(bytes), what);
        Ok(())
    }
    // endregion

    pub fn send_text(&self, text: &str) -> Result<(), Error> {
        self.send(text, text.len() as u64, &format!("text: {text}"))
    }

    pub fn send_binary(&self, message: impl Payload, bytes: u64, what: &str) -> Result<(), Error> {
        self.send(message, bytes, what)?;
        self.await_echo(None);
        Ok(())
    }

    /// Sends a binary message, and calls `on_echo` with its echo, except in a room. Later messages wait until the callback's future
    /// resolves.
    pub fn send_for_echo<F: Future<Output = ()> + 'static>(
        &self,
        message: impl Payload,
        bytes: u64,
        what: &str,
        on_echo: impl FnOnce(Message) -> F + 'static,
    ) -> Result<(), Error> {
        self.send(message, bytes, what)?;
        self.await_echo(Some(Box::new(move |message| Box::pin(on_echo(message)))));
        Ok(())
    }

    fn await_echo(&self, on_echo: Option<OnEcho>) {
        if !self.0.is_in_room.get() {
            self.0.awaited.borrow_mut().push_back(on_echo);
        }
    }

    /// Closes the connection, with an optional code and reason. A connection that is not open yet is dropped.
    pub fn close(&self, frame: Option<(CloseCode, CloseReason)>) {
        let sender = self.0.open.borrow().as_ref().map(|open| open.sender.clone());
        let Some(mut sender) = sender else { return self.drop_connection("given up while connecting") };
        spawn_local(async move {
            // The task that receives reports how the connection ends.
            let _ = match frame {
                None => sender.close().await,
                Some((code, reason)) => sender.close_with(code, reason).await,
            };
        });
        self.0.log.add(Kind::Closing, None, "waiting for the server’s answer");
        self.announce(&State::Closing);
    }

    pub fn set_binary_type(&self, binary_type: BinaryType) {
        if let Some(open) = &*self.0.open.borrow() {
            open.receiver.borrow().set_binary_type(binary_type);
        }
    }

    fn keep(&self, sender: Sender, receiver: Rc<RefCell<Receiver>>) {
        let _watched = self.0.meter.watch(&sender);
        self.0.open.replace(Some(Open { sender, receiver, _watched }));
    }

    fn opened(&self, state: &State) {
        if let State::Open { protocol, extensions } = state {
            let detail = format!("subprotocol: {}, extensions: {}", or_none(protocol), or_none(extensions));
            self.0.log.add(Kind::Open, None, &detail);
        }
        self.announce(state);
    }

    async fn received(&self, message: Message) {
        self.0.meter.received(message.len());
        self.0.log.message(Kind::Received, &message);
        if message.as_text().is_some() {
            return;
        }
        let awaited = self.0.awaited.borrow_mut().pop_front();
        match awaited {
            Some(Some(on_echo)) => on_echo(message).await,
            Some(None) => {}
            None => self.other(message).await,
        }
    }

    async fn other(&self, message: Message) {
        let on_other = self.0.on_other.borrow().clone();
        if let Some(on_other) = on_other {
            on_other(message).await;
        }
    }

    /// Drops the connection, if there is one.
    fn drop_connection(&self, why: &str) {
        if self.0.task.borrow().is_some() {
            self.0.log.add(Kind::Close, None, why);
            self.end(End::Dropped);
        }
    }

    fn end(&self, end: End) {
        self.0.open.take();
        self.0.task.take();
        self.0.awaited.take();
        match &end {
            End::Closed(event) => self.0.log.add(Kind::Close, None, &describe(event)),
            End::Failed(error) => self.0.log.add(Kind::Problem, None, &error.to_string()),
            End::Dropped => {}
        }
        self.announce(&State::Closed(end));
    }

    fn announce(&self, state: &State) {
        self.0.listeners.borrow().iter().for_each(|listener| listener(state));
    }
}

/// Returns what the server selected; “none” if it selected nothing.
pub fn or_none(selected: &str) -> &str {
    if selected.is_empty() { "none" } else { selected }
}

/// Describes how a connection was closed.
pub fn describe(event: &CloseEvent) -> String {
    format!("{event} – {}", if event.was_clean { "clean" } else { "not clean" })
}

/// Explains why a message was not sent.
pub fn explain(error: &Error) -> String {
    match error {
        Error::NotOpen(_) => "There is no open connection: connect first.".into(),
        Error::Full => "Too many bytes are unsent: wait a moment, or see what the server does with them.".into(),
        error => error.to_string(),
    }
}

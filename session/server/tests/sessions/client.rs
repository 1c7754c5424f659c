//! A client for tests and measurements: the machine of `websocket-session` over tokio-tungstenite.
#![allow(dead_code, reason = "each test and example uses a part")]

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Message as Frame};
use websocket_session::{
    AfterLoss, Client as Machine, Connection, End, Incoming, Item, Limits, Lost, Output, Payload, SUBPROTOCOL, TEXT,
    TextFrame, Violation,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Text(String),
    Binary(Bytes),
}

impl Payload for Message {
    fn payload_len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Binary(bytes) => bytes.len() as u64,
        }
    }
}

impl Message {
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Binary(bytes) => std::str::from_utf8(bytes).unwrap(),
        }
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

pub type Socket = WebSocketStream<TcpStream>;

/// Opens a WebSocket that speaks the session protocol.
pub async fn open(address: SocketAddr) -> Option<Socket> {
    upgrade(TcpStream::connect(address).await.ok()?).await
}

/// Makes a connection a WebSocket that speaks the session protocol.
pub async fn upgrade(stream: TcpStream) -> Option<Socket> {
    let mut request = format!("ws://{}/", stream.peer_addr().ok()?).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
    stream.set_nodelay(true).ok()?;
    Some(tokio_tungstenite::client_async(request, stream).await.ok()?.0)
}

pub fn decode(frame: Frame) -> Option<Result<Incoming<Message>, Violation>> {
    Some(match frame {
        Frame::Binary(bytes) => Ok(Incoming::Message(Message::Binary(bytes))),
        Frame::Text(text) => TextFrame::decode(&text).map(|frame| match frame {
            TextFrame::Message(text) => Incoming::Message(Message::Text(text.into())),
            TextFrame::Control(control) => Incoming::Control(control),
        }),
        _ => return None,
    })
}

pub fn encode(message: Message) -> Frame {
    match message {
        Message::Text(text) => Frame::Text(format!("{TEXT}{text}").into()),
        Message::Binary(bytes) => Frame::Binary(bytes),
    }
}

/// The events for an application.
#[derive(Debug, PartialEq)]
pub enum Event {
    /// The handshake is done. The value is whether the session was resumed.
    Connected(bool),
    Message(Message),
    End(End),
    Lost(Lost<Message>),
    /// The server refuses the client.
    Refused(u16),
}

/// The commands of an application.
pub enum Command {
    Send(Message),
    End,
    /// Drops the connection.
    Cut,
}

pub struct Options {
    /// The addresses to connect to, in turn.
    pub addresses: Vec<SocketAddr>,
    pub credentials: String,
    pub limits: Limits,
    /// The silence after which the server is pinged. After the same time again, the connection is given up.
    pub patience: Duration,
}

impl Options {
    pub fn new(addresses: &[SocketAddr]) -> Self {
        let limits = Limits::default();
        Self { addresses: addresses.into(), credentials: "ada".into(), limits, patience: Duration::from_secs(20) }
    }
}

/// A client that runs in a task of its own.
pub struct Client {
    pub commands: mpsc::Sender<Command>,
    pub events: mpsc::UnboundedReceiver<Event>,
}

pub fn name() -> String {
    format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

impl Client {
    pub fn start(options: Options) -> Self {
        Self::with(Machine::new(name(), options.limits), options)
    }

    pub fn with(machine: Machine<Message>, options: Options) -> Self {
        let (commands, receiver) = mpsc::channel(16);
        let (sender, events) = mpsc::unbounded_channel();
        tokio::spawn(Task { machine, options, commands: receiver, events: sender, is_cut: false }.run());
        Self { commands, events }
    }

    pub async fn send(&self, message: impl Into<Message>) {
        self.commands.send(Command::Send(message.into())).await.unwrap();
    }

    pub async fn end(&self) {
        self.commands.send(Command::End).await.unwrap();
    }

    /// Returns the next event that is not about a connection.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match timeout(Duration::from_secs(60), self.events.recv()).await.expect("an event comes within 60 s") {
                Some(Event::Connected(_)) => (),
                event => return event,
            }
        }
    }

    pub async fn connected(&mut self) -> bool {
        loop {
            match self.events.recv().await {
                Some(Event::Connected(resumed)) => return resumed,
                Some(_) => (),
                None => panic!("the session is over"),
            }
        }
    }

    pub async fn text(&mut self) -> String {
        match self.next().await {
            Some(Event::Message(message)) => message.text().into(),
            event => panic!("{event:?}"),
        }
    }
}

struct Task {
    machine: Machine<Message>,
    options: Options,
    commands: mpsc::Receiver<Command>,
    events: mpsc::UnboundedSender<Event>,
    is_cut: bool,
}

impl Task {
    async fn run(mut self) {
        for index in 0.. {
            let address = self.options.addresses[index % self.options.addresses.len()];
            let Ok(Some(socket)) = timeout(self.options.patience, open(address)).await else {
                sleep(Duration::from_millis(fastrand::u64(1..20))).await;
                continue;
            };
            let Some(connection) = self.machine.connect(Some(self.options.credentials.clone())) else { break };
            let code = self.serve(socket, connection).await;
            let after = self.machine.disconnected(connection, code);
            self.pass_events();
            match after {
                AfterLoss::Over => break,
                AfterLoss::Refused(code) => {
                    let _ = self.events.send(Event::Refused(code));
                    break;
                }
                _ if self.events.is_closed() => break,
                _ => sleep(Duration::from_millis(fastrand::u64(1..10))).await,
            }
        }
    }

    /// Passes events and items to the application, and marks the items as processed.
    fn pass_events(&mut self) {
        while let Some(event) = self.machine.poll_event() {
            if let websocket_session::Event::Connected { resumed } = event {
                let _ = self.events.send(Event::Connected(resumed));
            }
        }
        while let Some(item) = self.machine.take() {
            let event = match item {
                Item::Message { mark, payload } => {
                    self.machine.processed(mark);
                    Event::Message(payload)
                }
                Item::End { mark, end } => {
                    self.machine.processed(mark);
                    Event::End(end)
                }
                Item::Lost(lost) => Event::Lost(lost),
            };
            let _ = self.events.send(event);
        }
    }

    /// Serves one connection. Returns its close code.
    async fn serve(&mut self, mut socket: Socket, connection: Connection) -> Option<u16> {
        let (mut heard, mut pinged, mut ack) = (Instant::now(), false, None);
        let patience = self.options.patience;
        loop {
            self.pass_events();
            while let Some(output) = self.machine.poll() {
                let frame = match output {
                    Output::Control(_, text) => Frame::Text(text.into()),
                    Output::Message(_, message) => encode(message),
                    Output::Close(_, code, _) => {
                        let close = CloseFrame { code: code.into(), reason: "".into() };
                        Frame::Close(Some(close))
                    }
                    Output::Store(_) => continue,
                };
                timeout(patience, socket.feed(frame)).await.ok()?.ok()?;
            }
            timeout(patience, socket.flush()).await.ok()?.ok()?;
            ack = self.machine.is_ack_pending().then(|| ack.unwrap_or(Instant::now() + Duration::from_millis(50)));
            tokio::select! {
                frame = socket.next() => {
                    heard = Instant::now();
                    pinged = false;
                    match frame {
                        Some(Ok(Frame::Close(close))) => {
                            let _ = timeout(patience, socket.next()).await;
                            return close.map(|close| close.code.into());
                        }
                        Some(Ok(frame)) => if let Some(incoming) = decode(frame) {
                            self.machine.receive(connection, incoming);
                        }
                        Some(Err(_)) | None => return None,
                    }
                }
                command = self.commands.recv(), if self.machine.has_room(1024) => match command {
                    Some(Command::Send(message)) => drop(self.machine.send(message)),
                    Some(Command::End) => drop(self.machine.end(End::new(1000, "").unwrap())),
                    Some(Command::Cut) => return None,
                    None if self.events.is_closed() => return None,
                    None => sleep(Duration::from_millis(5)).await,
                },
                () = sleep_until(ack.unwrap_or(heard + patience)), if ack.is_some() => {
                    self.machine.acknowledge();
                    ack = None;
                }
                () = sleep_until(heard + if pinged { patience * 2 } else { patience }) => {
                    if pinged {
                        return None;
                    }
                    pinged = true;
                    self.machine.ping();
                }
            }
        }
    }
}

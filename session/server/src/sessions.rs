//! All sessions of one server.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{Message as Frame, WebSocket};
use tokio::time::timeout;
use websocket_session::{Hello, SUBPROTOCOL, Violation, code};

use crate::crowd::Crowd;
use crate::mailbox::{Arrival, Full, Leave};
use crate::registry::{Found, Refused, Registry};
use crate::socket::{PONGS, Socket};
use crate::store::Store;
use crate::{Key, Limits, Session, driver, message, token};

/// All sessions of one server. Clones share the sessions.
#[derive(Clone)]
pub struct Sessions {
    context: Arc<Context>,
}

pub(crate) struct Context {
    pub limits: Limits,
    pub store: Option<Arc<dyn Store>>,
    pub registry: Registry,
    /// The connections without HELLO.
    pub greetings: Arc<Crowd>,
    /// The connections that are closing.
    pub closing: Arc<Crowd>,
}

/// How long a store keeps each session at least, so that its server can renew it.
const KEEP: Duration = Duration::from_secs(10);

impl Context {
    /// How long a store keeps a session that no server renews.
    pub fn keep(&self) -> Duration {
        KEEP.max(self.limits.ttl * 2)
    }
}

/// The credentials and the protocol in a client's HELLO.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Greeting {
    /// The client's credentials, if neither a cookie nor the URL authenticates the client.
    pub credentials: Option<String>,
    /// The application's protocol, such as `chat.v2`.
    pub protocol: Option<String>,
}

impl std::fmt::Debug for Greeting {
    /// Leaves out the credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Greeting").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

/// Why a client is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// The credentials are refused. The client keeps its session, and may try again with other credentials.
    Credentials,
    /// The application's protocol is unknown.
    Protocol,
    /// Nobody can say now who the client is, for instance because a database does not answer. The client keeps its session, and connects
    /// again.
    Unavailable,
}

impl Sessions {
    /// Keeps sessions in memory: when the process ends, the sessions are lost, and each client gets one error.
    pub fn memory(limits: Limits) -> Self {
        Self::new(limits, None)
    }

    /// Keeps sessions in a store, so that another server can continue them.
    pub fn with_store(limits: Limits, store: impl Store) -> Self {
        Self::new(limits, Some(Arc::new(store)))
    }

    fn new(limits: Limits, store: Option<Arc<dyn Store>>) -> Self {
        let limits = limits.finite();
        let [greetings, closing] = [(); 2].map(|()| Arc::new(Crowd::new(&limits)));
        Self { context: Arc::new(Context { limits, store, registry: Registry::default(), greetings, closing }) }
    }

    /// Keeps sessions in Redis, such as `redis://127.0.0.1:6379/`, under keys that begin with `session:`. See
    /// [`RedisStore`](crate::RedisStore).
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable) if the URL is not a Redis URL, or Redis does not answer.
    #[cfg(feature = "redis")]
    pub async fn redis(limits: Limits, url: &str) -> Result<Self, crate::StoreError> {
        Ok(Self::with_store(limits, crate::RedisStore::connect(url, "session").await?))
    }

    /// Selects the subprotocol, and configures the WebSocket: the largest message, and small buffers.
    pub fn upgrade(&self, upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
        let max = usize::try_from(self.context.limits.max_message.saturating_add(1)).unwrap_or(usize::MAX);
        let max = max.max(websocket_session::MAX_CONTROL);
        upgrade
            .protocols([SUBPROTOCOL])
            .read_buffer_size(4 << 10)
            .write_buffer_size(16 << 10)
            .max_message_size(max)
            .max_frame_size(max)
    }

    /// Serves a client on a WebSocket: reads its HELLO, authenticates it, and makes or resumes its session.
    ///
    /// `authenticate` returns the principal of the client, which owns the session. `handler` runs once for each session, in a task of
    /// its own, and starts when the client has shown that it received WELCOME. The future resolves when the session has taken over
    /// the WebSocket.
    pub async fn serve<A, B, P, H, F>(&self, socket: WebSocket, authenticate: A, handler: H)
    where
        A: FnOnce(Greeting) -> B,
        B: Future<Output = Result<P, Denied>>,
        P: Into<Arc<str>>,
        H: FnOnce(Session) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.serve_from(None, socket, authenticate, handler).await;
    }

    /// Works as [`serve`](Self::serve), and applies the limits per address.
    pub async fn serve_from<A, B, P, H, F>(
        &self,
        address: Option<IpAddr>,
        socket: WebSocket,
        authenticate: A,
        handler: H,
    ) where
        A: FnOnce(Greeting) -> B,
        B: Future<Output = Result<P, Denied>>,
        P: Into<Arc<str>>,
        H: FnOnce(Session) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let Context { limits, greetings, closing, .. } = &*self.context;
        let mut socket = Socket::new(socket, address, closing.clone());
        let greeted = match greetings.enter(address) {
            _ if self.context.registry.is_closing() => Err(Refused::Closing.into()),
            Some(_greeting) => {
                let greeted = timeout(limits.hello_timeout, greet(&mut socket.inner, authenticate)).await;
                greeted.unwrap_or(Err(Refusal::of(code::TIMEOUT, "no HELLO was accepted in time")))
            }
            None => Err(Refused::Limit.into()),
        };
        match greeted {
            Ok((principal, hello)) => {
                let presented = hello.token.as_deref().map(token::hash);
                let handler = Box::new(|session| Box::pin(handler(session)) as _);
                let key = Key { principal: principal.into(), session: hello.session.as_str().into() };
                self.dispatch(key, Box::new(Arrival { socket, hello, presented, handler }));
            }
            Err(Refusal { code, reason }) => socket.close([].into(), code, reason),
        }
    }

    /// Hands a client to the driver of its session.
    fn dispatch(&self, key: Key, mut arrival: Box<Arrival>) {
        let Context { registry, limits, .. } = &*self.context;
        loop {
            let refusal = match registry.find_or_insert(&key, arrival.socket.address, limits) {
                Ok(Found::New(mailbox)) => {
                    tokio::spawn(driver::run(self.context.clone(), key, mailbox, arrival));
                    return;
                }
                Ok(Found::Known(mailbox)) => match mailbox.push(arrival) {
                    Ok(()) => return,
                    Err(Full::Closed(returned)) => {
                        arrival = returned;
                        continue;
                    }
                    Err(Full::Full(returned)) => {
                        arrival = returned;
                        Refusal::of(code::LIMIT, "too many connections of one session")
                    }
                },
                Err(refused) => refused.into(),
            };
            return arrival.socket.close([].into(), refusal.code, refusal.reason);
        }
    }

    /// Returns the number of sessions, those without a connection included.
    pub fn len(&self) -> usize {
        self.context.registry.len()
    }

    /// Returns whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses new connections, lets each handler finish with its message, stores all changes, and closes all connections with 1012, so
    /// that clients reconnect after a random delay. With a store, another server continues the sessions.
    ///
    /// Handlers get [`Gone::Moved`](crate::Gone::Moved) instead of their next message. A handler that returns before ends its session as
    /// always. It waits at most `grace` for handlers to return, and as long again until the store has the changes and clients have answered
    /// the close. Then the process may end.
    pub async fn shutdown(&self, grace: Duration) {
        let mailboxes = self.context.registry.close();
        mailboxes.iter().for_each(|mailbox| mailbox.leave(Leave::Soon));
        if timeout(grace, self.context.registry.empty()).await.is_err() {
            mailboxes.iter().for_each(|mailbox| mailbox.leave(Leave::Now));
            let _empty = timeout(grace, self.context.registry.empty()).await;
        }
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions")
            .field("len", &self.len())
            .field("limits", &self.context.limits)
            .finish_non_exhaustive()
    }
}

/// A close code, and a reason for people.
struct Refusal {
    code: u16,
    reason: String,
}

impl Refusal {
    fn of(code: u16, reason: &str) -> Self {
        Self { code, reason: reason.into() }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Limit => Self::of(code::LIMIT, "a limit on sessions or connections is reached"),
            Refused::Closing => Self::of(code::RESTART, "the server restarts"),
        }
    }
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Self { code: violation.close_code(), reason: violation.to_string() }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Credentials => Self::of(code::UNAUTHORIZED, "the credentials are refused"),
            Denied::Protocol => Self::of(code::PROTOCOL, "the application's protocol is unknown"),
            Denied::Unavailable => Self::of(code::INTERNAL, "the client cannot be authenticated now"),
        }
    }
}

/// Reads HELLO and authenticates the client. Keeps nothing of a refused client.
async fn greet<A, B, P>(socket: &mut WebSocket, authenticate: A) -> Result<(P, Hello), Refusal>
where
    A: FnOnce(Greeting) -> B,
    B: Future<Output = Result<P, Denied>>,
{
    let hello = read_hello(socket).await?;
    let greeting = Greeting { credentials: hello.credentials.clone(), protocol: hello.protocol.clone() };
    Ok((authenticate(greeting).await?, hello))
}

async fn read_hello(socket: &mut WebSocket) -> Result<Hello, Refusal> {
    for _ in 0..PONGS {
        match socket.recv().await {
            Some(Ok(Frame::Text(text))) => return Ok(message::decode_hello(&text)?),
            Some(Ok(Frame::Binary(_))) => return Err(Violation::Unexpected("a message").into()),
            Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => (),
            Some(Ok(Frame::Close(_)) | Err(_)) | None => break,
        }
    }
    Err(Refusal::of(code::VIOLATION, "there was no HELLO"))
}

//! Connections that are refused, break off or fall silent.
//!
//! | path | what happens |
//! |---|---|
//! | `/fault/refuse` | the TCP connection is reset without an answer |
//! | `/handshake/reset` | the same in the middle of the answer |
//! | `/status/503` | an answer that is no handshake |
//! | `/handshake/accept`, `/handshake/extension` | a handshake that a client must not take |
//! | `/hang` | no answer at all |
//! | `/fault/slow/{milliseconds}` | an answer after a delay; then it echoes |
//! | `/close/{code}`, `/close/{code}/{reason}` | it opens, and closes at once; 1005 stands for no code |
//! | `/reset`, `/fin` | when something comes, TCP is reset, or ends in order, without a Close frame |
//! | `/fault/reset-after/{bytes}` | it echoes, and resets TCP when so many bytes have come in messages; after 0, at once |
//! | `/fault/reset-by/{key}` | it echoes, and resets TCP when a client connects to `/fault/reset-now/{key}` |
//! | `/fault/cut` | when something comes, TCP ends in the middle of a frame |
//! | `/frames/{name}` | when something comes, it sends what breaks the protocol |
//! | `/fault/half-open` | it reads, but never answers, neither a ping nor a Close frame |
//! | `/stall`, `/stall/{milliseconds}` | it does not even read; so long after something has come, TCP is reset |
//! | `/fault/stall-by/{key}` | it does not read, and resets TCP when a client connects to `/fault/reset-now/{key}` |
//! | `/quit/{milliseconds}` | it does not read, and closes so long after something has come |
//! | `/chaos/{seed}/{key}` | each connection meets the next of a [schedule](crate::chaos) of these |
//! | `/chaos-report/{key}` | what came on those |

use std::fmt;
use std::future::Future;
use std::sync::LazyLock;
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Message;

use crate::behaviour;
use crate::connection::Breaker;
use crate::upgrade::{self, WebSocket};

/// How long a scheduled fault lets the client wait.
const DELAY: Duration = Duration::from_millis(200);

/// The faults of a schedule, each named for the path on which it always strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    Refuse,
    HandshakeReset,
    Status(u16),
    /// Answers after a delay. As it must come to an end, too, it ends like `Fin`.
    Slow,
    Close(u16),
    Reset,
    Fin,
    Cut,
    /// Resets the connection after a delay.
    HalfOpen,
}

impl Fault {
    pub const ALL: [Self; 13] = [
        Self::Refuse,
        Self::HandshakeReset,
        Self::Status(503),
        Self::Slow,
        Self::Close(1001),
        Self::Close(1005),
        Self::Close(1011),
        Self::Close(1012),
        Self::Close(1013),
        Self::Reset,
        Self::Fin,
        Self::Cut,
        Self::HalfOpen,
    ];

    /// Whether it strikes before the connection is open.
    pub fn is_early(self) -> bool {
        matches!(self, Self::Refuse | Self::HandshakeReset | Self::Status(_))
    }

    /// Answers the handshake. If it accepts, `behave` gets the connection.
    pub async fn handshake<F: Future<Output = ()> + Send + 'static>(
        self,
        breaker: &Breaker,
        request: Request,
        behave: impl FnOnce(WebSocket) -> F + Send + 'static,
    ) -> Response {
        match self {
            Self::Refuse => return refuse(breaker),
            Self::Status(code) => return StatusCode::from_u16(code).unwrap_or_default().into_response(),
            Self::HandshakeReset => reset_handshake(breaker),
            Self::Slow => tokio::time::sleep(DELAY).await,
            Self::Close(_) | Self::Reset | Self::Fin | Self::Cut | Self::HalfOpen => {}
        }
        upgrade::websocket(request, behave)
    }

    /// Ends an open connection.
    pub async fn strike(self, socket: WebSocket) {
        match self {
            Self::Close(code) => behaviour::close(socket, code, String::new()).await,
            Self::Fin | Self::Slow => behaviour::finish(socket.into_inner()).await,
            Self::Cut => cut(socket.into_inner()).await,
            Self::HalfOpen => half_open(socket.into_inner(), DELAY).await,
            Self::Reset | Self::Refuse | Self::HandshakeReset | Self::Status(_) => reset(socket.get_ref()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuse => f.write_str("/fault/refuse"),
            Self::HandshakeReset => f.write_str("/handshake/reset"),
            Self::Status(code) => write!(f, "/status/{code}"),
            Self::Slow => f.write_str("/fault/slow"),
            Self::Close(code) => write!(f, "/close/{code}"),
            Self::Reset => f.write_str("/reset"),
            Self::Fin => f.write_str("/fin"),
            Self::Cut => f.write_str("/fault/cut"),
            Self::HalfOpen => f.write_str("/fault/half-open"),
        }
    }
}

/// Resets the connection. The response is never sent.
pub fn refuse(breaker: &Breaker) -> Response {
    breaker.reset_after(0);
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

/// Resets the connection in the middle of the answer.
pub fn reset_handshake(breaker: &Breaker) {
    breaker.reset_after("HTTP/1.1 101".len());
}

/// Echoes until this many bytes have arrived in messages, and then resets the connection. The last message is not echoed;
/// a message that is longer than that is not even received.
pub async fn reset_after(mut socket: WebSocket, bytes: usize) {
    let mut received = 0;
    while received < bytes {
        match socket.next().await {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                received += message.len();
                if received < bytes && socket.send(message).await.is_err() {
                    return;
                }
            }
            Some(Ok(_)) => {}
            Some(Err(_)) => break,
            None => return,
        }
    }
    reset(socket.get_ref());
}

/// The keys whose connections are to be reset, as they are announced.
static RESETS: LazyLock<broadcast::Sender<String>> = LazyLock::new(|| broadcast::channel(64).0);

/// Receives the keys that are announced from now on.
pub fn resets() -> broadcast::Receiver<String> {
    RESETS.subscribe()
}

/// Has the connections with this key reset, and closes.
pub async fn reset_now(socket: WebSocket, key: String) {
    // It fails if there are none with any key.
    let _ = RESETS.send(key);
    behaviour::close(socket, 1000, String::new()).await;
}

/// Echoes, and resets the connection when its key is announced, or when announcements were missed.
pub async fn reset_by(mut socket: WebSocket, key: String, resets: broadcast::Receiver<String>) {
    tokio::select! {
        () = told(key, resets) => {}
        () = behaviour::echo(&mut socket, |message| message) => return,
    }
    reset(socket.get_ref());
}

/// Reads nothing, and resets the connection when its key is announced.
pub async fn stall_by(stream: TcpStream, key: String, resets: broadcast::Receiver<String>) {
    tokio::select! {
        () = told(key, resets) => {}
        () = behaviour::client_gone(&stream) => {}
    }
    reset(&stream);
}

/// Resolves when this key is announced.
async fn told(key: String, mut resets: broadcast::Receiver<String>) {
    while resets.recv().await.is_ok_and(|told| told != key) {}
}

/// Sends the beginning of a frame, and ends the TCP connection.
pub async fn cut(mut stream: TcpStream) {
    // A text frame of 1,000 bytes.
    let _ = stream.write_all(b"\x81\x7e\x03\xe8It was a dark and stor").await;
    behaviour::finish(stream).await;
}

/// Reads, and never answers. After `time` it resets the connection, if there is one still.
pub async fn half_open(mut stream: TcpStream, time: Duration) {
    let _ = tokio::time::timeout(time, behaviour::drain(&mut stream)).await;
    reset(&stream);
}

/// Makes the end of the connection a reset.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

//! Connections that are refused, break off or fall silent.
//!
//! | path | what happens |
//! |---|---|
//! | `/fault/refuse` | the TCP connection is reset without an answer |
//! | `/handshake/reset` | the TCP connection is reset in the middle of the answer |
//! | `/status/503` | the answer is a status, not a handshake |
//! | `/handshake/accept`, `/handshake/extension` | the answer is a handshake that a client must refuse |
//! | `/hang` | the server does not answer, and resets TCP after 15 s |
//! | `/fault/slow/{milliseconds}` | the server answers after a delay, and then echoes |
//! | `/close/{code}`, `/close/{code}/{reason}` | the server closes as soon as the connection is open; 1005 stands for no code |
//! | `/reset`, `/fin` | when the first byte arrives, TCP is reset, or ends in order, without a Close frame |
//! | `/fault/reset-after/{bytes}` | the server echoes, and resets TCP after this many bytes of messages; after 0, at once |
//! | `/fault/reset-by/{key}` | the server echoes, and resets TCP when a client connects to `/fault/reset-now/{key}` |
//! | `/fault/cut` | when the first byte arrives, TCP ends in the middle of a frame |
//! | `/frames/{name}` | when the first byte arrives, the server sends these [frames](crate::frames) |
//! | `/fault/half-open` | the server reads, but never answers, neither a ping nor a Close frame |
//! | `/stall`, `/stall/{milliseconds}` | the server does not even read, and resets TCP this long after the first byte |
//! | `/fault/stall-by/{key}` | the server does not read, and resets TCP when a client connects to `/fault/reset-now/{key}` |
//! | `/quit/{milliseconds}` | the server does not read, and closes this long after the first byte |
//! | `/chaos/{seed}/{key}` | each connection meets the next fault of a [schedule](crate::chaos) |
//! | `/chaos-report/{key}` | the server sends the record of these connections |

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

/// How long a scheduled fault makes the client wait.
const DELAY: Duration = Duration::from_millis(200);

/// The faults of a schedule, each named after the path on which it always strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    Refuse,
    HandshakeReset,
    Status(u16),
    /// Answers the handshake after a delay, and ends the connection as `Fin` does.
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

    /// Returns whether it strikes before the connection is open.
    pub fn is_early(self) -> bool {
        matches!(self, Self::Refuse | Self::HandshakeReset | Self::Status(_))
    }

    /// Answers the handshake. Hands the connection to `behave` if it accepts.
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
/// a message of more bytes is not even received.
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

/// Announces the keys whose connections are to be reset.
static RESETS: LazyLock<broadcast::Sender<String>> = LazyLock::new(|| broadcast::channel(64).0);

/// Returns a receiver of the keys that are announced from now on.
pub fn resets() -> broadcast::Receiver<String> {
    RESETS.subscribe()
}

/// Announces that the connections with this key are to be reset, and closes.
pub async fn reset_now(socket: WebSocket, key: String) {
    // Sending fails if no connection waits for any key.
    let _ = RESETS.send(key);
    behaviour::close(socket, 1000, String::new()).await;
}

/// Echoes, and resets the connection when its key is announced, or when announcements were missed.
pub async fn reset_by(mut socket: WebSocket, key: String, resets: broadcast::Receiver<String>) {
    tokio::select! {
        () = announced(key, resets) => {}
        () = behaviour::echo(&mut socket, |message| message) => return,
    }
    reset(socket.get_ref());
}

/// Reads nothing, and resets the connection when its key is announced.
pub async fn stall_by(stream: TcpStream, key: String, resets: broadcast::Receiver<String>) {
    tokio::select! {
        () = announced(key, resets) => {}
        () = behaviour::client_gone(&stream) => {}
    }
    reset(&stream);
}

/// Resolves when this key is announced.
async fn announced(key: String, mut resets: broadcast::Receiver<String>) {
    while resets.recv().await.is_ok_and(|announced| announced != key) {}
}

/// Sends the beginning of a frame, and ends the TCP connection.
pub async fn cut(mut stream: TcpStream) {
    // A text frame of 1,000 bytes.
    let _ = stream.write_all(b"\x81\x7e\x03\xe8It was a dark and stor").await;
    behaviour::finish(stream).await;
}

/// Reads, and never answers. After `time` it resets the connection, if that is still open.
pub async fn half_open(mut stream: TcpStream, time: Duration) {
    let _ = tokio::time::timeout(time, behaviour::drain(&mut stream)).await;
    reset(&stream);
}

/// Makes the end of the connection a reset.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

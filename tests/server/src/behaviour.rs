//! What the server does with a connection, one function per URL path.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::count::{self, Watch};
use crate::sink::sink;
use crate::upgrade::{self, WebSocket};

/// Echoes messages, each as `change` returns it.
pub async fn echo(socket: &mut WebSocket, change: fn(Message) -> Message) {
    while let Some(message) = receive(socket).await {
        if socket.send(change(message)).await.is_err() {
            return;
        }
    }
}

/// Flips one bit of a binary message, which a comparison must notice.
pub fn flip(message: Message) -> Message {
    let Message::Binary(bytes) = message else { return message };
    let mut bytes = Vec::from(bytes);
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    Message::binary(bytes)
}

/// Closes at once. The code 1005 stands for a Close frame without a code, as it does in browsers.
pub async fn close(mut socket: WebSocket, code: u16, reason: String) {
    let frame = (code != 1005).then(|| CloseFrame { code: code.into(), reason: reason.into() });
    let _ = socket.close(frame).await;
    // The closing handshake is complete only with the client's answer.
    while let Some(Ok(_)) = socket.next().await {}
}

/// Resets the TCP connection when the first byte comes.
///
/// It does not reset at once: a reset overtakes what was sent before, and the client would never see the handshake.
pub async fn reset(mut stream: TcpStream, received: Vec<u8>) {
    something(&mut stream, received).await;
    let _ = stream.set_zero_linger();
}

/// Resolves when something has arrived.
pub async fn something(stream: &mut TcpStream, received: Vec<u8>) {
    if received.is_empty() {
        let _ = stream.read_u8().await;
    }
}

/// Ends the TCP connection cleanly when the first byte arrives, but without a Close frame.
pub async fn fin(mut stream: TcpStream, received: Vec<u8>) {
    something(&mut stream, received).await;
    finish(stream).await;
}

/// Ends the TCP connection cleanly, but without a Close frame.
pub async fn finish(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
    drain(&mut stream).await;
}

/// Reads until the client is gone.
pub async fn drain(stream: &mut TcpStream) {
    let mut ignored = vec![0; 64 << 10];
    while matches!(stream.read(&mut ignored).await, Ok(1..)) {}
}

/// Sends a ping after the first message, and the text `pong` when the client has answered it.
pub async fn ping(mut socket: WebSocket) {
    receive(&mut socket).await;
    if socket.send(Message::Ping("are you there?".into())).await.is_err() {
        return;
    }
    while let Some(Ok(message)) = socket.next().await {
        if message == Message::Pong("are you there?".into()) && socket.send(Message::text("pong")).await.is_err() {
            return;
        }
    }
}

/// Sends a greeting, and then echoes.
pub async fn greet(mut socket: WebSocket, greeting: String) {
    if socket.send(Message::text(greeting)).await.is_ok() {
        echo(&mut socket, |message| message).await;
    }
}

/// Reads nothing for some time, and then acts as a sink.
pub async fn late(socket: WebSocket, time: Duration) {
    pause(socket.get_ref(), time).await;
    sink(socket).await;
}

/// Reads nothing, and closes some time after the first message.
pub async fn quit(stream: TcpStream, received: Vec<u8>, time: Duration) {
    begun(&stream, &received).await;
    pause(&stream, time).await;
    let socket = upgrade::speak(stream, received, upgrade::MAX_MESSAGE).await;
    close(socket, 4000, "enough".into()).await;
}

/// Never reads and never answers, not even a Close frame. Some time after the first byte, it resets the connection, if
/// that is still open.
pub async fn stall(stream: TcpStream, received: Vec<u8>, time: Duration) {
    begun(&stream, &received).await;
    pause(&stream, time).await;
    let _ = stream.set_zero_linger();
}

/// Resolves when something has arrived, or the client is gone. Reads nothing.
///
/// The delay of a fault begins here, not when the connection opens: a busy client may need longer than the delay to begin.
async fn begun(stream: &TcpStream, received: &[u8]) {
    if received.is_empty() {
        let _ = stream.peek(&mut [0]).await;
    }
}

/// Waits for some time, or until the client is gone. Reads nothing.
pub async fn pause(stream: &TcpStream, time: Duration) {
    let _ = tokio::time::timeout(time, client_gone(stream)).await;
}

/// Resolves when the client has closed its end of the connection. Reads nothing.
pub async fn client_gone(stream: &TcpStream) {
    while stream.ready(Interest::READABLE).await.is_ok_and(|ready| !ready.is_read_closed()) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Sends the numbers from 0 as text, one in each period.
pub async fn ticks(mut socket: WebSocket, period: Duration) {
    let mut ticks = tokio::time::interval(period);
    for number in 0_u64.. {
        tokio::select! {
            _ = ticks.tick() => if socket.send(Message::text(number.to_string())).await.is_err() { return },
            message = receive(&mut socket) => if message.is_none() { return },
        }
    }
}

/// Sends the [`Count`](count::Count) of the connections with this key, at once and after each change.
pub async fn count(mut socket: WebSocket, key: String) {
    let mut watch = Watch::new(key);
    loop {
        tokio::select! {
            count = watch.next() => {
                if socket.send(Message::text(count.to_string())).await.is_err() {
                    return;
                }
            }
            message = receive(&mut socket) => if message.is_none() { return },
        }
    }
}

/// Returns the next text or binary message; `None` when there will be no more.
pub async fn receive(socket: &mut WebSocket) -> Option<Message> {
    loop {
        match socket.next().await? {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                count::received();
                return Some(message);
            }
            Ok(Message::Close(frame)) => count::closed(frame.map_or(1005, |frame| frame.code.into())),
            Ok(_) => {}
            Err(Error::Capacity(CapacityError::MessageTooLong { max_size, .. })) => {
                let reason = Utf8Bytes::from(format!("more than {max_size} bytes in one message"));
                refuse(socket, CloseFrame { code: CloseCode::Size, reason }).await;
                return None;
            }
            Err(_) => return None,
        }
    }
}

/// Closes while the client is still sending.
///
/// It reads what the client sends for a while: closing a TCP connection with unread data resets it, and the client would not see
/// the Close frame.
pub async fn refuse(socket: &mut WebSocket, frame: CloseFrame) {
    let _ = socket.close(Some(frame)).await;
    let _ = tokio::time::timeout(Duration::from_secs(10), drain(socket.get_mut())).await;
}

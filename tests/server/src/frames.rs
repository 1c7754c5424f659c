//! Frames byte for byte, most of which no correct server sends. <https://www.rfc-editor.org/rfc/rfc6455#section-5.2>

mod named;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::behaviour;

pub use named::named;

/// Sends the bytes when the client has sent something, and reads until the client is gone.
///
/// It does not send at once: some browsers take bytes right behind the handshake for a part of the handshake.
pub async fn send(mut stream: TcpStream, received: Vec<u8>, bytes: &[u8]) {
    let mut ignored = [0; 1024];
    if received.is_empty() && stream.read(&mut ignored).await.is_err() {
        return;
    }
    if stream.write_all(bytes).await.is_ok() {
        behaviour::drain(&mut stream).await;
    }
}

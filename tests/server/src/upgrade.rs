//! Turns an HTTP request into a TCP stream or a WebSocket.

use std::future::Future;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::downcast;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::connection::Connection;
use crate::count::Counted;

/// The maximum length of a message from a client, in bytes. The suite sends messages of this length.
pub const MAX_MESSAGE: usize = 64 << 20;

/// A connection on which a behaviour speaks WebSocket.
pub type WebSocket = WebSocketStream<TcpStream>;

/// Accepts the handshake and hands the connection to `behave`.
pub fn websocket<F: Future<Output = ()> + Send + 'static>(
    request: Request,
    behave: impl FnOnce(WebSocket) -> F + Send + 'static,
) -> Response {
    websocket_up_to(MAX_MESSAGE, request, behave)
}

/// Accepts the handshake and hands the connection to `behave`, for messages of at most this many bytes.
pub fn websocket_up_to<F: Future<Output = ()> + Send + 'static>(
    bytes: usize,
    request: Request,
    behave: impl FnOnce(WebSocket) -> F + Send + 'static,
) -> Response {
    stream(request, move |stream, received| async move { behave(speak(stream, received, bytes).await).await })
}

/// Speaks WebSocket on a bare stream, for messages of at most this many bytes.
pub async fn speak(stream: TcpStream, received: Vec<u8>, bytes: usize) -> WebSocket {
    let config = WebSocketConfig::default().max_message_size(Some(bytes)).max_frame_size(Some(bytes));
    WebSocketStream::from_partially_read(stream, received, Role::Server, Some(config)).await
}

/// Accepts the handshake and hands the bare stream to `behave`, with what was already received on it.
pub fn stream<F: Future<Output = ()> + Send + 'static>(
    mut request: Request,
    behave: impl FnOnce(TcpStream, Vec<u8>) -> F + Send + 'static,
) -> Response {
    let counted = Counted::new(request.uri());
    let upgrade = hyper::upgrade::on(&mut request);
    let response = match create_response(&request.map(drop)) {
        Ok(response) => response.map(|()| Body::empty()),
        Err(error) => return (StatusCode::BAD_REQUEST, format!("this is a WebSocket: {error}\n")).into_response(),
    };
    tokio::spawn(async move {
        // The upgrade fails when the client is gone, which does not matter here.
        let Ok(upgraded) = upgrade.await else { return };
        let parts = downcast::<TokioIo<Connection>>(upgraded).expect("every connection comes from our listener");
        let (stream, permit) = parts.io.into_inner().into_stream();
        counted.scope(behave(stream, parts.read_buf.to_vec())).await;
        drop(permit);
    });
    response
}

/// Adds a header to the answer to a handshake, whatever the client has asked for.
pub fn with_header(mut response: Response, name: HeaderName, value: &str) -> Response {
    match HeaderValue::from_str(value) {
        Ok(value) => {
            response.headers_mut().insert(name, value);
            response
        }
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

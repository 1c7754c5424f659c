//! The browser's own sockets, in and out.

use futures_util::StreamExt;
use macro_rules_attribute::apply;
use wasm_websocket::{BinaryType, Blob, Error, Message, Options, ReadyState, WebSocket, WebSocketStream};

use super::peer::{Count, connect, next, url};

async fn echoes(stream: &mut WebSocketStream) {
    stream.send("still there?").await.unwrap();
    assert_eq!(next(stream).await, "still there?".into());
}

#[apply(browser_test)]
async fn a_raw_socket_that_connects_is_taken_over() {
    let raw = web_sys::WebSocket::new(&url("/echo")).unwrap();
    let mut stream = WebSocketStream::from_raw(raw, &Options::new()).await.unwrap();
    echoes(&mut stream).await;
    assert_eq!(stream.binary_type(), BinaryType::Blob);
    stream.send(b"bytes").await.unwrap();
    let Message::Blob(blob) = next(&mut stream).await else { panic!("no blob") };
    assert_eq!(blob.bytes().await.unwrap(), b"bytes");
}

#[apply(browser_test)]
async fn an_open_raw_socket_is_taken_over_and_given_away() {
    let count = &mut Count::new().await;
    let raw = connect(&count.path("/echo")).await.into_raw();
    let mut stream = WebSocketStream::from_raw(raw, &Options::new()).await.unwrap();
    echoes(&mut stream).await;
    let raw = stream.into_raw();
    assert_eq!(raw.ready_state(), web_sys::WebSocket::OPEN);
    count.becomes(1).await;

    let socket = WebSocket::from_raw(raw);
    assert_eq!(socket.ready_state(), ReadyState::Open);
    let raw = socket.as_raw().clone();
    drop(WebSocket::from_raw(socket.into_raw()));
    assert_eq!(raw.ready_state(), web_sys::WebSocket::CLOSING);
    count.becomes(0).await;
}

#[apply(browser_test)]
async fn a_raw_socket_that_fails_or_is_closed_is_an_error() {
    let raw = web_sys::WebSocket::new(&url("/status/404")).unwrap();
    let error = WebSocketStream::from_raw(raw.clone(), &Options::new()).await.unwrap_err();
    assert_eq!(error, Error::ConnectFailed { url: url("/status/404") });
    let error = WebSocketStream::from_raw(raw.clone(), &Options::new()).await.unwrap_err();
    assert_eq!(error, Error::NotOpen(ReadyState::Closed));

    let socket = WebSocket::from_raw(raw);
    assert_eq!(socket.send("late").unwrap_err().error, Error::NotOpen(ReadyState::Closed));
}

#[apply(browser_test)]
async fn giving_away_removes_the_listeners() {
    let socket = WebSocket::new(&url("/echo")).unwrap();
    socket.on_open(|| panic!("a listener of a socket that was given away")).forget();
    let mut stream = WebSocketStream::from_raw(socket.into_raw(), &Options::new()).await.unwrap();
    echoes(&mut stream).await;
    drop(stream.close().await);
    assert!(stream.next().await.is_none());
}

#[apply(browser_test)]
async fn a_raw_blob_goes_in_and_out() {
    let blob = Blob::from_raw(Blob::new(b"bytes", "text/plain").into_raw());
    assert_eq!((blob.len(), blob.media_type().as_str()), (5, "text/plain"));
    assert_eq!(Blob::from(blob.as_raw().clone()), blob);
}

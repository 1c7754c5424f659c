//! Values of an application's own types: encoded, echoed and decoded.

use std::collections::BTreeMap;
use std::fmt::Debug;

use futures_util::{FutureExt, SinkExt, StreamExt, TryStreamExt, stream::FusedStream};
use macro_rules_attribute::apply;
use serde::{Deserialize, Serialize};
use wasm_websocket::codec::{Binary, Decode, Encode, Json, JsonBytes, Postcard, Text};
use wasm_websocket::{BinaryType, Error, Message, Options, ReadyState, ReceiveError, Typed, WebSocketStream};

use super::guard::{blob_that_fails, skipped};
use super::peer::{connect, connect_with, is_by_streams};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    x: f64,
    y: i32,
    name: String,
    tags: Vec<Option<String>>,
    by: BTreeMap<String, u8>,
}

pub fn points() -> Vec<Point> {
    let point = |x, y, name: &str| Point { x, y, name: name.into(), tags: vec![], by: BTreeMap::new() };
    let tagged =
        Point { tags: vec![None, Some("ä\0𝄞".into())], by: [("k".into(), 255)].into(), ..point(-0.5, 2, "\"]}") };
    vec![point(0.0, i32::MIN, ""), point(1e300, i32::MAX, "\u{feff}"), tagged]
}

/// Checks that values come back from the echo, whether bytes arrive as `ArrayBuffer`s or as Blobs.
pub async fn echoes<T: Debug + PartialEq, C: Encode<T> + Decode<T>>(values: Vec<T>) {
    for binary_type in [BinaryType::ArrayBuffer, BinaryType::Blob] {
        let stream = connect_with("/echo", &Options::new().binary_type(binary_type)).await;
        let mut typed = stream.typed::<T, T, C>();
        for value in &values {
            typed.send(value).await.unwrap();
        }
        for value in &values {
            assert_eq!(typed.next().await.unwrap().unwrap(), *value);
        }
    }
}

#[apply(browser_test)]
async fn values_come_back_by_every_codec() {
    echoes::<_, Json>(points()).await;
    echoes::<_, JsonBytes>(points()).await;
    echoes::<_, Postcard>(points()).await;
    echoes::<_, Text>(vec![String::new(), "ü\0𝄞".into()]).await;
    echoes::<_, Binary>(vec![vec![], vec![0, 255], vec![7; 100_000]]).await;
}

/// Sends a message to the echo without encoding it, and returns the decoded echo. Checks that the stream then continues.
pub async fn decoded<T, C: Decode<T>>(message: impl Into<Message>) -> Result<T, ReceiveError> {
    let mut typed = connect("/echo").await.typed::<(), T, C>();
    typed.get_mut().send(message.into()).await.unwrap();
    typed.get_mut().send("").await.unwrap();
    let decoded = typed.next().await.unwrap();
    assert!(!typed.is_terminated());
    assert!(typed.next().await.is_some(), "the stream does not continue");
    decoded
}

pub async fn assert_undecodable<C: Decode<Vec<u8>>>(message: impl Into<Message>) {
    let message = message.into();
    let error = decoded::<_, C>(message.clone()).await.expect_err("the message was decoded");
    assert_eq!(error.message, Some(message));
    assert!(matches!(error.error, Error::Decode(reason) if !reason.is_empty()));
}

/// Texts that are not a JSON array of bytes.
pub const BAD_TEXTS: [&str; 10] =
    ["", "[1,2", "[1,2]]", "[256]", "{}", "null", "[\"a\"]", "[1e999]", "\u{feff}[1]", "[01]"];
/// Bytes that are not a JSON array of bytes.
pub const BAD_BYTES: [&[u8]; 3] = [b"\xff", b"[1", b""];

#[apply(browser_test)]
async fn messages_that_cannot_be_decoded_are_returned_and_the_stream_continues() {
    for text in BAD_TEXTS {
        assert_undecodable::<Json>(text).await;
    }
    for bytes in BAD_BYTES {
        assert_undecodable::<JsonBytes>(bytes).await;
    }
    // The first length is too large, the second message has too many bytes, and the third length never ends.
    for bytes in [&[3, 1, 2][..], &[1, 2, 3], &[0xff; 20]] {
        assert_undecodable::<Postcard>(bytes).await;
    }
    assert_undecodable::<Postcard>("text").await;
    assert_undecodable::<Binary>("text").await;
    assert!(decoded::<_, Text>(&b"text"[..]).await.is_err());
}

#[apply(browser_test)]
async fn blobs_are_read_in_order() {
    let mut typed =
        connect_with("/echo", &Options::new().binary_type(BinaryType::Blob)).await.typed::<(), Vec<u8>, Json>();
    let long = [b"[1", &[b' '; 1 << 20][..], b"]"].concat();
    typed.get_mut().send(&long).await.unwrap();
    for text in ["[2]", "[3]"] {
        typed.get_mut().send(text).await.unwrap();
    }
    typed.get_mut().send(b"[4]").await.unwrap();
    for number in 1..=4 {
        // A future that is dropped while a Blob is read loses nothing.
        let item = match typed.next().now_or_never() {
            Some(item) => item,
            None => typed.next().await,
        };
        assert_eq!(item, Some(Ok(vec![number])));
    }
}

#[apply(browser_test)]
async fn each_half_has_a_type_of_its_own() {
    let (sender, receiver) = connect("/echo").await.split();
    let mut sender = sender.typed::<Vec<u8>, Json>();
    let mut receiver = receiver.typed::<Vec<u8>, JsonBytes>();
    sender.send(vec![7, 8]).await.unwrap();
    assert_eq!(receiver.try_next().await, Ok(Some(vec![7, 8])));
}

#[apply(browser_test)]
async fn a_typed_connection_is_split_and_closed_like_the_one_it_wraps() {
    let mut typed = connect("/echo").await.typed::<Vec<u8>, Vec<u8>, Json>();
    typed.try_send(vec![1]).unwrap();
    assert_eq!(typed.next().await, Some(Ok(vec![1])));
    let (sender, mut receiver) = typed.split();
    let mut other = sender.clone();
    other.send(vec![2]).await.unwrap();
    assert_eq!(receiver.next().await, Some(Ok(vec![2])));
    drop(other);
    let (mut sender, closed) = (sender, receiver.closed());
    assert_eq!(sender.close_with(4001, "over").await.map(|event| event.code), Ok(4001));
    assert_eq!(closed.await, sender.closed().await);
    assert_eq!(receiver.close_event().map(|event| event.code), Some(4001));
    let unsent = sender.try_send(vec![3]).unwrap_err();
    assert_eq!((unsent.message, unsent.error), (vec![3], Error::NotOpen(ReadyState::Closed)));
    assert_eq!(sender.close().await.map(|event| event.code), Ok(4001));
}

#[apply(browser_test)]
async fn values_that_cannot_be_encoded_are_returned_and_nothing_is_sent() {
    let mut typed = connect("/echo").await.typed::<BTreeMap<(u8, u8), u8>, Empty, Json>();
    let value = BTreeMap::from([((1, 2), 3)]);
    let unsent = typed.send(&value).await.unwrap_err();
    assert_eq!((unsent.message, unsent.error), (&value, Error::Encode("key must be a string".into())));
    assert_eq!(SinkExt::send(&mut typed, value).await, Err(Error::Encode("key must be a string".into())));
    typed.send(BTreeMap::new()).await.unwrap();
    assert_eq!(typed.next().await.unwrap(), Ok(Empty {}));
}

#[derive(Debug, PartialEq, Deserialize)]
struct Empty {}

#[apply(browser_test)]
async fn the_connections_errors_come_through() {
    if is_by_streams() {
        return skipped(TEST); // over streams nothing overflows
    }
    let few = Options::new().receive_limit(1 << 20).receive_limit_messages(1);
    let mut typed = connect_with("/flood/2/4", &few).await.typed::<Vec<u8>, Vec<u8>, Binary>();
    assert_eq!(typed.closed().await, Err(Error::Overflow));
    assert_eq!(typed.next().await, Some(Ok(vec![0; 4])));
    assert_eq!(typed.next().await, Some(Err(ReceiveError { message: None, error: Error::Overflow })));
    assert_eq!(typed.next().await, None);
    assert!(typed.is_terminated());
    let unsent = typed.send(vec![1]).await.unwrap_err();
    assert_eq!((unsent.message, unsent.error), (vec![1], Error::Overflow));
}

#[apply(browser_test)]
async fn a_blob_that_cannot_be_read_is_returned() {
    let blob = blob_that_fails();
    let received = [Ok::<_, Error>(Message::Blob(blob.clone())), Ok("[2]".into())];
    let mut typed = Typed::<_, (), Vec<u8>, Json>::new(futures_util::stream::iter(received));
    let error = typed.next().await.unwrap().unwrap_err();
    assert_eq!(error.message, Some(Message::Blob(blob)));
    assert!(matches!(error.error, Error::UnreadableBlob(_)), "{error}");
    assert_eq!(typed.next().await, Some(Ok(vec![2])));
    assert_eq!(typed.next().await, None);
}

#[apply(browser_test)]
async fn a_typed_sink_is_a_sink() {
    let mut typed: Typed<WebSocketStream, _, Vec<u8>, Json> = connect("/echo").await.typed();
    let mut values = futures_util::stream::iter([Ok(vec![1]), Ok(vec![2])]);
    typed.send_all(&mut values).await.unwrap();
    assert_eq!(typed.next().await, Some(Ok(vec![1])));
    assert_eq!(typed.next().await, Some(Ok(vec![2])));
    SinkExt::close(&mut typed).await.unwrap();
    assert_eq!(typed.next().await, None);
    assert!(typed.close_event().unwrap().was_clean);
}

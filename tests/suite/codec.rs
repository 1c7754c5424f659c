//! Values of one's own types, there and back.

use std::collections::BTreeMap;
use std::fmt::Debug;

use futures_util::{FutureExt, SinkExt, StreamExt, TryStreamExt, stream::FusedStream};
use js_sys::{JSON, Object, Reflect};
use macro_rules_attribute::apply;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use wasm_websocket::codec::{Bytes, Decode, Encode, JsJson, Json, JsonBytes, Postcard, Text};
use wasm_websocket::{
    BinaryType, Blob, Error, Message, Options, Overflow, ReadyState, ReceiveError, Typed, WebSocketStream,
};

use super::guard::js;
use super::peer::{connect, connect_with};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: f64,
    y: i32,
    name: String,
    tags: Vec<Option<String>>,
    by: BTreeMap<String, u8>,
}

fn points() -> Vec<Point> {
    let point = |x, y, name: &str| Point { x, y, name: name.into(), tags: vec![], by: BTreeMap::new() };
    let tagged =
        Point { tags: vec![None, Some("ä\0𝄞".into())], by: [("k".into(), 255)].into(), ..point(-0.5, 2, "\"]}") };
    vec![point(0.0, i32::MIN, ""), point(1e300, i32::MAX, "\u{feff}"), tagged]
}

/// The echo of values, as blobs where they are bytes.
async fn echoes<T: Debug + PartialEq, C: Encode<T> + Decode<T>>(values: Vec<T>) {
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
    echoes::<_, JsJson>(points()).await;
    echoes::<_, Postcard>(points()).await;
    echoes::<_, Text>(vec![String::new(), "ü\0𝄞".into()]).await;
    echoes::<_, Bytes>(vec![vec![], vec![0, 255], vec![7; 100_000]]).await;
}

/// An echo that gets messages as they stand and decodes them.
async fn decoded<T, C: Decode<T>>(message: impl Into<Message>) -> Result<T, ReceiveError> {
    let mut typed = connect("/echo").await.typed::<(), T, C>();
    typed.get_mut().send(message.into()).await.unwrap();
    typed.get_mut().send("").await.unwrap();
    let decoded = typed.next().await.unwrap();
    assert!(!typed.is_terminated());
    assert!(typed.next().await.is_some(), "it does not go on");
    decoded
}

async fn assert_undecodable<C: Decode<Vec<u8>>>(message: impl Into<Message>) {
    let message = message.into();
    let error = decoded::<_, C>(message.clone()).await.expect_err("it was decoded");
    assert_eq!(error.message, Some(message));
    assert!(matches!(error.error, Error::Decode(reason) if !reason.is_empty()));
}

#[apply(browser_test)]
async fn what_cannot_be_decoded_is_handed_out_and_the_stream_goes_on() {
    for text in ["", "[1,2", "[1,2]]", "[256]", "{}", "null", "[\"a\"]", "[1e999]", "\u{feff}[1]", "[01]"] {
        assert_undecodable::<Json>(text).await;
        assert_undecodable::<JsJson>(text).await;
    }
    for bytes in [&b"\xff"[..], b"[1", b""] {
        assert_undecodable::<JsonBytes>(bytes).await;
        assert_undecodable::<JsJson>(bytes).await;
    }
    // A length that is not there, bytes that are too many, and one that never ends.
    for bytes in [&[3, 1, 2][..], &[1, 2, 3], &[0xff; 20]] {
        assert_undecodable::<Postcard>(bytes).await;
    }
    assert_undecodable::<Postcard>("text").await;
    assert_undecodable::<Bytes>("text").await;
    assert!(decoded::<_, Text>(&b"text"[..]).await.is_err());
}

#[apply(browser_test)]
async fn what_is_nested_too_deep_is_handed_out() {
    #[derive(Serialize, Deserialize)]
    struct Nest(Vec<Nest>);

    let nested = |depth| ["[".repeat(depth), "]".repeat(depth)].concat();
    assert!(decoded::<Nest, JsJson>(nested(128)).await.is_ok());
    for depth in [129, 1_000_000] {
        let error = decoded::<Nest, JsJson>(nested(depth)).await.err().unwrap();
        assert_eq!(error.error, Error::Decode("nested deeper than 128 levels".into()));
        assert!(decoded::<Nest, Json>(nested(depth)).await.is_err());
    }
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
async fn values_of_javascript_stay_there() {
    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Value(#[serde(with = "serde_wasm_bindgen::preserve")] JsValue);

    let mut typed = connect("/echo").await.typed::<Value, Value, JsJson>();
    for value in [js("{ a: [1, null, { b: 'ü' }] }"), js("[1.5, -3, 'x']"), JsValue::TRUE, JsValue::NULL] {
        typed.send(Value(value.clone())).await.unwrap();
        let back = typed.next().await.unwrap().unwrap().0;
        assert_eq!(JSON::stringify(&back).unwrap(), JSON::stringify(&value).unwrap());
    }
    for value in ["undefined", "() => 1", "(() => { let a = {}; a.a = a; return a })()", "1n"] {
        let unsent = typed.send(Value(js(value))).await.expect_err(value);
        assert!(matches!(unsent.error, Error::Encode(reason) if !reason.is_empty()), "{value}");
    }
    // What carries the name of a prototype changes none.
    typed.get_mut().send(r#"{ "__proto__": { "polluted": true } }"#).await.unwrap();
    typed.next().await.unwrap().unwrap();
    assert!(Reflect::get(&Object::new(), &"polluted".into()).unwrap().is_undefined());
}

const LARGEST: i64 = (1 << 53) - 1;

#[apply(browser_test)]
async fn integers_that_javascript_cannot_hold_are_errors() {
    let mut typed = connect("/echo").await.typed::<i64, i64, JsJson>();
    for integer in [LARGEST, -LARGEST] {
        typed.send(integer).await.unwrap();
        assert_eq!(typed.next().await.unwrap(), Ok(integer));
    }
    for integer in [LARGEST + 1, -LARGEST - 1, i64::MAX, i64::MIN] {
        let unsent = typed.send(integer).await.unwrap_err();
        assert!(matches!(unsent.error, Error::Encode(_)), "{unsent}");
        assert_eq!(unsent.message, integer);
        assert!(decoded::<i64, JsJson>(integer.to_string()).await.is_err(), "{integer}");
    }
    // The number between two that a float can hold.
    assert_eq!(decoded::<f64, JsJson>((LARGEST + 2).to_string()).await, Ok(9_007_199_254_740_992.0));
    assert!(matches!(JsJson::encode(&7_u128), Err(Error::Encode(_))));
    assert!(matches!(JsJson::encode(&7_i128), Err(Error::Encode(_))));
    assert!(decoded::<u128, JsJson>("7").await.is_err());
}

#[apply(browser_test)]
async fn numbers_that_json_has_none_for_are_errors() {
    #[derive(Serialize)]
    struct Value {
        name: Option<&'static str>,
        number: f64,
        #[serde(with = "serde_wasm_bindgen::preserve")]
        preserved: JsValue,
    }

    let encode = |name, number, preserved| JsJson::encode(&Value { name, number, preserved: js(preserved) });
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(encode(Some("a"), number, "1"), Err(Error::Encode(_))), "{number}");
        assert!(matches!(Json::encode(&number), Err(Error::Encode(_))), "{number}");
    }
    for number in ["NaN", "1 / 0", "[1, { a: [-1 / 0] }]", "{ toJSON: () => NaN }"] {
        assert!(matches!(encode(Some("a"), 1.5, number), Err(Error::Encode(_))), "{number}");
    }
    // What is `null` of right is written.
    let nulls = r#"{"name":null,"number":1.5,"preserved":[null,{"a":null},"null"]}"#;
    assert_eq!(encode(None, 1.5, "[null, { a: null, b: undefined }, 'null']"), Ok(nulls.into()));
}

#[apply(browser_test)]
async fn what_cannot_be_encoded_is_handed_back_and_nothing_is_sent() {
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
    let few = Options::new().receive_limit(1 << 20, 1, Overflow::Close);
    let mut typed = connect_with("/flood/2/4", &few).await.typed::<Vec<u8>, Vec<u8>, Bytes>();
    typed.get_ref().closed().await.unwrap();
    assert_eq!(typed.next().await, Some(Ok(vec![0; 4])));
    assert_eq!(typed.next().await, Some(Err(ReceiveError { message: None, error: Error::Overflow })));
    assert_eq!(typed.next().await, None);
    assert!(typed.is_terminated());
    let unsent = typed.send(vec![1]).await.unwrap_err();
    assert_eq!((unsent.message, unsent.error), (vec![1], Error::NotOpen(ReadyState::Closed)));
}

#[apply(browser_test)]
async fn a_blob_that_cannot_be_read_is_handed_out() {
    /// A Blob whose file is gone, as far as anyone can see.
    fn unreadable() -> Blob {
        let blob = js("Object.assign(new Blob(['[1]']), { arrayBuffer: () => Promise.reject(new Error('gone')) })");
        Blob::from_raw(blob.into())
    }
    let blob = unreadable();
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
    assert!(typed.into_inner().close_event().unwrap().was_clean);
}

//! The codecs that do not need a browser.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::Ipv4Addr;

use proptest::prelude::*;
use serde::{Deserialize, Serialize, Serializer};

use crate::codec::{Binary, Decode, Encode, Json, JsonBytes, Postcard, Text};
use crate::{Error, Message, ReceiveError};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, proptest_derive::Arbitrary)]
enum Value {
    Nothing,
    Number(i64),
    Small(u8),
    Text(String),
    Named { id: u32, tags: Vec<String>, of: Option<char> },
    Pair(bool, Vec<u8>),
}

fn comes_back<C: Encode<T> + Decode<T>, T: PartialEq>(value: &T) -> bool {
    C::decode(C::encode(value).unwrap()).is_ok_and(|decoded| decoded == *value)
}

proptest! {
    #[test]
    fn encoded_values_are_decoded(value: Value) {
        prop_assert!(comes_back::<Json, _>(&value));
        prop_assert!(comes_back::<JsonBytes, _>(&value));
        prop_assert!(comes_back::<Postcard, _>(&value));
    }

    #[test]
    fn text_and_bytes_are_unchanged(text: String, bytes: Vec<u8>) {
        prop_assert!(comes_back::<Text, _>(&text));
        prop_assert!(comes_back::<Binary, _>(&bytes));
    }

    #[test]
    fn messages_that_are_too_short_or_too_long_are_errors(value: Value, cut: prop::sample::Index) {
        for message in [JsonBytes::encode(&value).unwrap(), Postcard::encode(&value).unwrap()] {
            let bytes = message.as_bytes().unwrap();
            let short = Message::from(&bytes[..cut.index(bytes.len())]);
            let long = Message::from([bytes, b"}"].concat());
            for wrong in [short, long] {
                assert_undecodable::<Json>(wrong.clone());
                assert_undecodable::<Postcard>(wrong);
            }
        }
    }

    #[test]
    fn decoding_arbitrary_messages_does_not_panic(text: String, bytes: Vec<u8>) {
        for message in [Message::from(text), Message::from(bytes)] {
            let _: Result<Value, _> = Json::decode(message.clone());
            let _: Result<Value, _> = Postcard::decode(message);
        }
    }
}

/// Checks that decoding fails with an error that has the message and a reason.
fn assert_undecodable<C: Decode<Value>>(message: Message) {
    let error = C::decode(message.clone()).expect_err("it was decoded");
    assert_eq!(error.message, Some(message));
    assert!(matches!(error.error, Error::Decode(reason) if !reason.is_empty()));
}

#[test]
fn json_is_read_from_text_and_bytes() {
    let value = Value::Number(-7);
    assert_eq!(Json::encode(&value), Ok(Message::from(r#"{"Number":-7}"#)));
    assert_eq!(JsonBytes::encode(&value), Ok(Message::from(&br#"{"Number":-7}"#[..])));
    assert_eq!(Json::decode(JsonBytes::encode(&value).unwrap()), Ok(value.clone()));
    assert_eq!(JsonBytes::decode(Json::encode(&value).unwrap()), Ok(value));
}

#[test]
fn messages_of_the_wrong_kind_are_errors() {
    assert_undecodable::<Postcard>("text".into());
    let text = Message::from("text");
    assert_eq!(Binary::decode(text.clone()), Err(ReceiveError::undecodable(text, "text, not bytes")));
    let bytes = Message::from(&b"text"[..]);
    assert_eq!(Text::decode(bytes.clone()), Err(ReceiveError::undecodable(bytes, "bytes, not text")));
}

#[test]
fn values_that_are_nested_too_deep_are_errors() {
    let nested = "[".repeat(1_000_000);
    let decoded: Result<serde_json::Value, _> = Json::decode(nested.into());
    assert!(decoded.is_err_and(|error| error.to_string().contains("recursion limit")));
}

#[test]
fn a_false_length_allocates_nothing() {
    // The length says 2^62 elements, but there are none.
    let bytes = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f];
    let decoded: Result<Vec<u64>, _> = Postcard::decode(Message::from(&bytes[..]));
    assert!(decoded.is_err());
}

#[test]
fn values_that_the_format_cannot_hold_are_errors() {
    let value = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert_eq!(Json::encode(&value), Err(Error::Encode("key must be a string".into())));
}

/// A number in every place where JSON can have one.
#[derive(Debug, Serialize)]
enum Number {
    Plain(f64),
    Small(f32),
    Optional(Option<f64>),
    List(Vec<f64>),
    Tuple((u8, f64)),
    Two(u8, f64),
    Named { number: f64 },
    Struct(Struct),
    Newtype(Newtype),
    Pair(Pair),
    ByName(BTreeMap<u8, f64>),
    Nested(Box<Number>),
    Any(#[serde(serialize_with = "flat_map")] f64),
}

#[derive(Debug, Serialize)]
struct Struct {
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<f64>,
    number: f64,
}

#[derive(Debug, Serialize)]
struct Newtype(f64);

#[derive(Debug, Serialize)]
struct Pair(u8, f64);

fn flat_map<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("number", *number)])
}

fn numbers(number: f64) -> Vec<Number> {
    vec![
        Number::Plain(number),
        Number::Small(number as f32),
        Number::Optional(Some(number)),
        Number::List(vec![0.0, number]),
        Number::Tuple((1, number)),
        Number::Two(1, number),
        Number::Named { number },
        Number::Struct(Struct { missing: None, number }),
        Number::Newtype(Newtype(number)),
        Number::Pair(Pair(1, number)),
        Number::ByName([(1, number)].into()),
        Number::Nested(Box::new(Number::Nested(Box::new(Number::Plain(number))))),
        Number::Any(number),
    ]
}

#[test]
fn numbers_that_are_not_finite_are_errors_in_every_place() {
    for (number, what) in [(f64::NAN, "NaN"), (f64::INFINITY, "infinity"), (f64::NEG_INFINITY, "infinity")] {
        let error = Error::Encode(format!("{what} is not a number in JSON"));
        for value in numbers(number) {
            assert_eq!(Json::encode(&value), Err(error.clone()), "{value:?}");
            assert_eq!(JsonBytes::encode(&value), Err(error.clone()), "{value:?}");
        }
    }
    assert!(matches!(Json::encode(&f32::NAN), Err(Error::Encode(_))));
}

/// Values that are not numbers, to be written like serde_json writes them.
#[derive(Debug, Serialize)]
struct Others<'a> {
    integers: (i8, i16, i32, i64, i128, u8, u16, u32, u64, u128),
    texts: (char, &'a str, bool),
    nothing: (Option<u8>, (), Unit, Kind),
    #[serde(serialize_with = "bytes")]
    bytes: &'a [u8],
    address: Ipv4Addr,
    #[serde(serialize_with = "display")]
    displayed: u8,
    any: serde_json::Value,
}

#[derive(Debug, Serialize)]
struct Unit;

#[derive(Debug, Serialize)]
enum Kind {
    First,
}

fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

fn display<S: Serializer>(number: &u8, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("<{number}>"))
}

#[test]
fn json_is_written_as_serde_json_writes_it() {
    fn check(value: &(impl Serialize + Debug)) {
        assert_eq!(Json::encode(value), Ok(serde_json::to_string(value).unwrap().into()), "{value:?}");
    }
    numbers(-1.5e-7).iter().for_each(check);
    check(&Others {
        integers: (-1, -2, -3, i64::MIN, i128::MIN, 1, 2, 3, u64::MAX, u128::MAX),
        texts: ('"', "\u{0}ü", true),
        nothing: (None, (), Unit, Kind::First),
        bytes: b"\x00\xff",
        address: Ipv4Addr::LOCALHOST,
        displayed: 7,
        any: serde_json::json!({ "a": [1, 1.5, null, { "b": "c" }] }),
    });
}

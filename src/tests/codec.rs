//! The codecs that need no browser.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::codec::{Bytes, Decode, Encode, Json, JsonBytes, Postcard, Text};
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
    fn what_is_encoded_is_decoded(value: Value) {
        prop_assert!(comes_back::<Json, _>(&value));
        prop_assert!(comes_back::<JsonBytes, _>(&value));
        prop_assert!(comes_back::<Postcard, _>(&value));
    }

    #[test]
    fn text_and_bytes_are_themselves(text: String, bytes: Vec<u8>) {
        prop_assert!(comes_back::<Text, _>(&text));
        prop_assert!(comes_back::<Bytes, _>(&bytes));
    }

    #[test]
    fn what_is_cut_short_or_goes_on_is_an_error(value: Value, cut: prop::sample::Index) {
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
    fn anything_may_come(text: String, bytes: Vec<u8>) {
        for message in [Message::from(text), Message::from(bytes)] {
            let _: Result<Value, _> = Json::decode(message.clone());
            let _: Result<Value, _> = Postcard::decode(message);
        }
    }
}

/// It hands the message back, and says why.
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
fn what_is_of_the_wrong_kind_is_an_error() {
    assert_undecodable::<Postcard>("text".into());
    let text = Message::from("text");
    assert_eq!(Bytes::decode(text.clone()), Err(ReceiveError::undecodable(text, "text, not bytes")));
    let bytes = Message::from(&b"text"[..]);
    assert_eq!(Text::decode(bytes.clone()), Err(ReceiveError::undecodable(bytes, "bytes, not text")));
}

#[test]
fn what_is_nested_too_deep_is_an_error() {
    let nested = "[".repeat(1_000_000);
    let decoded: Result<serde_json::Value, _> = Json::decode(nested.into());
    assert!(decoded.is_err_and(|error| error.to_string().contains("recursion limit")));
}

#[test]
fn a_length_that_is_not_there_takes_no_memory() {
    // A sequence of 2^62 elements, of which none follows.
    let bytes = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f];
    let decoded: Result<Vec<u64>, _> = Postcard::decode(Message::from(&bytes[..]));
    assert!(decoded.is_err());
}

#[test]
fn what_the_format_cannot_hold_is_an_error() {
    let value = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert_eq!(Json::encode(&value), Err(Error::Encode("key must be a string".into())));
}

//! Values that the browser's own JSON encodes and decodes.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use js_sys::{JSON, Object, Reflect};
use macro_rules_attribute::apply;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use wasm_websocket::codec::{Encode, JsJson, Json};
use wasm_websocket::{Error, Message};

use super::codec::{BAD_BYTES, BAD_TEXTS, assert_undecodable, decoded, echoes, points};
use super::guard::js;
use super::peer::connect;

const LARGEST: i64 = (1 << 53) - 1;

#[apply(browser_test)]
async fn values_come_back_by_the_browsers_json() {
    echoes::<_, JsJson>(points()).await;
}

#[apply(browser_test)]
async fn messages_that_the_browsers_json_cannot_decode_are_returned() {
    for text in BAD_TEXTS {
        assert_undecodable::<JsJson>(text).await;
    }
    for bytes in BAD_BYTES {
        assert_undecodable::<JsJson>(bytes).await;
    }
}

#[apply(browser_test)]
async fn messages_that_are_nested_too_deep_are_returned() {
    #[derive(Serialize, Deserialize)]
    struct Nest(Vec<Nest>);

    let nested = |depth| ["[".repeat(depth), "]".repeat(depth)].concat();
    assert!(decoded::<Nest, JsJson>(nested(127)).await.is_ok());
    assert!(decoded::<Nest, Json>(nested(127)).await.is_ok());
    for depth in [128, 1_000_000] {
        let error = decoded::<Nest, JsJson>(nested(depth)).await.err().unwrap();
        assert_eq!(error.error, Error::Decode("nested 128 levels deep or deeper".into()));
        assert!(decoded::<Nest, Json>(nested(depth)).await.is_err());
    }
}

#[apply(browser_test)]
async fn javascript_values_stay_in_javascript() {
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
    // A field named `__proto__` changes no prototype.
    typed.get_mut().send(r#"{ "__proto__": { "polluted": true } }"#).await.unwrap();
    typed.next().await.unwrap().unwrap();
    assert!(Reflect::get(&Object::new(), &"polluted".into()).unwrap().is_undefined());
}

#[apply(browser_test)]
async fn names_of_every_javascript_object_are_special() {
    #[derive(Debug, Deserialize)]
    struct Named {
        #[serde(default)]
        #[expect(dead_code, reason = "only decoding matters")]
        constructor: Option<String>,
    }

    let map = BTreeMap::from([("__proto__", 1), ("a", 2)]);
    assert_eq!(JsJson::encode(&map).unwrap(), Message::from(r#"{"a":2}"#));
    assert!(decoded::<Named, JsJson>("{}").await.is_err());
}

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
    // This number is between two numbers that a float can hold, so it is rounded.
    assert_eq!(decoded::<f64, JsJson>((LARGEST + 2).to_string()).await, Ok(9_007_199_254_740_992.0));
    assert!(matches!(JsJson::encode(&7_u128), Err(Error::Encode(_))));
    assert!(matches!(JsJson::encode(&7_i128), Err(Error::Encode(_))));
    assert!(decoded::<u128, JsJson>("7").await.is_err());
}

#[apply(browser_test)]
async fn numbers_that_json_cannot_hold_are_errors() {
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
    // `null` is encoded where it is the right value.
    let nulls = r#"{"name":null,"number":1.5,"preserved":[null,{"a":null},"null"]}"#;
    assert_eq!(encode(None, 1.5, "[null, { a: null, b: undefined }, 'null']"), Ok(nulls.into()));
}

//! The jobs of the codecs.

use js_sys::{Function, JsString, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::{JsCast, JsError, JsValue, wasm_bindgen};
use wasm_websocket::Message;
use wasm_websocket::codec::{Decode, Encode, JsJson, Json, JsonBytes, Postcard};

use crate::job;

/// A typical record of a feed. `page/javascript.js` has the same.
#[derive(Clone, Serialize, Deserialize)]
struct Record {
    id: u32,
    name: String,
    price: f64,
    tags: Vec<String>,
    is_new: bool,
}

impl Record {
    fn new(id: u32) -> Self {
        let tags = vec!["red".into(), "größer".into()];
        Self { id, name: format!("record number {id}"), price: f64::from(id) * 1.25, tags, is_new: id % 2 == 0 }
    }
}

/// Makes a codec `encode` or `decode` a number of records at once, `count` times. Encoded records are what the browser sends or
/// receives, a string or a buffer of JavaScript.
#[wasm_bindgen]
pub async fn run_codec(codec: String, kind: String, records: u32, count: u32, mark: Function) -> Result<(), JsError> {
    let records: Vec<_> = (0..records).map(Record::new).collect();
    match codec.as_str() {
        "Json" => run::<Json>(&kind, &records, count, &mark).await,
        "JsonBytes" => run::<JsonBytes>(&kind, &records, count, &mark).await,
        "JsJson" => run::<JsJson>(&kind, &records, count, &mark).await,
        "Postcard" => run::<Postcard>(&kind, &records, count, &mark).await,
        _ => return Err(JsError::new("no such codec")),
    }
    Ok(())
}

async fn run<C: Encode<Vec<Record>> + Decode<Vec<Record>>>(
    kind: &str,
    records: &Vec<Record>,
    count: u32,
    mark: &Function,
) {
    let encode = || to_javascript(&C::encode(records).unwrap());
    let encoded = encode();
    job::mark(mark).await;
    for _ in 0..count {
        if kind == "encode" {
            encode();
        } else {
            C::decode(from_javascript(&encoded)).unwrap();
        }
    }
    job::mark(mark).await;
}

fn to_javascript(message: &Message) -> JsValue {
    match message {
        Message::Text(text) => text.into(),
        Message::Binary(bytes) => Uint8Array::new_from_slice(bytes).into(),
        Message::Blob(_) => JsValue::UNDEFINED,
    }
}

fn from_javascript(value: &JsValue) -> Message {
    match value.dyn_ref::<JsString>() {
        Some(text) => Message::Text(text.into()),
        None => Message::Binary(Uint8Array::unchecked_from_js_ref(value).to_vec()),
    }
}

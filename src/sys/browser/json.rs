//! JSON by the browser.

use js_sys::JSON;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsValue;

use super::error;
use crate::Error;

/// The JSON of a value.
pub fn stringify<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    let value = value.serialize(&Serializer::json_compatible()).map_err(|reason| Error::Encode(reason.to_string()))?;
    let text = JSON::stringify(&value).map_err(|thrown| Error::Encode(describe(&thrown)))?;
    // `undefined` and functions become `undefined`.
    text.as_string().ok_or_else(|| Error::Encode("JSON has no such value".into()))
}

/// The value of a JSON text, or why there is none.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value = JSON::parse(text).map_err(|thrown| describe(&thrown))?;
    serde_wasm_bindgen::from_value(value).map_err(|reason| reason.to_string())
}

fn describe(thrown: &JsValue) -> String {
    let (name, message) = error::describe(thrown);
    format!("{name}: {message}")
}

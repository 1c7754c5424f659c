//! The browser's own JSON.

use std::sync::atomic::{AtomicBool, Ordering};

use js_sys::JSON;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsValue;

use super::error;
use crate::Error;

/// Encodes a value as JSON.
pub fn stringify<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    let value = value.serialize(&Serializer::json_compatible()).map_err(|reason| Error::Encode(reason.to_string()))?;
    let text = JSON::stringify(&value).map_err(|thrown| Error::Encode(describe(&thrown)))?;
    // `undefined` and functions become `undefined`.
    let text = text.as_string().ok_or_else(|| Error::Encode("JSON has no such value".into()))?;
    // NaN and infinity become `null`. Checking every value is slow, and most texts contain no `null`.
    if text.as_bytes().windows(4).any(|bytes| bytes == b"null") && !is_finite(&value) {
        return Err(Error::Encode("NaN and infinity are not numbers in JSON".into()));
    }
    Ok(text)
}

/// Returns whether every number that JSON takes from the value is finite.
fn is_finite(value: &JsValue) -> bool {
    // Atomic, because a value that a closure changes must be unwind-safe.
    let is_finite = AtomicBool::new(true);
    let mut look = |_, value: JsValue| {
        is_finite.fetch_and(value.as_f64().is_none_or(f64::is_finite), Ordering::Relaxed);
        Ok(Some(value))
    };
    let _ = JSON::stringify_with_replacer_func(value, &mut look, None);
    is_finite.into_inner()
}

/// Decodes a JSON text, or returns the reason why it cannot be decoded.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value = JSON::parse(text).map_err(|thrown| describe(&thrown))?;
    serde_wasm_bindgen::from_value(value).map_err(|reason| reason.to_string())
}

fn describe(thrown: &JsValue) -> String {
    let (name, message) = error::describe(thrown);
    format!("{name}: {message}")
}

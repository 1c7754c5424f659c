//! A plain object → [`Options`].

use std::time::Duration;

use js_sys::{Array, Object};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_websocket::{BinaryType, Options, Overflow};

use crate::error;

/// What is a field of `Options` in `options.ts`.
pub(crate) fn read(source: &JsValue) -> Result<Options, JsValue> {
    let mut options = Options::new();
    for field in fields("options", source)? {
        options = match field.name.as_str() {
            "protocols" => options.protocols(field.read_list::<String>()?),
            "binaryType" => options.binary_type(field.read::<BinaryTypeName>()?.into()),
            "highWaterMark" => options.high_water_mark(field.read()?),
            "lowWaterMark" => options.low_water_mark(field.read()?),
            "receiveLimit" => {
                let ReceiveLimit { bytes, messages, overflow } = receive_limit(&field.value)?;
                options.receive_limit(bytes).receive_limit_messages(messages).overflow(overflow)
            }
            "connectTimeout" => options.connect_timeout(Duration::from_millis(field.read()?)),
            "closeTimeout" => options.close_timeout(Duration::from_millis(field.read()?)),
            "signal" => options, // JavaScript's own
            _ => return Err(field.unknown()),
        };
    }
    Ok(options)
}

struct ReceiveLimit {
    bytes: u64,
    messages: usize,
    overflow: Overflow,
}

/// Those of [`Options::receive_limit`], which a test holds.
impl Default for ReceiveLimit {
    fn default() -> Self {
        Self { bytes: 64 << 20, messages: 1 << 18, overflow: Overflow::Close }
    }
}

fn receive_limit(source: &JsValue) -> Result<ReceiveLimit, JsValue> {
    let mut limit = ReceiveLimit::default();
    for field in fields("receiveLimit", source)? {
        match field.name.as_str() {
            "receiveLimit.bytes" => limit.bytes = field.read()?,
            "receiveLimit.messages" => limit.messages = field.read()?,
            "receiveLimit.overflow" => limit.overflow = field.read::<OverflowName>()?.into(),
            _ => return Err(field.unknown()),
        }
    }
    Ok(limit)
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum BinaryTypeName {
    ArrayBuffer,
    Blob,
}

impl From<BinaryTypeName> for BinaryType {
    fn from(name: BinaryTypeName) -> Self {
        match name {
            BinaryTypeName::ArrayBuffer => Self::ArrayBuffer,
            BinaryTypeName::Blob => Self::Blob,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum OverflowName {
    Close,
    DropOldest,
    DropNewest,
    Unbounded,
}

impl From<OverflowName> for Overflow {
    fn from(name: OverflowName) -> Self {
        match name {
            OverflowName::Close => Self::Close,
            OverflowName::DropOldest => Self::DropOldest,
            OverflowName::DropNewest => Self::DropNewest,
            OverflowName::Unbounded => Self::Unbounded,
        }
    }
}

/// A field of an object, by its whole name, such as `receiveLimit.bytes`.
///
/// serde looks for those fields alone that it knows, and does not say in which one it has found a wrong value.
struct Field {
    name: String,
    value: JsValue,
}

/// The fields that are not `undefined`.
fn fields(name: &str, source: &JsValue) -> Result<Vec<Field>, JsValue> {
    if source.is_undefined() {
        return Ok(Vec::new());
    }
    if !source.is_object() || Array::is_array(source) {
        return Err(invalid(&format!("`{name}` is not a plain object")));
    }
    let prefix = if name == "options" { String::new() } else { format!("{name}.") };
    let entries = Object::entries(source.unchecked_ref());
    let fields = entries.iter().map(|entry| {
        let entry: Array = entry.unchecked_into();
        Field { name: prefix.clone() + &entry.get(0).as_string().unwrap_or_default(), value: entry.get(1) }
    });
    Ok(fields.filter(|field| !field.value.is_undefined()).collect())
}

impl Field {
    fn read<T: DeserializeOwned>(&self) -> Result<T, JsValue> {
        let value = self.value.clone();
        serde_wasm_bindgen::from_value(value).map_err(|error| invalid(&format!("option `{}`: {error}", self.name)))
    }

    /// Only what is an array: of text, serde would look for an iterator, which throws, and what throws is never freed.
    fn read_list<T: DeserializeOwned>(&self) -> Result<Vec<T>, JsValue> {
        match Array::is_array(&self.value) {
            true => self.read(),
            false => Err(invalid(&format!("option `{}`: it is not an array", self.name))),
        }
    }

    fn unknown(&self) -> JsValue {
        invalid(&format!("there is no option `{}`", self.name))
    }
}

fn invalid(message: &str) -> JsValue {
    error::with_code("invalidOption", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_not_given_is_that_of_the_crate() {
        let ReceiveLimit { bytes, messages, overflow } = ReceiveLimit::default();
        assert_eq!(
            Options::new(),
            Options::new().receive_limit(bytes).receive_limit_messages(messages).overflow(overflow)
        );
    }
}

//! Reads [`Options`] from a plain object that `options.ts` has checked.

use std::time::Duration;

use js_sys::Array;
use wasm_bindgen::prelude::*;
#[cfg(feature = "streams")]
use wasm_websocket::Transport;
use wasm_websocket::{BinaryType, Options, Overflow};

use crate::object::Plain;

/// Reads the fields of `Options` in `options.ts`.
pub(crate) fn read(given: &Plain) -> Options {
    let mut options = Options::new();
    if let Some(protocols) = texts(&given.get("protocols")) {
        options = options.protocols(protocols);
    }
    if given.text("binaryType").is_some_and(|name| name == "blob") {
        options = options.binary_type(BinaryType::Blob);
    }
    if let Some(bytes) = bytes(given, "highWaterMark") {
        options = options.high_water_mark(bytes);
    }
    if let Some(bytes) = bytes(given, "lowWaterMark") {
        options = options.low_water_mark(bytes);
    }
    if let Some(limit) = given.object("receiveLimit") {
        options = with_receive_limit(options, &limit);
    }
    if let Some(timeout) = duration(given, "connectTimeout") {
        options = options.connect_timeout(timeout);
    }
    if let Some(timeout) = duration(given, "closeTimeout") {
        options = options.close_timeout(timeout);
    }
    #[cfg(feature = "streams")]
    {
        options = with_transport(options, given);
    }
    options
}

/// Reads the transport. `connect.ts` and `reconnect.ts` load this module only for a transport other than events.
#[cfg(feature = "streams")]
fn with_transport(mut options: Options, given: &Plain) -> Options {
    if let Some(bytes) = bytes(given, "readAhead") {
        options = options.read_ahead(bytes);
    }
    options.transport(match given.text("transport").as_deref() {
        Some("streams") => Transport::Streams,
        _ => Transport::Best,
    })
}

fn with_receive_limit(mut options: Options, limit: &Plain) -> Options {
    if let Some(bytes) = bytes(limit, "bytes") {
        options = options.receive_limit(bytes);
    }
    if let Some(messages) = limit.number("messages") {
        options = options.receive_limit_messages(messages as usize);
    }
    options.overflow(match limit.text("overflow").as_deref() {
        Some("dropOldest") => Overflow::DropOldest,
        Some("dropNewest") => Overflow::DropNewest,
        Some("unbounded") => Overflow::Unbounded,
        _ => Overflow::Close,
    })
}

/// Returns the texts of an array; `None` if the value is not an array.
pub(crate) fn texts(value: &JsValue) -> Option<Vec<String>> {
    if !Array::is_array(value) {
        return None;
    }
    Some(Array::from(value).iter().filter_map(|text| text.as_string()).collect())
}

pub(crate) fn bytes(given: &Plain, name: &str) -> Option<u64> {
    given.number(name).map(|bytes| bytes as u64)
}

/// Reads a time in milliseconds.
pub(crate) fn duration(given: &Plain, name: &str) -> Option<Duration> {
    bytes(given, name).map(Duration::from_millis)
}

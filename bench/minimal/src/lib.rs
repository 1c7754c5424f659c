//! Connects, sends one text and logs the answer, with one of the contenders.
#![cfg(target_family = "wasm")]

#[cfg_attr(feature = "codec", path = "codec.rs")]
#[cfg_attr(feature = "callback", path = "callback.rs")]
#[cfg_attr(feature = "reconnecting", path = "reconnecting.rs")]
#[cfg_attr(feature = "session", path = "session.rs")]
#[cfg_attr(any(feature = "stream", feature = "streams"), path = "wasm_websocket.rs")]
#[cfg_attr(feature = "web-sys-queue", path = "web_sys_queue.rs")]
#[cfg_attr(feature = "gloo-net", path = "gloo_net.rs")]
#[cfg_attr(feature = "ws_stream_wasm", path = "ws_stream_wasm.rs")]
#[cfg_attr(feature = "websocket-web", path = "websocket_web.rs")]
mod contender;

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn log(text: &str);
}

/// Says hello to the server at `url`, and logs its answer.
#[cfg(not(feature = "callback"))]
#[wasm_bindgen]
pub fn greet(url: String) {
    wasm_bindgen_futures::spawn_local(async move {
        match contender::ask(&url, "hello").await {
            Ok(Some(answer)) => log(&answer),
            Ok(None) => {}
            Err(why) => show(why),
        }
    });
}

/// Says hello to the server at `url`, and logs its answer.
#[cfg(feature = "callback")]
#[wasm_bindgen]
pub fn greet(url: String) {
    if let Err(why) = contender::ask(&url, "hello") {
        show(why);
    }
}

/// The reason why there is no answer.
#[cfg(feature = "errors")]
type Failure = String;
#[cfg(not(feature = "errors"))]
struct Failure;

/// Returns the text of an error, for an app that shows its errors.
#[cfg(feature = "errors")]
fn failure(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}

#[cfg(not(feature = "errors"))]
fn failure<E>(_: E) -> Failure {
    Failure
}

#[cfg(feature = "errors")]
fn show(why: Failure) {
    log(&why);
}

#[cfg(not(feature = "errors"))]
fn show(_: Failure) {}

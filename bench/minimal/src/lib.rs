//! Connects, sends one text and logs the answer, by one of the contenders.
#![cfg(target_family = "wasm")]

#[cfg_attr(all(feature = "wasm-websocket", not(feature = "codec")), path = "wasm_websocket.rs")]
#[cfg_attr(feature = "codec", path = "codec.rs")]
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

/// Says hello to the server at `url`, and logs what it answers.
#[wasm_bindgen]
pub fn greet(url: String) {
    wasm_bindgen_futures::spawn_local(async move {
        if let Some(answer) = contender::ask(&url, "hello").await {
            log(&answer);
        }
    });
}

//! The contenders, one file each.

mod gloo_net;
mod wasm_websocket_callback;
mod wasm_websocket_reconnecting;
mod wasm_websocket_session;
mod wasm_websocket_stream;
mod wasm_websocket_streams;
mod web_sys_callback;
mod web_sys_queue;
mod websocket_web;
mod ws_stream_wasm;

use std::any::Any;

use wasm_bindgen::prelude::JsError;

use crate::contender::Contender;
use crate::job::Job;

/// Opens `count` connections, one after the other.
pub async fn connect_all<C: Contender>(url: &str, count: u32) -> Vec<C> {
    let mut sockets = Vec::with_capacity(count as usize);
    for _ in 0..count {
        sockets.push(C::connect(url).await);
    }
    sockets
}

macro_rules! contenders {
    ($($name:literal: $contender:ty,)*) => {
        /// Makes the contender of this name do a job.
        pub async fn run(name: &str, job: &Job) -> Result<(), JsError> {
            match name {
                $($name => job.run::<$contender>().await,)*
                _ => return Err(JsError::new("no such contender")),
            }
            Ok(())
        }

        /// Makes the contender of this name open and drop `count` connections, one after the other.
        pub async fn open_and_drop(name: &str, url: &str, count: u32) -> Result<(), JsError> {
            for _ in 0..count {
                match name {
                    $($name => drop(<$contender>::connect(url).await),)*
                    _ => return Err(JsError::new("no such contender")),
                }
            }
            Ok(())
        }

        /// Makes the contender of this name open `count` connections.
        pub async fn open(name: &str, url: &str, count: u32) -> Result<Box<dyn Any>, JsError> {
            match name {
                $($name => Ok(Box::new(connect_all::<$contender>(url, count).await)),)*
                _ => Err(JsError::new("no such contender")),
            }
        }
    };
}

contenders! {
    "wasm-websocket": wasm_websocket::WebSocketStream,
    "wasm-websocket-callback": wasm_websocket_callback::Callback,
    "wasm-websocket-streams": wasm_websocket_streams::Streams,
    "wasm-websocket-reconnecting": wasm_websocket::Reconnecting,
    "wasm-websocket-session": wasm_websocket::session::Session,
    "web-sys-queue": web_sys_queue::Queue,
    "web-sys-callback": web_sys_callback::Callback,
    "gloo-net": ::gloo_net::websocket::futures::WebSocket,
    "ws_stream_wasm": ::ws_stream_wasm::WsStream,
    "websocket-web": websocket_web::AsItChooses,
    "websocket-web-standard": websocket_web::Standard,
}

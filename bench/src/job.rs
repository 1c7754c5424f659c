//! The jobs of the contenders.

use std::any::Any;

use futures_util::future::join_all;
use js_sys::{Function, JsString, Promise, Uint8Array};
use wasm_bindgen::prelude::{JsCast, JsError, JsValue, wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use crate::contender::{Contender, Payload};
use crate::contenders::{self, connect_all};

/// A job that a contender does with its connection.
pub struct Job {
    pub url: String,
    kind: String,
    payload: Payload,
    count: u32,
    /// How many connections receive a `trickle`.
    connections: u32,
    /// Called when the connection is open, and when the job is done. Its promise is awaited.
    mark: Function,
}

/// Makes a contender do a job: `receive`, `send` or `echo` a payload `count` times, or receive a `trickle` on `connections`.
/// `page/javascript.js` does the same jobs.
#[wasm_bindgen]
pub async fn run(
    contender: String,
    url: String,
    kind: String,
    payload: JsValue,
    count: u32,
    connections: u32,
    mark: Function,
) -> Result<(), JsError> {
    let payload = match payload.dyn_into::<JsString>() {
        Ok(text) => Payload::Text(text.into()),
        Err(bytes) => Payload::Binary(Uint8Array::new(&bytes).to_vec()),
    };
    contenders::run(&contender, &Job { url, kind, payload, count, connections, mark }).await
}

/// Connections that stay open and idle until this is freed.
#[wasm_bindgen]
pub struct Idle {
    _sockets: Box<dyn Any>,
}

/// Makes a contender open `count` connections, one after the other.
#[wasm_bindgen]
pub async fn open(contender: String, url: String, count: u32) -> Result<Idle, JsError> {
    contenders::open(&contender, &url, count).await.map(|sockets| Idle { _sockets: sockets })
}

/// Makes a contender open and drop `count` connections, one after the other.
#[wasm_bindgen]
pub async fn open_and_drop(contender: String, url: String, count: u32) -> Result<(), JsError> {
    contenders::open_and_drop(&contender, &url, count).await
}

impl Job {
    /// Does the job.
    pub async fn run<C: Contender>(&self) {
        if self.kind == "trickle" {
            return self.trickle::<C>().await;
        }
        let mut socket = C::connect(&self.url).await;
        mark(&self.mark).await;
        match self.kind.as_str() {
            "receive" => {
                socket.send(&Payload::Text(self.count.to_string()), 1).await;
                socket.receive(self.count).await;
            }
            "send" => {
                socket.send(&self.payload, self.count).await;
                // The server answers this when it has received everything.
                socket.send(&Payload::Text("report".into()), 1).await;
                socket.receive(1).await;
            }
            _ => socket.echo(&self.payload, self.count).await,
        }
        mark(&self.mark).await;
    }

    /// Receives messages that arrive slowly, on many connections at the same time.
    async fn trickle<C: Contender>(&self) {
        let mut sockets = connect_all::<C>(&self.url, self.connections).await;
        let each = self.count / self.connections;
        mark(&self.mark).await;
        let all = sockets.iter_mut().map(async |socket| {
            socket.send(&Payload::Text(each.to_string()), 1).await;
            socket.receive(each).await;
        });
        join_all(all).await;
        mark(&self.mark).await;
    }
}

/// Calls `mark`, and awaits its promise.
pub async fn mark(mark: &Function) {
    let promise = mark.call0(&JsValue::NULL).map(|promise| promise.unchecked_into::<Promise>());
    if let Ok(promise) = promise {
        let _ = JsFuture::from(promise).await;
    }
}

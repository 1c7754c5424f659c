//! A chat whose connection is in a dedicated worker, so that nothing its page does holds it up.
//!
//! ```text
//! page.js ── Said ──▶ worker ── JSON ──▶ server
//! page.js ◀─ News ─── worker ◀─ JSON ─── server
//! ```
//!
//! The worker is named after its room. Terminating it closes the connection.

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use wasm_websocket::codec::Json;
use wasm_websocket::{CloseEvent, Error, Sender, WebSocketStream};
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

/// What somebody says; on the wire `{"name":"Ann","text":"hello"}`.
#[derive(Serialize, Deserialize)]
struct Said {
    name: String,
    text: String,
}

/// What the page is told; there `{ type: "heard", name: "Ann", text: "hello" }`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum News {
    Open,
    Heard(Said),
    Problem { why: String },
    Unsent { why: String, said: Said },
    Ended { why: String },
}

fn main() {
    spawn_local(async {
        let why = match listen().await {
            Ok(event) => format!("the connection has ended: {event}"),
            Err(error) => error.to_string(),
        };
        tell(&News::Ended { why });
    });
}

/// Tells what is said in the room until the connection ends.
async fn listen() -> Result<CloseEvent, Error> {
    let (sender, receiver) = WebSocketStream::connect(&format!("/chat/{}", scope().name())).await?.split();
    let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event| spawn_local(say(sender.clone(), event)));
    scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    tell(&News::Open);
    let mut heard = receiver.typed::<Said, Json>();
    while let Some(said) = heard.next().await {
        match said {
            Ok(said) => tell(&News::Heard(said)),
            Err(error) => tell(&News::Problem { why: error.to_string() }), // one bad message does not end a chat
        }
    }
    scope().set_onmessage(None);
    heard.get_ref().closed().await
}

/// Says what the page wants said.
async fn say(sender: Sender, event: MessageEvent) {
    let Ok(said) = serde_wasm_bindgen::from_value::<Said>(event.data()) else { return };
    if let Err(unsent) = sender.typed::<Said, Json>().send(said).await {
        tell(&News::Unsent { why: unsent.error.to_string(), said: unsent.message });
    }
}

fn tell(news: &News) {
    let told = serde_wasm_bindgen::to_value(news).map_err(JsValue::from).and_then(|news| scope().post_message(&news));
    told.expect_throw("news is plain data");
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

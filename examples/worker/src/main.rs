//! A chat whose connection is in a dedicated worker, so that a busy page does not delay it.
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
use wasm_websocket::{CloseEvent, Error, ReceiveError, Sender, WebSocketStream};
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

/// A line of the chat; on the wire `{"name":"Ann","text":"hello"}`.
#[derive(Serialize, Deserialize)]
struct Said {
    name: String,
    text: String,
}

/// A message to the page; in JavaScript `{ type: "heard", name: "Ann", text: "hello" }`.
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
        let why = match chat().await {
            Ok(event) => format!("the connection has ended: {event}"),
            Err(error) => error.to_string(),
        };
        tell(&News::Ended { why });
    });
}

/// Connects, and passes the lines of the room to the page until the connection ends.
async fn chat() -> Result<CloseEvent, Error> {
    let open = |sender: Sender| {
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event| spawn_local(say(sender.clone(), event)));
        scope().set_onmessage(Some(on_message.into_js_value().unchecked_ref()));
        tell(&News::Open);
    };
    let hear = |said| {
        tell(&match said {
            Ok(said) => News::Heard(said),
            Err(error) => News::Problem { why: ReceiveError::to_string(&error) }, // one bad message does not end a chat
        });
    };
    // The page may say more before it learns of the end: this stays unsent, and returns to the page.
    listen(&format!("/chat/{}", scope().name()), open, hear).await
}

/// Receives the lines of the room until the connection ends.
async fn listen(
    url: &str,
    open: impl FnOnce(Sender),
    mut hear: impl FnMut(Result<Said, ReceiveError>),
) -> Result<CloseEvent, Error> {
    let (sender, receiver) = WebSocketStream::connect(url).await?.split();
    open(sender);
    let mut heard = receiver.typed::<Said, Json>();
    while let Some(said) = heard.next().await {
        hear(said);
    }
    heard.closed().await
}

/// Sends a line from the page.
async fn say(sender: Sender, event: MessageEvent) {
    let Ok(said) = serde_wasm_bindgen::from_value::<Said>(event.data()) else { return };
    if let Err(unsent) = sender.typed::<Said, Json>().send(said).await {
        tell(&News::Unsent { why: unsent.error.to_string(), said: unsent.message });
    }
}

fn tell(news: &News) {
    let posted = serde_wasm_bindgen::to_value(news).map_err(JsValue::from).and_then(|news| scope().post_message(&news));
    posted.expect_throw("news is plain data");
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

#[cfg(test)]
mod tests {
    use futures_util::join;
    use wasm_websocket::testing::Page;

    use super::*;

    #[test]
    fn what_is_said_is_heard_until_the_connection_ends() {
        let (page, mut heard) = (Page::new(), Vec::new());
        let server = page.server("ws://127.0.0.1/chat/lobby");
        let serve = async {
            let mut peer = server.accept().await;
            assert_eq!(peer.receive().await, Some(r#"{"name":"Ann","text":"hello"}"#.into()));
            peer.send(r#"{"name":"Bob","text":"hello, Ann"}"#);
            peer.send("nonsense");
            peer.send(r#"{"name":"Bob","text":"good night"}"#);
            peer.close_with(1001, "the server restarts");
        };
        let say = |sender: Sender| {
            let said = Said { name: "Ann".into(), text: "hello".into() };
            page.spawn(async move { sender.typed::<Said, Json>().send(said).await.unwrap() });
        };
        let (ended, ()) = page.run(async {
            join!(listen("/chat/lobby", say, |said| heard.push(said.map(|said| said.text).ok())), serve)
        });
        assert_eq!(heard, [Some("hello, Ann".into()), None, Some("good night".into())]);
        assert_eq!(ended.unwrap().code, 1001);
    }
}

//! A chat with Leptos that loses no line without naming it: its server is `session/server/examples/chat.rs`. The component owns the
//! session, which is given up when the component is removed.

use std::mem;

use futures_util::StreamExt;
use leptos::ev::SubmitEvent;
use leptos::mount::mount_to_body;
use leptos::prelude::*;
use leptos::task::spawn_local_scoped_with_cancellation;
use serde::{Deserialize, Serialize};
use wasm_websocket::codec::Json;
use wasm_websocket::session::{Session, SessionOptions};
use wasm_websocket::{Error, ReceiveError};

/// A line of the chat; on the wire `{"name":"Ann","text":"hello"}`.
#[derive(Clone, Serialize, Deserialize)]
struct Said {
    name: String,
    text: String,
}

fn main() {
    mount_to_body(App);
}

#[component]
fn App() -> impl IntoView {
    let server = RwSignal::new("ws://127.0.0.1:3001".to_owned());
    let name = RwSignal::new(String::new());
    let room = RwSignal::new("lobby".to_owned());
    let is_in = RwSignal::new(false);
    let join = move |event: SubmitEvent| {
        event.prevent_default();
        is_in.set(true);
    };
    let door = move || {
        view! {
            <form on:submit=join>
                <label>"Server " <input name="server" required autocomplete="off" bind:value=server /></label>
                <label>"Your name " <input name="name" required autocomplete="off" bind:value=name /></label>
                <label>"Room " <input name="room" required pattern=r"[\w\-]+" autocomplete="off" bind:value=room /></label>
                <button>"Join"</button>
            </form>
        }
    };
    let inside = move || {
        let session = enter(&server.get_untracked(), &room.get_untracked(), name.get_untracked());
        view! { <Room session name=name.get_untracked() room=room.get_untracked() leave=move || is_in.set(false) /> }
    };
    view! {
        <main>
            <h1>"Chat with Leptos"</h1>
            <Show when=move || is_in.get() fallback=door>{inside()}</Show>
        </main>
    }
}

#[component]
fn Room(session: Session, name: String, room: String, leave: impl Fn() + 'static) -> impl IntoView {
    let log = RwSignal::new(Vec::<Said>::new());
    let state = RwSignal::new(String::new());
    let problem = RwSignal::new(String::new());
    let has_ended = RwSignal::new(false);
    let text = RwSignal::new(String::new());
    let doubtful = RwSignal::new(Vec::<String>::new());
    // The sender is not `Send`, so its storage is local. For a page that is also rendered on a server, see `docs/frameworks.md`.
    let sender = StoredValue::new_local(session.sender());

    let mut is_new = false;
    let hear = move |said| match said {
        Ok(said) => log.update(|log| {
            if mem::take(&mut is_new) {
                log.clear(); // a new session receives all lines of the room again
            }
            log.push(said);
        }),
        Err(ReceiveError { error, .. }) => {
            is_new |= error == Error::SessionLost;
            problem.set(error.to_string());
        }
    };
    // The tasks and `sender` are dropped with this component, which gives the session up.
    let mut states = session.states();
    spawn_local_scoped_with_cancellation(async move {
        while let Some(now) = states.next().await {
            state.set(now.to_string());
        }
    });
    spawn_local_scoped_with_cancellation(async move {
        listen(session, hear).await;
        has_ended.set(true);
    });

    let say = move |event: SubmitEvent| {
        event.prevent_default();
        let (sender, line) = (sender.get_value(), text.get());
        let said = Said { name: name.clone(), text: line.clone() };
        spawn_local_scoped_with_cancellation(async move {
            match sender.typed::<Said, Json>().send_for_receipt(said).await {
                // The session keeps the line until the server has processed it.
                Ok(receipt) => {
                    text.set(String::new());
                    if receipt.await.is_err() {
                        doubtful.update(|lines| lines.push(line)); // the session was lost with it
                    }
                }
                Err(unsent) => problem.set(unsent.to_string()), // the text stays in its field
            }
        });
    };
    view! {
        <section>
            <header>
                <h2>{room}</h2>
                <span role="status">{state}</span>
                <button id="leave" on:click=move |_| leave()>"Leave"</button>
            </header>
            <div role="log" tabindex="0" aria-label="Messages">
                <ol id="log">
                    <For each=move || log.get().into_iter().enumerate() key=|(number, _)| *number let((_, said))>
                        <li><b>{said.name}</b>" "{said.text}</li>
                    </For>
                </ol>
            </div>
            <p role="alert" hidden=move || problem.read().is_empty()>{problem}</p>
            <p role="alert" hidden=move || doubtful.read().is_empty()>
                "May not have arrived: " {move || doubtful.read().join(" · ")}
            </p>
            <form on:submit=say>
                <input name="text" aria-label="Message" required autocomplete="off" bind:value=text />
                <button disabled=has_ended>"Say"</button>
            </form>
        </section>
    }
}

/// Starts a session with a room of a server.
fn enter(server: &str, room: &str, name: String) -> Session {
    let url = format!("{server}/{room}");
    let options = SessionOptions::new().credentials(async move || Ok(name.clone())); // a real chat returns a token
    Session::new(options, async move || Ok(url.clone()))
}

/// Receives the lines of the room until the session ends.
async fn listen(session: Session, mut hear: impl FnMut(Result<Said, ReceiveError>)) {
    let mut heard = session.typed::<Said, Said, Json>();
    while let Some(said) = heard.next().await {
        hear(said);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::join;
    use wasm_websocket::testing::{Page, Peer, Server};

    use super::*;

    const TOKEN: &str = "0123456789abcdef012345";

    /// Accepts the page's next connection, and answers its HELLO with a WELCOME. Returns the peer and the HELLO.
    async fn welcome(server: &Server, counts: &str) -> (Peer, String) {
        let mut peer = server.handshake().await.accept_with("session.v1").unwrap();
        let hello = peer.receive().await.unwrap().as_text().unwrap().to_owned();
        peer.send(format!(r#"W{{"token":"{TOKEN}",{counts},"credit":4096,"max":4096,"ttl":300}}"#));
        (peer, hello)
    }

    /// Returns the page's next message, and skips acknowledgements.
    async fn said(peer: &mut Peer) -> String {
        loop {
            let frame = peer.receive().await.unwrap().as_text().unwrap().to_owned();
            if let Some(text) = frame.strip_prefix(':') {
                return text.to_owned();
            }
        }
    }

    #[test]
    fn what_is_said_is_heard_once_over_a_lost_connection() {
        let (page, mut heard) = (Page::new(), Vec::new());
        let server = page.server("ws://127.0.0.1/lobby");
        let serve = async {
            let (mut peer, hello) = welcome(&server, r#""resumed":false,"received":0,"processed":0"#).await;
            assert!(hello.contains(r#""credentials":"Ann""#));
            assert_eq!(said(&mut peer).await, r#"{"name":"Ann","text":"hello"}"#);
            peer.send(r#":{"name":"Bob","text":"hello, Ann"}"#);
            peer.send(":nonsense");
            page.sleep(std::time::Duration::from_secs(1)).await;
            peer.reset();

            let (mut peer, hello) = welcome(&server, r#""resumed":true,"received":0,"processed":0"#).await;
            assert!(hello.contains(r#""received":2"#) && hello.contains(TOKEN));
            assert_eq!(said(&mut peer).await, r#"{"name":"Ann","text":"hello"}"#, "the page sends the line again");
            peer.send(r#":{"name":"Bob","text":"good night"}"#);
            peer.send(r#"E{"code":1000}"#);
        };
        let chat = async {
            let session = enter("ws://127.0.0.1", "lobby", "Ann".into());
            let sender = session.sender().typed::<Said, Json>();
            drop(sender.send_for_receipt(Said { name: "Ann".into(), text: "hello".into() }).await.unwrap());
            listen(session, |said| heard.push(said.map(|said| said.text).ok())).await;
        };
        page.run(async { join!(chat, serve) });
        assert_eq!(heard, [Some("hello, Ann".into()), None, Some("good night".into())]);
    }
}

//! A chat with Leptos. The connection is the component's: it is closed when that goes away.

use futures_util::StreamExt;
use leptos::ev::SubmitEvent;
use leptos::mount::mount_to_body;
use leptos::prelude::*;
use leptos::task::{spawn_local, spawn_local_scoped_with_cancellation};
use serde::{Deserialize, Serialize};
use wasm_websocket::codec::Json;
use wasm_websocket::{CloseEvent, Error, ReceiveError, Sender, WebSocketStream};

/// What somebody says; on the wire `{"name":"Ann","text":"hello"}`.
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
                <label>"Your name " <input name="name" required autocomplete="off" bind:value=name /></label>
                <label>"Room " <input name="room" required pattern=r"[\w\-]+" autocomplete="off" bind:value=room /></label>
                <button>"Join"</button>
            </form>
        }
    };
    view! {
        <main>
            <h1>"Chat with Leptos"</h1>
            <Show when=move || is_in.get() fallback=door>
                <Room name=name.get_untracked() room=room.get_untracked() leave=move || is_in.set(false) />
            </Show>
        </main>
    }
}

#[component]
fn Room(name: String, room: String, leave: impl Fn() + 'static) -> impl IntoView {
    let log = RwSignal::new(Vec::<Said>::new());
    let problem = RwSignal::new(String::new());
    let text = RwSignal::new(String::new());
    // There while the connection is open. It cannot leave its thread, hence `local`.
    let sender = RwSignal::new_local(None::<Sender>);

    let url = format!("/chat/{room}");
    let hear = move |said| match said {
        Ok(said) => log.update(|log| log.push(said)),
        Err(ReceiveError { error, .. }) => problem.set(error.to_string()), // one bad message does not end a chat
    };
    // The task, with its half of the connection, goes away with this component; so does the other half.
    spawn_local_scoped_with_cancellation(async move {
        let ended = listen(&url, |ours| sender.set(Some(ours)), hear).await;
        sender.set(None);
        problem.set(ended.map_or_else(|error| error.to_string(), |event| format!("the connection has ended: {event}")));
    });

    let say = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(sender) = sender.get() else { return };
        let said = Said { name: name.clone(), text: text.get() };
        spawn_local(async move {
            match sender.typed::<Said, Json>().send(said).await {
                Ok(()) => text.set(String::new()),
                Err(unsent) => problem.set(unsent.to_string()), // the text stays in its field
            }
        });
    };
    view! {
        <section>
            <header>
                <h2>{room}</h2>
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
            <form on:submit=say>
                <input name="text" aria-label="Message" required autocomplete="off" bind:value=text />
                <button disabled=move || sender.read().is_none()>"Say"</button>
            </form>
        </section>
    }
}

/// Hears what is said in the room until the connection ends.
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
    heard.get_ref().closed().await
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

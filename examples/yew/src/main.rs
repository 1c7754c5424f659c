//! A chat with Yew. The component owns the connection: removing the component closes the connection.

use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::future::abortable;
use serde::{Deserialize, Serialize};
use wasm_bindgen_futures::spawn_local;
use wasm_websocket::codec::Json;
use wasm_websocket::{CloseEvent, Error, ReceiveError, Sender, WebSocketStream};
use web_sys::{FormData, HtmlFormElement};
use yew::prelude::*;

/// A line of the chat; on the wire `{"name":"Ann","text":"hello"}`.
#[derive(Clone, Serialize, Deserialize)]
struct Said {
    name: String,
    text: String,
}

fn main() {
    yew::Renderer::<App>::new().render();
}

#[component]
fn App() -> Html {
    let joined = use_state(|| None::<(AttrValue, AttrValue)>);
    let join = Callback::from({
        let joined = joined.clone();
        move |event: SubmitEvent| {
            event.prevent_default();
            joined.set(Some((field(&event, "name").into(), field(&event, "room").into())));
        }
    });
    let leave = Callback::from({
        let joined = joined.clone();
        move |_| joined.set(None)
    });
    html! {
        <main>
            <h1>{ "Chat with Yew" }</h1>
            if let Some((name, room)) = &*joined {
                <Room {name} {room} {leave} />
            } else {
                <form onsubmit={join}>
                    <label>{ "Your name " }<input name="name" required=true autocomplete="off" /></label>
                    <label>{ "Room " }<input name="room" required=true pattern="[\\w\\-]+" autocomplete="off" value="lobby" /></label>
                    <button>{ "Join" }</button>
                </form>
            }
        </main>
    }
}

/// Returns the value of a field of a submitted form.
fn field(event: &SubmitEvent, name: &str) -> String {
    let form: HtmlFormElement = event.target_unchecked_into();
    FormData::new_with_form(&form).ok().and_then(|data| data.get(name).as_string()).unwrap_or_default()
}

#[derive(Clone, Default)]
struct Log(Vec<Said>);

impl Reducible for Log {
    type Action = Said;

    fn reduce(self: Rc<Self>, said: Said) -> Rc<Self> {
        let mut log = Rc::unwrap_or_clone(self);
        log.0.push(said);
        log.into()
    }
}

#[derive(Properties, PartialEq)]
struct Props {
    name: AttrValue,
    room: AttrValue,
    leave: Callback<MouseEvent>,
}

#[component]
fn Room(Props { name, room, leave }: &Props) -> Html {
    let log = use_reducer(Log::default);
    let problem = use_state(String::new);
    // `Some` while the connection is open.
    let sender = use_state(|| None::<Sender>);

    use_effect_with(room.clone(), {
        let (sender, log, problem) = (sender.setter(), log.dispatcher(), problem.setter());
        move |room| {
            let url = format!("/chat/{room}");
            let left = sender.clone();
            let (task, listening) = abortable(async move {
                let hear = |said| match said {
                    Ok(said) => log.dispatch(said),
                    Err(ReceiveError { error, .. }) => problem.set(error.to_string()), // one bad message does not end a chat
                };
                let ended = listen(&url, |ours| sender.set(Some(ours)), hear).await;
                sender.set(None);
                problem.set(
                    ended.map_or_else(|error| error.to_string(), |event| format!("the connection has ended: {event}")),
                );
            });
            spawn_local(async {
                let _ = task.await;
            });
            // Drops both halves of the connection: the task with the receiver, and the sender.
            move || {
                listening.abort();
                left.set(None);
            }
        }
    });

    let say = Callback::from({
        let (name, sender, problem) = (name.clone(), sender.clone(), problem.setter());
        move |event: SubmitEvent| {
            event.prevent_default();
            let Some(sender) = (*sender).clone() else { return };
            let said = Said { name: name.to_string(), text: field(&event, "text") };
            let (form, problem) = (event.target_unchecked_into::<HtmlFormElement>(), problem.clone());
            // While the task waits, it keeps the connection open, even without the component. A line waits only for a moment.
            spawn_local(async move {
                match sender.typed::<Said, Json>().send(said).await {
                    Ok(()) => form.reset(),
                    Err(unsent) => problem.set(unsent.to_string()), // the text stays in its field
                }
            });
        }
    });
    let line =
        |(number, Said { name, text }): (usize, &Said)| html! { <li key={number}><b>{ name }</b>{ " " }{ text }</li> };
    html! {
        <section>
            <header>
                <h2>{ room }</h2>
                <button id="leave" onclick={leave}>{ "Leave" }</button>
            </header>
            <div role="log" tabindex="0" aria-label="Messages">
                <ol id="log">{ for log.0.iter().enumerate().map(line) }</ol>
            </div>
            <p role="alert" hidden={problem.is_empty()}>{ &*problem }</p>
            <form onsubmit={say}>
                <input name="text" aria-label="Message" required=true autocomplete="off" />
                <button disabled={sender.is_none()}>{ "Say" }</button>
            </form>
        </section>
    }
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

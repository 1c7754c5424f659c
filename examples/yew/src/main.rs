//! A chat with Yew. The connection is the component's: it is closed when that goes away.

use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::future::abortable;
use serde::{Deserialize, Serialize};
use wasm_bindgen_futures::spawn_local;
use wasm_websocket::codec::Json;
use wasm_websocket::{CloseEvent, Error, Sender, WebSocketStream};
use web_sys::{FormData, HtmlFormElement};
use yew::prelude::*;

/// What somebody says; on the wire `{"name":"Ann","text":"hello"}`.
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

/// What is in a field of a form that is submitted.
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
    // There while the connection is open.
    let sender = use_state(|| None::<Sender>);

    use_effect_with(room.clone(), {
        let (sender, log, problem) = (sender.setter(), log.dispatcher(), problem.setter());
        move |room| {
            let url = format!("/chat/{room}");
            let left = sender.clone();
            let (task, listening) = abortable(async move {
                let ended = listen(&url, &sender, &log, &problem).await;
                sender.set(None);
                problem.set(
                    ended.map_or_else(|error| error.to_string(), |event| format!("the connection has ended: {event}")),
                );
            });
            spawn_local(async {
                let _ = task.await;
            });
            // The task goes away with its half of the connection, and the other half, too.
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

/// Shows what is said in the room until the connection ends.
async fn listen(
    url: &str,
    sender: &UseStateSetter<Option<Sender>>,
    log: &UseReducerDispatcher<Log>,
    problem: &UseStateSetter<String>,
) -> Result<CloseEvent, Error> {
    let (ours, receiver) = WebSocketStream::connect(url).await?.split();
    sender.set(Some(ours));
    let mut heard = receiver.typed::<Said, Json>();
    while let Some(said) = heard.next().await {
        match said {
            Ok(said) => log.dispatch(said),
            Err(error) => problem.set(error.to_string()), // one bad message does not end a chat
        }
    }
    heard.get_ref().closed().await
}

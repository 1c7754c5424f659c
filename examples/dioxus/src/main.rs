//! A chat with Dioxus. The component owns a coroutine, which owns the connection: removing the component closes the connection.

use dioxus::prelude::*;
use futures_util::{StreamExt, select};
use serde::{Deserialize, Serialize};
use wasm_websocket::codec::Json;
use wasm_websocket::{CloseEvent, Error, SendError, WebSocketStream};

/// A line of the chat; on the wire `{"name":"Ann","text":"hello"}`.
#[derive(Clone, Serialize, Deserialize)]
struct Said {
    name: String,
    text: String,
}

fn main() {
    dioxus::launch(App);
}

#[component]
fn App() -> Element {
    let mut name = use_signal(String::new);
    let mut room = use_signal(|| "lobby".to_owned());
    let mut is_in = use_signal(|| false);
    let join = move |event: FormEvent| {
        event.prevent_default();
        is_in.set(true);
    };
    rsx! {
        main {
            h1 { "Chat with Dioxus" }
            if is_in() {
                Room { name: name(), room: room(), leave: move || is_in.set(false) }
            } else {
                form { onsubmit: join,
                    label { "Your name "
                        input { name: "name", required: true, autocomplete: "off",
                            value: name, oninput: move |event| name.set(event.value()) }
                    }
                    label { "Room "
                        input { name: "room", required: true, pattern: r"[\w\-]+", autocomplete: "off",
                            value: room, oninput: move |event| room.set(event.value()) }
                    }
                    button { "Join" }
                }
            }
        }
    }
}

/// The state that a room shows.
#[derive(Clone, Copy)]
struct View {
    log: Signal<Vec<Said>>,
    problem: Signal<String>,
    /// The text in the field.
    text: Signal<String>,
    is_open: Signal<bool>,
}

impl View {
    fn show(&mut self, news: News) {
        match news {
            News::Open => self.is_open.set(true),
            News::Heard(said) => self.log.push(said),
            News::Problem(error) => self.problem.set(error.to_string()),
            News::Unsent(unsent) => {
                self.text.set(unsent.message.text); // back into its field
                self.problem.set(unsent.error.to_string());
            }
        }
    }
}

#[component]
fn Room(name: String, room: String, leave: Callback) -> Element {
    let mut view = View {
        log: use_signal(Vec::new),
        problem: use_signal(String::new),
        text: use_signal(String::new),
        is_open: use_signal(|| false),
    };
    let url = format!("/chat/{room}");
    let chat = use_coroutine(move |to_say| {
        let url = url.clone();
        async move {
            let ended = talk(&url, to_say, |news| view.show(news)).await;
            view.is_open.set(false);
            view.problem.set(
                ended.map_or_else(|error| error.to_string(), |event| format!("the connection has ended: {event}")),
            );
        }
    });
    let say = move |event: FormEvent| {
        event.prevent_default();
        chat.send(Said { name: name.clone(), text: view.text.take() });
    };
    rsx! {
        section {
            header {
                h2 { "{room}" }
                button { id: "leave", onclick: move |_| leave(()), "Leave" }
            }
            div { role: "log", tabindex: 0, "aria-label": "Messages",
                ol { id: "log",
                    for (number, said) in view.log.read().iter().enumerate() {
                        li { key: "{number}", b { "{said.name}" } " {said.text}" }
                    }
                }
            }
            p { role: "alert", hidden: view.problem.read().is_empty(), "{view.problem}" }
            form { onsubmit: say,
                input { name: "text", "aria-label": "Message", required: true, autocomplete: "off",
                    value: view.text, oninput: move |event| view.text.set(event.value()) }
                button { disabled: !(view.is_open)(), "Say" }
            }
        }
    }
}

/// An event of a room.
enum News {
    Open,
    Heard(Said),
    /// One bad message does not end a chat.
    Problem(Error),
    Unsent(SendError<Said>),
}

/// Sends the user's lines and receives the lines of the room, until the connection ends.
async fn talk(url: &str, mut to_say: UnboundedReceiver<Said>, mut tell: impl FnMut(News)) -> Result<CloseEvent, Error> {
    let mut chat = WebSocketStream::connect(url).await?.typed::<Said, Said, Json>();
    tell(News::Open);
    loop {
        select! {
            said = to_say.select_next_some() => if let Err(unsent) = chat.send(said).await {
                tell(News::Unsent(unsent));
            },
            heard = chat.next() => match heard {
                Some(Ok(said)) => tell(News::Heard(said)),
                Some(Err(bad)) => tell(News::Problem(bad.error)),
                None => return chat.closed().await,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::join;
    use wasm_websocket::testing::Page;

    use super::*;

    #[test]
    fn what_is_said_is_sent_and_what_others_say_is_heard() {
        let (page, mut heard) = (Page::new(), Vec::new());
        let server = page.server("ws://127.0.0.1/chat/lobby");
        let (say, to_say) = futures_channel::mpsc::unbounded();
        say.unbounded_send(Said { name: "Ann".into(), text: "hello".into() }).unwrap();
        let serve = async {
            let mut peer = server.accept().await;
            assert_eq!(peer.receive().await, Some(r#"{"name":"Ann","text":"hello"}"#.into()));
            peer.send("nonsense");
            peer.send(r#"{"name":"Bob","text":"good night"}"#);
            peer.close_with(1001, "the server restarts");
        };
        let tell = |news| match news {
            News::Heard(said) => heard.push(said.text),
            News::Problem(_) => heard.push("a problem".into()),
            News::Open | News::Unsent(_) => {}
        };
        let (ended, ()) = page.run(async { join!(talk("/chat/lobby", to_say, tell), serve) });
        assert_eq!(heard, ["a problem", "good night"]);
        assert_eq!(ended.unwrap().code, 1001);
    }
}

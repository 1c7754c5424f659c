use futures_util::TryStreamExt;
use leptos::prelude::*; // Leptos 0.8
use leptos::task::spawn_local_scoped_with_cancellation;
use send_wrapper::SendWrapper;
use wasm_websocket::{Error, Sender, WebSocketStream};

#[component]
pub fn Feed() -> impl IntoView {
    let news = RwSignal::new(Vec::<String>::new()); // plain data: an ordinary signal
    let problem = RwSignal::new(None::<Error>); // `Error` is `Send`, too
    let sender = RwSignal::new(None::<SendWrapper<Sender>>); // `None` on the server
    Effect::new(move || {
        spawn_local_scoped_with_cancellation(async move {
            let follow = async {
                let (ours, mut receiver) = WebSocketStream::connect("/feed").await?.split();
                sender.set(Some(SendWrapper::new(ours)));
                while let Some(message) = receiver.try_next().await? {
                    news.update(|news| news.extend(message.as_text().map(String::from)));
                }
                Ok(())
            };
            problem.set(follow.await.err());
            sender.set(None);
        });
    });
    let say = move |_| {
        let Some(sender) = sender.get_untracked() else { return };
        problem.set(sender.try_send("hello").err().map(Error::from));
    };
    view! {
        <ul>{move || news.get().into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
        <p>{move || problem.get().map(|error| error.to_string())}</p>
        <button disabled=move || sender.read().is_none() on:click=say>"Say hello"</button>
    }
}

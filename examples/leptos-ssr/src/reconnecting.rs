use futures_util::StreamExt;
use futures_util::future::join;
use leptos::prelude::*;
use leptos::task::spawn_local_scoped_with_cancellation;
use send_wrapper::SendWrapper;
use wasm_websocket::reconnect::{ReconnectingSender, State};
use wasm_websocket::{Error, ReconnectOptions, Reconnecting};

#[component]
pub fn Feed() -> impl IntoView {
    let news = RwSignal::new(Vec::<String>::new());
    let problem = RwSignal::new(None::<Error>);
    let state = RwSignal::new(None::<State>);
    let sender = RwSignal::new(None::<SendWrapper<ReconnectingSender>>);
    // The example:
    Effect::new(move || {
        on_cleanup(move || drop((sender.try_set(None), state.try_set(None)))); // if a context holds these signals
        spawn_local_scoped_with_cancellation(async move {
            let mut feed = Reconnecting::new(ReconnectOptions::new(), async || Ok("/feed"));
            sender.set(Some(SendWrapper::new(feed.sender()))); // an `RwSignal::new(None::<SendWrapper<ReconnectingSender>>)`
            let mut states = feed.states();
            let watch = async {
                while let Some(now) = states.next().await {
                    if !matches!(now, State::InDoubt { .. } | State::Rejected { .. }) {
                        state.set(Some(now)); // an `RwSignal::new(None::<State>)`; the others are reports
                    }
                }
            };
            let receive = async {
                while let Some(received) = feed.next().await {
                    match received {
                        Ok(message) => news.update(|news| news.extend(message.as_text().map(String::from))),
                        Err(error) => problem.set(Some(error)), // the last item: why it gave up
                    }
                }
            };
            join(watch, receive).await; // both end when it is closed for good
        });
    });
    // Its end.
    view! {
        <ul>{move || news.get().into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
        <p>{move || problem.get().map(|error| error.to_string())}</p>
        <p>{move || state.get().map(|state| state.to_string())}</p>
        <button disabled=move || sender.read().is_none()>"Say hello"</button>
    }
}

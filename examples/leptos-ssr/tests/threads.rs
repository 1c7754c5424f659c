//! Renders views in one thread and drops them in another, as a server does.

use std::thread;

use leptos::prelude::*;
use leptos_ssr::{feed, reconnecting};

fn is_rendered_and_dropped_in_any_threads<V: IntoView + Send + 'static>(page: fn() -> V) {
    let owner = Owner::new();
    let view = owner.with(page);
    let render = move || (owner.with(|| view.to_html()), owner);
    let (html, owner) = thread::spawn(render).join().unwrap();
    assert!(html.contains("Say hello</button>"), "{html}");
    thread::spawn(move || drop(owner)).join().unwrap();

    let owner = Owner::new();
    drop(owner.with(|| page().to_html()));
    thread::spawn(move || drop(owner)).join().unwrap();
}

#[test]
fn a_feed_is_rendered_and_dropped_in_any_threads() {
    is_rendered_and_dropped_in_any_threads(|| view! { <feed::Feed /> });
}

#[test]
fn a_feed_that_reconnects_is_rendered_and_dropped_in_any_threads() {
    is_rendered_and_dropped_in_any_threads(|| view! { <reconnecting::Feed /> });
}

#[test]
fn a_local_resource_is_dropped_in_any_thread() {
    let owner = Owner::new();
    let first = owner.with(|| LocalResource::new(async || "news".to_owned()));
    thread::spawn(move || drop(owner)).join().unwrap();
    assert!(first.is_disposed());
}

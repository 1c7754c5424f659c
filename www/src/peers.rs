//! The peers that the server offers, to choose a URL from.

use std::rc::Rc;

use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{HtmlInputElement, HtmlOptionElement, Response};

use crate::demo::Demo;
use crate::log::Kind;
use crate::page::{self, element, selected};

/// What the server says of one of its paths.
#[derive(Deserialize)]
struct Peer {
    path: String,
    does: String,
}

/// The URL of a path of the server that the page comes from.
pub fn url(path: &str) -> String {
    let location = gloo_utils::window().location();
    let is_secure = location.protocol().is_ok_and(|protocol| protocol == "https:");
    let scheme = if is_secure { "wss" } else { "ws" };
    format!("{scheme}://{}{path}", location.host().unwrap_or_default())
}

/// Offers what peers the server has, and puts the URL of the chosen one in its field.
pub fn offer(demo: &Rc<Demo>) {
    page::on_change("peer", || element::<HtmlInputElement>("url").set_value(&selected("peer")));
    let demo = demo.clone();
    spawn_local(async move {
        if list().await.is_err() {
            demo.log.add(Kind::Problem, None, "the server that this page comes from does not say what peers it has");
        }
    });
}

async fn list() -> Result<(), JsValue> {
    let response = JsFuture::from(gloo_utils::window().fetch_with_str("peers")).await?;
    let json = JsFuture::from(response.unchecked_into::<Response>().json()?).await?;
    let peers: Vec<Peer> = serde_wasm_bindgen::from_value(json)?;
    let list = element::<web_sys::Element>("peer");
    for peer in peers {
        let option = HtmlOptionElement::new_with_text_and_value(&peer.does, &url(&peer.path))?;
        list.append_child(&option)?;
    }
    Ok(())
}

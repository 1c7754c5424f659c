//! The peers that the server offers, to choose a URL from.

use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Event, HtmlInputElement, HtmlOptionElement, HtmlSelectElement, Response};

use crate::page;

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

/// Puts the chosen peer's URL in its field.
pub fn choose() {
    let select = page::element::<HtmlSelectElement>("peer");
    page::on(&select.clone(), "change", move |_: Event| {
        page::element::<HtmlInputElement>("url").set_value(&select.value());
    });
}

/// Asks the server for its peers and offers them.
pub async fn offer() -> Result<(), JsValue> {
    let response = JsFuture::from(gloo_utils::window().fetch_with_str("peers")).await?;
    let json = JsFuture::from(response.unchecked_into::<Response>().json()?).await?;
    let peers: Vec<Peer> = serde_wasm_bindgen::from_value(json)?;
    let list = page::element::<HtmlSelectElement>("peer");
    for peer in peers {
        let option = HtmlOptionElement::new_with_text_and_value(&peer.does, &url(&peer.path))?;
        list.append_child(&option)?;
    }
    Ok(())
}

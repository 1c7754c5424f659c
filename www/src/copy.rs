//! Buttons that copy the code beside them.

use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, Event};

use crate::frame::sleep;
use crate::page::{document, on, set, show_in};

/// How long a button shows that it has copied, in milliseconds.
const SHOWN: i32 = 2_000;

/// Connects all buttons of the class `copy`.
pub fn start() {
    on(&document(), "click", |event: Event| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if let Some(button) = target.filter(|target| target.class_list().contains("copy")) {
            spawn_local(copy(button));
        }
    });
}

async fn copy(button: Element) {
    let code = button.parent_element().and_then(|parent| parent.query_selector("code").ok().flatten());
    let text = code.and_then(|code| code.text_content()).unwrap_or_default();
    let clipboard = gloo_utils::window().navigator().clipboard();
    // Browsers have a clipboard only on pages from this machine or over TLS.
    let is_copied = !clipboard.is_undefined() && JsFuture::from(clipboard.write_text(&text)).await.is_ok();
    label(&button, if is_copied { "Copied" } else { "Not copied" });
    sleep(SHOWN).await;
    label(&button, "Copy");
}

/// Changes the text of a button. The accessible name begins with it, followed by what is copied.
fn label(button: &Element, text: &str) {
    let name = button.get_attribute("aria-label").unwrap_or_default();
    let what = name.split_once(": ").map_or(&*name, |(_, what)| what);
    set(button, "aria-label", &format!("{text}: {what}"));
    show_in(button, text);
}

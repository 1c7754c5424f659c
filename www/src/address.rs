//! The address of the page, which contains the target of its connection: after a refresh, in a bookmark, in a shared link.

use wasm_bindgen::JsValue;
use web_sys::Url;

const URL: &str = "url";
const PROTOCOLS: &str = "protocols";

/// A URL and the subprotocols to offer there, separated by commas.
#[derive(Clone, PartialEq)]
pub struct Target {
    pub url: String,
    pub protocols: String,
}

/// Returns the target that the page's address names, if it names one.
pub fn target() -> Option<Target> {
    let parameters = page()?.search_params();
    let url = parameters.get(URL)?;
    Some(Target { url, protocols: parameters.get(PROTOCOLS).unwrap_or_default() })
}

/// Writes a target into the page's address; `None` removes it.
pub fn keep(target: Option<&Target>) {
    let Some(page) = page() else { return };
    let parameters = page.search_params();
    for (name, value) in [(URL, target.map(|target| &target.url)), (PROTOCOLS, target.map(|target| &target.protocols))]
    {
        match value.filter(|value| !value.is_empty()) {
            Some(value) => parameters.set(name, value),
            None => parameters.delete(name),
        }
    }
    // In some frames a page cannot change its address. The page works without that.
    let history = gloo_utils::window().history();
    let _ = history.and_then(|history| history.replace_state_with_url(&JsValue::NULL, "", Some(&page.href())));
}

fn page() -> Option<Url> {
    Url::new(&gloo_utils::window().location().href().ok()?).ok()
}

//! The address of the page, which keeps where the page is connected: over a refresh, in a bookmark, in a link to others.

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

/// Has the page's address name a target; or none.
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
    // Where the page's address cannot be changed, as in some frames, the page works without.
    let history = gloo_utils::window().history();
    let _ = history.and_then(|history| history.replace_state_with_url(&JsValue::NULL, "", Some(&page.href())));
}

fn page() -> Option<Url> {
    Url::new(&gloo_utils::window().location().href().ok()?).ok()
}

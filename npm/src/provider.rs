//! The caller's provider in JavaScript, which returns the target for each attempt.

use js_sys::Promise;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_websocket::reconnect::{AttemptError, Target};

use crate::object::Plain;
use crate::options;

#[wasm_bindgen(typescript_custom_section)]
const TYPESCRIPT: &str = r#"
export interface Provider {
  /** Rejects with a `Failure`. */
  target(signal: AbortSignal): Promise<{ url: string; protocols?: string[] | undefined }>;
}
export type Failure = { message: string; isLast: boolean };
"#;

#[wasm_bindgen]
extern "C" {
    /// The function of `Provider`, made by `hooks.ts` from the caller's function. It never throws: errors come from its promise.
    #[wasm_bindgen(typescript_type = "Provider")]
    #[derive(Clone)]
    pub type Provider;

    #[wasm_bindgen(method, structural)]
    fn target(this: &Provider, signal: JsValue) -> Promise;

    type AbortController;

    #[wasm_bindgen(constructor)]
    fn new() -> AbortController;

    #[wasm_bindgen(method, getter)]
    fn signal(this: &AbortController) -> JsValue;

    #[wasm_bindgen(method)]
    fn abort(this: &AbortController);
}

impl Provider {
    pub(crate) async fn find_target(&self) -> Result<Target, AttemptError> {
        let found = settled(|signal| self.target(signal)).await?;
        let found: Plain = found.unchecked_into();
        let target = Target::new(found.text("url").unwrap_or_default());
        Ok(match options::texts(&found.get("protocols")) {
            Some(protocols) => target.protocols(protocols),
            None => target,
        })
    }
}

/// Waits for a promise of the caller. Aborts the signal that the caller received if the attempt is given up meanwhile.
pub(crate) async fn settled(begin: impl FnOnce(JsValue) -> Promise) -> Result<JsValue, AttemptError> {
    let mut given_up = GivenUp(Some(AbortController::new()));
    let signal = given_up.0.as_ref().map(AbortController::signal).unwrap_or_default();
    let settled = JsFuture::from(begin(signal)).await;
    given_up.0 = None;
    settled.map_err(|failure| {
        let failure: Plain = failure.unchecked_into();
        let message = failure.text("message").unwrap_or_default();
        if failure.get("isLast").is_truthy() { AttemptError::last(message) } else { message.into() }
    })
}

struct GivenUp(Option<AbortController>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some(controller) = &self.0 {
            controller.abort();
        }
    }
}

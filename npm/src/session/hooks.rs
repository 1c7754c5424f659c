//! The caller's functions in JavaScript: the provider and the credentials.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_websocket::reconnect::AttemptError;

use crate::provider::{Provider, settled};

#[wasm_bindgen(typescript_custom_section)]
const TYPESCRIPT: &str = r#"
export interface SessionHooks extends Provider {
  /** Whether there are `credentials`. */
  readonly hasCredentials: boolean;
  /** Rejects with a `Failure`. */
  credentials(signal: AbortSignal): Promise<string>;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// The functions of `SessionHooks`, made by `session-stream.ts` from the caller's options. They never throw: errors come from
    /// their promises.
    #[wasm_bindgen(extends = Provider, typescript_type = "SessionHooks")]
    #[derive(Clone)]
    pub type SessionHooks;

    #[wasm_bindgen(method, structural, getter, js_name = hasCredentials)]
    pub(crate) fn has_credentials(this: &SessionHooks) -> bool;

    #[wasm_bindgen(method, structural)]
    fn credentials(this: &SessionHooks, signal: JsValue) -> Promise;
}

impl SessionHooks {
    pub(crate) async fn find_credentials(&self) -> Result<String, AttemptError> {
        let found = settled(|signal| self.credentials(signal)).await?;
        Ok(found.as_string().unwrap_or_default())
    }
}

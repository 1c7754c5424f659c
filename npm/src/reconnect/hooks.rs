//! The caller's functions in JavaScript: the preamble of each connection, and the decision after a close.

use std::time::Duration;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_websocket::CloseEvent;
use wasm_websocket::reconnect::{AfterClose, Attempt, AttemptError};

use super::doubt;
use super::opening::Opening;
use crate::event;
use crate::provider::{Provider, settled};
use crate::state::cause_to_js;

#[wasm_bindgen(typescript_custom_section)]
const TYPESCRIPT: &str = r#"
export interface Hooks extends Provider {
  /** Whether `open` needs the messages in doubt. */
  readonly isOpener: boolean;
  /** Rejects with a `Failure`. */
  open(opening: Opening, attempt: number, cause: object, inDoubt: Doubt | undefined, signal: AbortSignal): Promise<void>;
  /** Returns the milliseconds to wait in addition to the backoff; 0 to retry; a negative number to stop; `undefined` for the default. */
  afterClose(event: CloseEvent): number | undefined;
  isPong(data: Data): boolean;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// The functions of `Hooks`, made by `hooks.ts` from the caller's options. They never throw: errors come from their promises.
    #[wasm_bindgen(extends = Provider, typescript_type = "Hooks")]
    #[derive(Clone)]
    pub type Hooks;

    #[wasm_bindgen(method, structural)]
    fn open(
        this: &Hooks,
        opening: Opening,
        attempt: u32,
        cause: JsValue,
        in_doubt: JsValue,
        signal: JsValue,
    ) -> Promise;

    #[wasm_bindgen(method, structural, getter, js_name = isOpener)]
    fn is_opener(this: &Hooks) -> bool;

    #[wasm_bindgen(method, structural, js_name = afterClose)]
    fn after_close_js(this: &Hooks, event: JsValue) -> Option<f64>;

    #[wasm_bindgen(method, structural, js_name = isPong)]
    pub(crate) fn is_pong(this: &Hooks, data: JsValue) -> bool;
}

impl Hooks {
    pub(crate) async fn opened(&self, opening: Opening, attempt: &Attempt) -> Result<(), AttemptError> {
        let in_doubt = match self.is_opener() {
            true => doubt::to_js(&attempt.in_doubt()),
            false => JsValue::UNDEFINED,
        };
        let cause = cause_to_js(attempt.cause().clone());
        settled(|signal| self.open(opening, attempt.number(), cause, in_doubt, signal)).await.map(drop)
    }

    pub(crate) fn after_close(&self, event: &CloseEvent) -> AfterClose {
        match self.after_close_js(event::to_js(event.clone())) {
            None => AfterClose::of(event),
            Some(0.0) => AfterClose::Retry,
            Some(delay) if delay < 0.0 => AfterClose::Stop,
            Some(delay) => AfterClose::RetryAfter(Duration::from_millis(delay as u64)),
        }
    }
}

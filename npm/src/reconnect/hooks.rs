//! What the caller decides, in JavaScript: where to connect to, what follows a close, and what runs on each connection.

use std::time::Duration;

use js_sys::Promise;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_websocket::CloseEvent;
use wasm_websocket::reconnect::{AfterClose, Attempt, AttemptError, Target};

use super::message;
use super::opening::Opening;
use super::state::cause_to_js;
use crate::object::Plain;
use crate::{event, options};

#[wasm_bindgen(typescript_custom_section)]
const TYPESCRIPT: &str = r#"
export type Data = string | ArrayBuffer | Blob;
export type Doubt = { count: number; messages: [number: number, data: Data][] };
export interface Hooks {
  /** Rejects with a `Failure`. */
  target(signal: AbortSignal): Promise<{ url: string; protocols?: string[] | undefined }>;
  /** Whether `open` wants to know of the messages in doubt. */
  readonly isOpener: boolean;
  /** Rejects with a `Failure`. */
  open(opening: Opening, attempt: number, cause: object, inDoubt: Doubt | undefined, signal: AbortSignal): Promise<void>;
  /** Milliseconds to wait in addition to the backoff; negative to stop; nothing for the default. */
  afterClose(event: CloseEvent): number | undefined;
  isPong(data: Data): boolean;
}
export type Failure = { message: string; isLast: boolean };
"#;

#[wasm_bindgen]
extern "C" {
    /// The functions of `Hooks`, which `reconnecting.ts` makes of the caller's options. Only promises of theirs fail.
    #[wasm_bindgen(typescript_type = "Hooks")]
    #[derive(Clone)]
    pub type Hooks;

    #[wasm_bindgen(method, structural)]
    fn target(this: &Hooks, signal: JsValue) -> Promise;

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

    type AbortController;

    #[wasm_bindgen(constructor)]
    fn new() -> AbortController;

    #[wasm_bindgen(method, getter)]
    fn signal(this: &AbortController) -> JsValue;

    #[wasm_bindgen(method)]
    fn abort(this: &AbortController);
}

impl Hooks {
    pub(crate) async fn find_target(&self) -> Result<Target, AttemptError> {
        let found = settled(|signal| self.target(signal)).await?;
        let found: Plain = found.unchecked_into();
        let target = Target::new(found.text("url").unwrap_or_default());
        Ok(match options::texts(&found.get("protocols")) {
            Some(protocols) => target.protocols(protocols),
            None => target,
        })
    }

    pub(crate) async fn opened(&self, opening: Opening, attempt: &Attempt) -> Result<(), AttemptError> {
        let in_doubt = match self.is_opener() {
            true => message::in_doubt_to_js(&attempt.in_doubt()),
            false => JsValue::UNDEFINED,
        };
        let cause = cause_to_js(attempt.cause().clone());
        settled(|signal| self.open(opening, attempt.number(), cause, in_doubt, signal)).await.map(drop)
    }

    pub(crate) fn after_close(&self, event: &CloseEvent) -> AfterClose {
        match self.after_close_js(event::to_js(event.clone())) {
            None => AfterClose::of(event),
            Some(delay) if delay < 0.0 => AfterClose::Stop,
            Some(delay) => AfterClose::RetryAfter(Duration::from_millis(delay as u64)),
        }
    }
}

/// Waits for a promise of the caller's, whose signal is aborted if the attempt is given up meanwhile.
async fn settled(begin: impl FnOnce(JsValue) -> Promise) -> Result<JsValue, AttemptError> {
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

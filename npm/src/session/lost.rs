//! The error of a lost session, for JavaScript.

use js_sys::Array;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_websocket::session::{Lost, LostCause};

use crate::object::Plain;
use crate::{error, message, state};

#[wasm_bindgen(typescript_custom_section)]
const TYPESCRIPT: &str = "
export interface Lost extends Error {
  readonly cause: object;
  readonly unacknowledged: [data: Data, transmitted: boolean][];
}
";

/// Converts to an error with the fields of a `SessionLostError` of `session-lost.ts`.
pub(crate) fn to_js(lost: Lost) -> JsValue {
    let error: Plain = error::coded("sessionLost", &lost.to_string()).unchecked_into();
    let unacknowledged: Array = lost
        .unacknowledged
        .iter()
        .map(|lost| Array::of2(&message::to_js(&lost.message), &lost.transmitted.into()))
        .collect();
    error.set("cause", cause_to_js(lost.cause).into());
    error.set("unacknowledged", unacknowledged.into());
    error.into()
}

fn cause_to_js(cause: LostCause) -> Plain {
    match cause {
        LostCause::Forgotten => state::told("forgotten"),
        LostCause::Superseded => state::told("superseded"),
        LostCause::Refused(code) => {
            let told = state::told("refused");
            told.set("code", code.into());
            told
        }
        LostCause::Violation(rule) => {
            let told = state::told("violation");
            told.set("rule", rule.into());
            told
        }
        LostCause::TooLarge { len, max } => {
            let told = state::told("tooLarge");
            told.set("bytes", (len as f64).into());
            told.set("max", (max as f64).into());
            told
        }
        LostCause::Mismatch => state::told("mismatch"),
        LostCause::Stopped(cause) => state::with_cause(state::told("stopped"), cause),
        _ => state::told("givenUp"),
    }
}

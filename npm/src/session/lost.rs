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

/// Converts a loss to an error with the fields of a `SessionLostError` of `session-lost.ts`.
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
        LostCause::Forgotten => state::of_type("forgotten"),
        LostCause::Superseded => state::of_type("superseded"),
        LostCause::Refused(code) => {
            let object = state::of_type("refused");
            object.set("code", code.into());
            object
        }
        LostCause::Violation(rule) => {
            let object = state::of_type("violation");
            object.set("rule", rule.into());
            object
        }
        LostCause::TooLarge { len, max } => {
            let object = state::of_type("tooLarge");
            object.set("bytes", (len as f64).into());
            object.set("max", (max as f64).into());
            object
        }
        LostCause::Mismatch => state::of_type("mismatch"),
        LostCause::Stopped(cause) => state::with_cause(state::of_type("stopped"), cause),
        _ => state::of_type("givenUp"),
    }
}

//! States, for JavaScript.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;

use futures_core::Stream;
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_websocket::reconnect::{Cause, State, States};

use crate::object::Plain;
use crate::promise::promise;
use crate::{error, event};

/// The queue of the current state and all later ones.
#[wasm_bindgen]
pub struct StateQueue(Rc<RefCell<States>>);

impl StateQueue {
    pub(crate) fn new(states: States) -> Self {
        Self(Rc::new(RefCell::new(states)))
    }
}

#[wasm_bindgen]
impl StateQueue {
    /// Resolves with the next state; with `undefined` after the last one, or when the connection was freed.
    #[wasm_bindgen(unchecked_return_type = "Promise<object | undefined>")]
    pub fn next(&self) -> Promise {
        let states = Rc::clone(&self.0);
        promise(async move {
            let state = poll_fn(|context| Pin::new(&mut *states.borrow_mut()).poll_next(context)).await;
            Ok(state.map(to_js).unwrap_or_default())
        })
    }
}

/// Converts to a `State` or `Report` of `state.ts`, whose errors are those that the core throws.
pub(crate) fn to_js(state: State) -> JsValue {
    match state {
        State::Connecting { attempt, cause } => {
            let told = told("connecting");
            told.set("attempt", attempt.into());
            with_cause(told, cause)
        }
        State::Open => told("open"),
        State::InDoubt { messages } => {
            let told = told("inDoubt");
            told.set("messages", (messages as f64).into());
            told
        }
        State::Rejected { number, error } => {
            let told = told("rejected");
            told.set("number", (number as f64).into());
            told.set("error", error::to_js(error));
            told
        }
        State::Waiting { delay, cause } => {
            let told = told("waiting");
            told.set("delay", (delay.as_millis() as f64).into());
            with_cause(told, cause)
        }
        State::Paused => told("paused"),
        State::Closed { cause } => with_cause(told("closed"), cause),
        _ => told("closing"),
    }
    .into()
}

pub(crate) fn cause_to_js(cause: Cause) -> JsValue {
    match cause {
        Cause::Closed(closed) => {
            let told = told("closed");
            told.set("event", event::to_js(closed));
            told
        }
        Cause::Failed(failed) => {
            let told = told("failed");
            told.set("error", error::to_js(failed));
            told
        }
        _ => told("requested"),
    }
    .into()
}

pub(crate) fn with_cause(told: Plain, cause: Cause) -> Plain {
    told.set("cause", cause_to_js(cause));
    told
}

/// Creates an object whose `type` has this name.
pub(crate) fn told(kind: &str) -> Plain {
    let plain = Plain::new();
    plain.set("type", kind.into());
    plain
}

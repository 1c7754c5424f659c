//! States, for JavaScript.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;

use futures_core::Stream;
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_websocket::reconnect::{Cause, State, States};

use crate::object::Plain;
use crate::pending::Pending;
use crate::{error, event};

/// The queue of the current state and all later ones.
#[wasm_bindgen]
pub struct StateQueue {
    states: Rc<RefCell<States>>,
    /// The last call of `next`.
    next: Cell<Option<Pending>>,
}

impl StateQueue {
    pub(crate) fn new(states: States) -> Self {
        Self { states: Rc::new(RefCell::new(states)), next: Cell::default() }
    }
}

#[wasm_bindgen]
impl StateQueue {
    /// Resolves with the next state; with `undefined` after the last one, or when the connection or this queue was freed, or `next`
    /// was called again.
    #[wasm_bindgen(unchecked_return_type = "Promise<object | undefined>")]
    pub fn next(&self) -> Promise {
        let states = Rc::clone(&self.states);
        let next = Pending::new(async move {
            let state = poll_fn(|context| Pin::new(&mut *states.borrow_mut()).poll_next(context)).await;
            Ok(state.map(to_js).unwrap_or_default())
        });
        let settled = next.settled();
        self.next.set(Some(next));
        settled
    }
}

/// Converts a state to a `State` or `Report` of `state.ts`. An error in it is one that the core throws.
pub(crate) fn to_js(state: State) -> JsValue {
    match state {
        State::Connecting { attempt, cause } => {
            let object = of_type("connecting");
            object.set("attempt", attempt.into());
            with_cause(object, cause)
        }
        State::Open => of_type("open"),
        State::InDoubt { messages } => {
            let object = of_type("inDoubt");
            object.set("messages", (messages as f64).into());
            object
        }
        State::Rejected { number, error } => {
            let object = of_type("rejected");
            object.set("number", (number as f64).into());
            object.set("error", error::to_js(error));
            object
        }
        State::Waiting { delay, cause } => {
            let object = of_type("waiting");
            object.set("delay", (delay.as_millis() as f64).into());
            with_cause(object, cause)
        }
        State::Paused => of_type("paused"),
        State::Closed { cause } => with_cause(of_type("closed"), cause),
        _ => of_type("closing"),
    }
    .into()
}

pub(crate) fn cause_to_js(cause: Cause) -> JsValue {
    match cause {
        Cause::Closed(closed) => {
            let object = of_type("closed");
            object.set("event", event::to_js(closed));
            object
        }
        Cause::Failed(failed) => {
            let object = of_type("failed");
            object.set("error", error::to_js(failed));
            object
        }
        _ => of_type("requested"),
    }
    .into()
}

pub(crate) fn with_cause(object: Plain, cause: Cause) -> Plain {
    object.set("cause", cause_to_js(cause));
    object
}

/// Creates an object whose `type` has this name.
pub(crate) fn of_type(kind: &str) -> Plain {
    let plain = Plain::new();
    plain.set("type", kind.into());
    plain
}

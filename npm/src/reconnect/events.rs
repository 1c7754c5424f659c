//! Messages and states in one queue, in the order in which a browser's socket fires its events.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::Stream;
use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use wasm_websocket::reconnect::{State, States};
use wasm_websocket::{Message, Reconnecting};

use crate::promise::promise;
use crate::{message, state};

/// The queue of messages and states, in the order of a browser's events.
#[wasm_bindgen]
pub struct EventQueue(Rc<RefCell<Events>>);

struct Events {
    reconnecting: Rc<RefCell<Reconnecting>>,
    states: States,
    /// A state that follows messages which may still be queued.
    held: Option<State>,
    /// Whether a turn has passed without a message since the state was held.
    is_waited: bool,
}

enum Event {
    Message(Message),
    State(State),
    /// The reader must yield to the event loop first.
    Pause,
    End,
}

impl EventQueue {
    pub(crate) fn new(reconnecting: Rc<RefCell<Reconnecting>>, states: States) -> Self {
        Self(Rc::new(RefCell::new(Events { reconnecting, states, held: None, is_waited: false })))
    }
}

#[wasm_bindgen]
impl EventQueue {
    /// Resolves with `[data]`, with `[undefined, state]`, with `undefined` after the last state, or with `[]`: then call it again in
    /// the next turn of the event loop. Call it again only after it has settled.
    #[wasm_bindgen(unchecked_return_type = "Promise<[] | [data: Data] | [data: undefined, state: object] | undefined>")]
    pub fn next(&self) -> Promise {
        let events = Rc::clone(&self.0);
        promise(async move {
            Ok(match poll_fn(|context| events.borrow_mut().poll(context)).await {
                Event::Message(received) => Array::of1(&message::to_js(&received)).into(),
                Event::State(state) => Array::of2(&JsValue::UNDEFINED, &state::to_js(state)).into(),
                Event::Pause => Array::new().into(),
                Event::End => JsValue::UNDEFINED,
            })
        })
    }
}

impl Events {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        if self.held.is_none() {
            match Pin::new(&mut self.states).poll_next(context) {
                // `open` comes before the messages of its connection. Every other state comes after the messages of the last
                // connection.
                Poll::Ready(Some(State::Open)) => return Poll::Ready(Event::State(State::Open)),
                Poll::Ready(None) => return Poll::Ready(Event::End),
                Poll::Ready(state) => self.held = state,
                Poll::Pending => {}
            }
        }
        let received = Pin::new(&mut *self.reconnecting.borrow_mut()).poll_next(context);
        if let Poll::Ready(Some(Ok(message))) = received {
            self.is_waited = false;
            return Poll::Ready(Event::Message(message));
        }
        if self.held.is_some() && received.is_pending() && !self.is_waited {
            // After many messages in a row, the stream is pending for a turn, although messages may still be queued.
            self.is_waited = true;
            return Poll::Ready(Event::Pause);
        }
        self.is_waited = false;
        self.held.take().map_or(Poll::Pending, |state| Poll::Ready(Event::State(state)))
    }
}

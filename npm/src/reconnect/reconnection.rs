//! A connection that comes back.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;

use futures_core::Stream;
use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_websocket::reconnect::ReconnectingSender;
use wasm_websocket::{Message, Reconnecting, SendError};

use super::events::EventQueue;
use super::hooks::Hooks;
use super::{doubt, options};
use crate::object::Plain;
use crate::pending::Pending;
use crate::promise::promise;
use crate::state::{self, StateQueue};
use crate::{error, event, message};

/// A connection that comes back. Freeing it closes it for good, unless one of its promises is pending.
#[wasm_bindgen]
pub struct Reconnection {
    reconnecting: Rc<RefCell<Reconnecting>>,
    sender: ReconnectingSender,
    /// The last call of `next`.
    next: Cell<Option<Pending>>,
}

#[wasm_bindgen]
impl Reconnection {
    /// Begins to connect.
    #[wasm_bindgen(constructor)]
    pub fn new(hooks: Hooks, options: &Plain) -> Self {
        let reconnecting = Reconnecting::new(options::read(options, &hooks), async move || hooks.find_target().await);
        let sender = reconnecting.sender();
        Self { sender, reconnecting: Rc::new(RefCell::new(reconnecting)), next: Cell::default() }
    }

    /// The current state.
    #[wasm_bindgen(getter, unchecked_return_type = "object")]
    pub fn state(&self) -> JsValue {
        state::to_js(self.sender.state())
    }

    /// Returns the current state and all later ones. The result does not keep the connection open.
    pub fn states(&self) -> StateQueue {
        StateQueue::new(self.sender.states())
    }

    /// Returns messages and states in one queue. The result takes the messages, and keeps the connection open.
    pub fn events(&self) -> EventQueue {
        EventQueue::new(Rc::clone(&self.reconnecting), self.sender.states())
    }

    /// Returns the number of messages in each state: the fields of `Counts`, in order.
    #[wasm_bindgen(unchecked_return_type = "number[]")]
    pub fn counts(&self) -> Array {
        let counts = self.sender.counts();
        let places = [
            counts.rejected,
            counts.queued,
            counts.dropped,
            counts.taken_back,
            counts.unconfirmed,
            counts.confirmed,
            counts.in_doubt,
        ];
        places.into_iter().map(|messages| JsValue::from(messages as f64)).collect()
    }

    /// The number of received messages that were dropped because the receive queue was full.
    #[wasm_bindgen(getter)]
    pub fn dropped(&self) -> f64 {
        self.reconnecting.borrow().dropped() as f64
    }

    /// Sends or queues a message. Returns its number, or a [`Pending`] that resolves with it.
    ///
    /// # Errors
    ///
    /// `full`, `notOpen` or `thrown`.
    #[wasm_bindgen(unchecked_return_type = "number | Pending")]
    pub fn send(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string | Uint8Array | Blob")] message: JsValue,
    ) -> Result<JsValue, JsValue> {
        let (sender, message) = (self.sender.clone(), message::from_js(message));
        Pending::begin(async move { number(sender.send(message).await) })
    }

    /// Sends or queues a message without waiting. Returns its number.
    ///
    /// # Errors
    ///
    /// `full`, `notOpen` or `thrown`.
    #[wasm_bindgen(js_name = trySend, unchecked_return_type = "number")]
    pub fn try_send(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string | Uint8Array | Blob")] message: JsValue,
    ) -> Result<JsValue, JsValue> {
        number(self.sender.try_send(message::from_js(message)))
    }

    /// Resolves when no message is queued or unsent.
    ///
    /// # Errors
    ///
    /// `notOpen`.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn flush(&self) -> Promise {
        let sender = self.sender.clone();
        promise(async move { sender.flush().await.map(|()| JsValue::UNDEFINED).map_err(error::to_js) })
    }

    /// Calls `took` with the next message, with the error for which it gave up, or with neither when it is closed for good. Replaces
    /// an earlier call.
    pub fn next(
        &self,
        #[wasm_bindgen(unchecked_param_type = "(data?: Data, error?: unknown) => void")] took: Function,
    ) {
        let reconnecting = Rc::clone(&self.reconnecting);
        self.next.set(Some(Pending::take(took, async move {
            // Each poll borrows the stream anew, so that other methods can borrow it between polls.
            let next = poll_fn(|context| Pin::new(&mut *reconnecting.borrow_mut()).poll_next(context));
            let message = next.await.transpose().map_err(error::to_js)?;
            Ok(message.as_ref().map(message::to_js).unwrap_or_default())
        })));
    }

    /// Cancels the last call of `next`. No message is lost: the next call takes it.
    #[wasm_bindgen(js_name = cancelNext)]
    pub fn cancel_next(&self) {
        drop(self.next.take());
    }

    /// Closes for good, and resolves when the peer has answered; with `undefined` if there was no connection.
    ///
    /// # Errors
    ///
    /// `invalidCloseCode`, `reasonTooLong`, `closeTimeout`, or the error for which it gave up.
    #[wasm_bindgen(unchecked_return_type = "Promise<CloseEvent | undefined>")]
    pub fn close(&self, code: Option<u16>, reason: String) -> Promise {
        let sender = self.sender.clone();
        // Begins the closing now, not when the promise's task first runs: a message that is sent in between must fail.
        match code {
            Some(code) => drop(sender.close_with(code, &reason)),
            None => drop(sender.close()),
        }
        promise(async move {
            let closed = match code {
                Some(code) => sender.close_with(code, reason).await,
                None => sender.close().await,
            };
            closed.map(|event| event.map(event::to_js).unwrap_or_default()).map_err(error::to_js)
        })
    }

    /// Resolves when it is closed for good, with the event that ended the last connection. The promise keeps the connection open.
    ///
    /// # Errors
    ///
    /// The error for which it gave up.
    #[wasm_bindgen(unchecked_return_type = "Promise<CloseEvent | undefined>")]
    pub fn closed(&self) -> Promise {
        let sender = self.sender.clone();
        promise(async move {
            let closed = sender.closed().await;
            closed.map(|event| event.map(event::to_js).unwrap_or_default()).map_err(error::to_js)
        })
    }

    /// Connects at once, and starts counting attempts anew.
    #[wasm_bindgen(js_name = reconnectNow)]
    pub fn reconnect_now(&self) {
        self.sender.reconnect_now();
    }

    /// Closes the connection, and stays without one.
    pub fn pause(&self) {
        self.sender.pause();
    }

    /// Connects at once after a pause.
    pub fn resume(&self) {
        self.sender.resume();
    }

    /// Confirms that the peer has received the message with this number and all before it. Returns the number of confirmed messages.
    pub fn confirm(&self, number: f64) -> f64 {
        self.sender.confirm(number as u64) as f64
    }

    /// Takes the messages in doubt.
    #[wasm_bindgen(js_name = takeInDoubt, unchecked_return_type = "Doubt")]
    pub fn take_in_doubt(&self) -> JsValue {
        doubt::to_js(&self.sender.take_in_doubt())
    }

    /// Takes back the queued messages.
    #[wasm_bindgen(js_name = takeQueued, unchecked_return_type = "Data[]")]
    pub fn take_queued(&self) -> Array {
        self.sender.take_queued().iter().map(message::to_js).collect()
    }
}

fn number(sent: Result<u64, SendError<Message>>) -> Result<JsValue, JsValue> {
    sent.map(|number| (number as f64).into()).map_err(|unsent| error::to_js(unsent.error))
}

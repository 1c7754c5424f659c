//! A session.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;

use futures_core::Stream;
use js_sys::{Array, Function};
use wasm_bindgen::prelude::*;
use wasm_websocket::session::{self, SessionSender};
use wasm_websocket::{Error, Message, SendError};

use super::hooks::SessionHooks;
use super::receipt::Receipt;
use super::{lost, options};
use crate::object::Plain;
use crate::pending::Pending;
use crate::state::{self, StateQueue};
use crate::{error, message};

/// A session. Freeing this object gives the session up, unless one of its calls is still a [`Pending`].
#[wasm_bindgen]
pub struct Session {
    session: Rc<RefCell<session::Session>>,
    sender: SessionSender,
    /// The last call of `next`.
    next: Cell<Option<Pending>>,
}

#[wasm_bindgen]
impl Session {
    /// Begins the session.
    #[wasm_bindgen(constructor)]
    pub fn new(hooks: SessionHooks, options: &Plain) -> Self {
        let options = options::read(options, &hooks);
        let session = session::Session::new(options, async move || hooks.find_target().await);
        Self { sender: session.sender(), session: Rc::new(RefCell::new(session)), next: Cell::default() }
    }

    /// The current state.
    #[wasm_bindgen(getter, unchecked_return_type = "object")]
    pub fn state(&self) -> JsValue {
        state::to_js(self.sender.state())
    }

    /// Returns the current state and all later ones. The result does not keep the session alive.
    pub fn states(&self) -> StateQueue {
        StateQueue::new(self.sender.states())
    }

    /// Returns the number of messages in each state: the fields of `SessionCounts`, in order.
    #[wasm_bindgen(unchecked_return_type = "number[]")]
    pub fn counts(&self) -> Array {
        let counts = self.sender.counts();
        let places = [
            counts.acknowledged,
            counts.unacknowledged,
            counts.unacknowledged_bytes,
            counts.lost,
            counts.transmitted,
            counts.taken,
        ];
        places.into_iter().map(|messages| JsValue::from(messages as f64)).collect()
    }

    /// Sends a message. Returns its receipt, or a [`Pending`] that resolves with it.
    ///
    /// # Errors
    ///
    /// `tooLarge`, `notOpen` or `sessionLost`.
    #[wasm_bindgen(unchecked_return_type = "Receipt | Pending")]
    pub fn send(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string | Uint8Array | Blob")] message: JsValue,
    ) -> Result<JsValue, JsValue> {
        let (sender, message) = (self.sender.clone(), message::from_js(message));
        Pending::begin(async move { sent(sender.send(message).await).map(Into::into) })
    }

    /// Sends a message without waiting. Returns its receipt.
    ///
    /// # Errors
    ///
    /// `full`, `tooLarge`, `notOpen` or `sessionLost`.
    #[wasm_bindgen(js_name = trySend)]
    pub fn try_send(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string | Uint8Array | Blob")] message: JsValue,
    ) -> Result<Receipt, JsValue> {
        sent(self.sender.try_send(message::from_js(message)))
    }

    /// Calls `took` with the next message, with a `Lost`, or with neither when the messages have ended. `took` is called in the moment
    /// in which the message is taken: a promise would resolve later, and `processed` would include the message before the page has
    /// it. Replaces an earlier call.
    pub fn next(&self, #[wasm_bindgen(unchecked_param_type = "(data?: Data, lost?: Lost) => void")] took: Function) {
        let session = Rc::clone(&self.session);
        self.next.set(Some(Pending::take(took, async move {
            // Each poll borrows the session anew, so that other methods can borrow it between polls.
            let next = poll_fn(|context| Pin::new(&mut *session.borrow_mut()).poll_next(context));
            let message = next.await.transpose().map_err(lost::to_js)?;
            Ok(message.as_ref().map(message::to_js).unwrap_or_default())
        })));
    }

    /// Cancels the last call of `next`. No message is lost: the next call takes it.
    #[wasm_bindgen(js_name = cancelNext)]
    pub fn cancel_next(&self) {
        drop(self.next.take());
    }

    /// Marks all messages that were taken as processed.
    pub fn processed(&self) {
        self.session.borrow().processed();
    }

    /// Waits until the peer has processed all messages that were sent before. Returns `true` if it has, or a [`Pending`] that
    /// resolves then.
    ///
    /// # Errors
    ///
    /// `sessionLost`.
    #[wasm_bindgen(unchecked_return_type = "true | Pending")]
    pub fn acknowledged(&self) -> Result<JsValue, JsValue> {
        let sender = self.sender.clone();
        Pending::begin(async move { done(sender.acknowledged().await) })
    }

    /// Ends the direction to the peer. Returns `true` if the peer has processed everything, or a [`Pending`] that resolves then.
    ///
    /// # Errors
    ///
    /// `invalidCloseCode` or `reasonTooLong`, and the direction stays open; `sessionLost`.
    #[wasm_bindgen(unchecked_return_type = "true | Pending")]
    pub fn close(&self, code: u16, reason: String) -> Result<JsValue, JsValue> {
        let sender = self.sender.clone();
        Pending::begin(async move { done(sender.close_with(code, reason).await) })
    }

    /// The code and the reason with which the peer has ended its direction, once its last message is taken.
    #[wasm_bindgen(getter, js_name = peerEnd, unchecked_return_type = "{ code: number; reason: string } | undefined")]
    pub fn peer_end(&self) -> JsValue {
        let Some((code, reason)) = self.session.borrow().peer_end() else { return JsValue::UNDEFINED };
        let end = Plain::new();
        end.set("code", code.into());
        end.set("reason", reason.into());
        end.into()
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
}

/// Returns `true`, since a cancelled [`Pending`] resolves with `undefined`.
fn done(result: Result<(), Error>) -> Result<JsValue, JsValue> {
    result.map(|()| JsValue::TRUE).map_err(error::to_js)
}

fn sent(sent: Result<session::Receipt, SendError<Message>>) -> Result<Receipt, JsValue> {
    sent.map(Receipt::new).map_err(|unsent| error::to_js(unsent.error))
}

//! A session.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;

use futures_core::Stream;
use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use wasm_websocket::session::{self, SessionSender};
use wasm_websocket::{Message, SendError};

use super::hooks::SessionHooks;
use super::receipt::Receipt;
use super::{lost, options};
use crate::object::Plain;
use crate::pending::Pending;
use crate::state::{self, StateQueue};
use crate::{error, message};

/// A session. Freeing it gives it up, save while there is a [`Pending`] of it.
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

    /// The current state and all later ones. It keeps no session.
    pub fn states(&self) -> StateQueue {
        StateQueue::new(self.sender.states())
    }

    /// How many messages are where, by the fields of `SessionCounts` in their order there.
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

    /// Sends a message, and gives its receipt, or a promise of it.
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

    /// Sends a message if it need not wait, and gives its receipt.
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

    /// The next message, or nothing when the peer has ended or the session is lost. A call that still waits ends with nothing when
    /// there is another one, or when this is freed.
    ///
    /// # Errors
    ///
    /// A `Lost`.
    #[wasm_bindgen(unchecked_return_type = "Promise<Data | undefined>")]
    pub fn next(&self) -> Promise {
        let session = Rc::clone(&self.session);
        let next = Pending::new(async move {
            // Each poll borrows it anew, so that its other methods can be called meanwhile.
            let next = poll_fn(|context| Pin::new(&mut *session.borrow_mut()).poll_next(context));
            match next.await.transpose() {
                Ok(message) => Ok(message.as_ref().map(message::to_js).unwrap_or_default()),
                Err(lost) => Err(lost::to_js(lost)),
            }
        });
        let promise = next.settled();
        self.next.set(Some(next));
        promise
    }

    /// Says that the caller has finished with all messages that it has taken.
    pub fn processed(&self) {
        self.session.borrow().processed();
    }

    /// Ends what is sent. Gives nothing if the peer has processed everything, or a promise of that.
    ///
    /// # Errors
    ///
    /// `invalidCloseCode` or `reasonTooLong`, which end nothing, and `sessionLost`.
    #[wasm_bindgen(unchecked_return_type = "Pending | undefined")]
    pub fn close(&self, code: u16, reason: String) -> Result<JsValue, JsValue> {
        let sender = self.sender.clone();
        Pending::begin(async move {
            sender.close_with(code, reason).await.map(|()| JsValue::UNDEFINED).map_err(error::to_js)
        })
    }

    /// How the peer has ended, once that was taken.
    #[wasm_bindgen(getter, js_name = peerEnd, unchecked_return_type = "{ code: number; reason: string } | undefined")]
    pub fn peer_end(&self) -> JsValue {
        let Some((code, reason)) = self.session.borrow().peer_end() else { return JsValue::UNDEFINED };
        let end = Plain::new();
        end.set("code", code.into());
        end.set("reason", reason.into());
        end.into()
    }

    /// Connects at once, and counts attempts from zero again.
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

fn sent(sent: Result<session::Receipt, SendError<Message>>) -> Result<Receipt, JsValue> {
    sent.map(Receipt::new).map_err(|unsent| error::to_js(unsent.error))
}

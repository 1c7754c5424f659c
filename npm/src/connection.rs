//! An open connection.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;

use js_sys::{ArrayBuffer, DataView, Function, JsString, Promise};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_websocket::{BinaryType, RawMessage, Receiver, Sender, WebSocketStream};

use crate::pending::Pending;
use crate::promise::promise;
use crate::{error, event};

/// An open connection. Freeing it closes the connection, unless one of its promises is pending.
#[wasm_bindgen]
pub struct Connection {
    sender: Sender,
    receiver: Rc<RefCell<Receiver>>,
    /// The last call of `next`.
    next: Cell<Option<Pending>>,
}

impl Connection {
    pub(crate) fn new(stream: WebSocketStream) -> Self {
        let (sender, receiver) = stream.split();
        Self { sender, receiver: Rc::new(RefCell::new(receiver)), next: Cell::default() }
    }
}

#[wasm_bindgen]
impl Connection {
    /// The URL, as the browser has resolved it.
    #[wasm_bindgen(getter)]
    pub fn url(&self) -> String {
        self.sender.url()
    }

    /// The subprotocol that the server selected.
    #[wasm_bindgen(getter)]
    pub fn protocol(&self) -> String {
        self.sender.protocol()
    }

    /// The extensions that the server selected.
    #[wasm_bindgen(getter)]
    pub fn extensions(&self) -> String {
        self.sender.extensions()
    }

    /// The state, by the standard's number.
    #[wasm_bindgen(getter, js_name = readyState, unchecked_return_type = "0 | 1 | 2 | 3")]
    pub fn ready_state(&self) -> u8 {
        self.sender.ready_state() as u8
    }

    /// The unsent bytes.
    #[wasm_bindgen(getter, js_name = bufferedAmount)]
    pub fn buffered_amount(&self) -> f64 {
        self.sender.buffered_amount() as f64
    }

    /// Whether the connection uses the browser's own streams.
    #[cfg(feature = "streams")]
    #[wasm_bindgen(getter, js_name = isByStreams)]
    pub fn is_by_streams(&self) -> bool {
        self.sender.transport() == wasm_websocket::Transport::Streams
    }

    /// The number of messages that were dropped because the receive queue was full.
    #[wasm_bindgen(getter)]
    pub fn dropped(&self) -> f64 {
        self.receiver.borrow().dropped() as f64
    }

    /// Whether binary messages arrive as a Blob.
    #[wasm_bindgen(getter, js_name = asBlob)]
    pub fn as_blob(&self) -> bool {
        self.receiver.borrow().binary_type() == BinaryType::Blob
    }

    /// Chooses whether binary messages arrive as a Blob.
    #[wasm_bindgen(setter, js_name = asBlob)]
    pub fn set_as_blob(&self, as_blob: bool) {
        let binary_type = if as_blob { BinaryType::Blob } else { BinaryType::ArrayBuffer };
        self.receiver.borrow().set_binary_type(binary_type);
    }

    /// Sends a message without waiting. The message stays in JavaScript's memory.
    ///
    /// # Errors
    ///
    /// `full`, `notOpen`, `overflow` or `thrown`.
    #[wasm_bindgen(js_name = trySend)]
    pub fn try_send(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string | ArrayBuffer | ArrayBufferView | Blob")] message: JsValue,
    ) -> Result<(), JsValue> {
        // `message.ts` has checked that the value has one of these types. This code does not use `instanceof`, since an object of
        // another frame is an instance of that frame's classes.
        if message.is_string() {
            sent(self.sender.try_send(message.unchecked_ref::<JsString>()))
        } else if ArrayBuffer::is_view(&message) {
            // The type of the view does not matter.
            sent(self.sender.try_send(message.unchecked_ref::<DataView>()))
        } else {
            // The value is a Blob or an `ArrayBuffer`. Both are sent in the same way.
            sent(self.sender.try_send(message.unchecked_ref::<web_sys::Blob>()))
        }
    }

    /// Resolves when a message can be sent without waiting.
    ///
    /// # Errors
    ///
    /// `notOpen` or `overflow`.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn ready(&self) -> Promise {
        let sender = self.sender.clone();
        promise(async move { done(sender.ready().await) })
    }

    /// Resolves when everything has left the browser.
    ///
    /// # Errors
    ///
    /// `notOpen` or `overflow`.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn flush(&self) -> Promise {
        let mut sender = self.sender.clone();
        promise(async move { done(sender.flush().await) })
    }

    /// Calls `took` with the next message, with an error, or with neither when the connection has ended. The error is `unclean`,
    /// `overflow` or `closeTimeout`, and comes once, if messages may be missing. Replaces an earlier call.
    pub fn next(
        &self,
        #[wasm_bindgen(unchecked_param_type = "(data?: string | ArrayBuffer | Blob, error?: unknown) => void")]
        took: Function,
    ) {
        let receiver = Rc::clone(&self.receiver);
        self.next.set(Some(Pending::take(took, async move {
            // Each poll borrows the receiver anew, so that other methods can borrow it between polls.
            let next = poll_fn(|context| {
                let mut receiver = receiver.borrow_mut();
                pin!(receiver.next_raw()).poll(context)
            });
            match next.await {
                None => Ok(JsValue::UNDEFINED),
                Some(Ok(RawMessage::Text(text))) => Ok(text.into()),
                Some(Ok(RawMessage::Binary(buffer))) => Ok(buffer.into()),
                Some(Ok(RawMessage::Blob(blob))) => Ok(blob.into()),
                Some(Err(error)) => Err(error::to_js(error)),
            }
        })));
    }

    /// Cancels the last call of `next`. No message is lost: the next call takes it.
    #[wasm_bindgen(js_name = cancelNext)]
    pub fn cancel_next(&self) {
        drop(self.next.take());
    }

    /// Closes the connection, and resolves when the peer has answered.
    ///
    /// # Errors
    ///
    /// `invalidCloseCode`, `reasonTooLong`, `closeTimeout` or `overflow`.
    #[wasm_bindgen(unchecked_return_type = "Promise<CloseEvent>")]
    pub fn close(&self, code: Option<u16>, reason: String) -> Promise {
        let mut sender = self.sender.clone();
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
            closed.map(event::to_js).map_err(error::to_js)
        })
    }

    /// Resolves when the connection has ended. The promise does not keep the connection open.
    ///
    /// # Errors
    ///
    /// `closeTimeout` or `overflow`.
    #[wasm_bindgen(unchecked_return_type = "Promise<CloseEvent>")]
    pub fn closed(&self) -> Promise {
        let closed = self.sender.closed();
        promise(async move { closed.await.map(event::to_js).map_err(error::to_js) })
    }
}

/// Converts the error, and drops the message in it, which JavaScript still has.
fn sent<T>(sent: Result<(), wasm_websocket::SendError<T>>) -> Result<(), JsValue> {
    sent.map_err(|unsent| error::to_js(unsent.error))
}

fn done(result: Result<(), wasm_websocket::Error>) -> Result<JsValue, JsValue> {
    result.map(|()| JsValue::UNDEFINED).map_err(error::to_js)
}

//! A message that waits to be sent.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_websocket::reconnect::ReconnectingSender;
use wasm_websocket::{Error, Message};

use crate::error;
use crate::promise::promise;

type Waiting = Pin<Box<dyn Future<Output = Result<u64, Error>>>>;

/// A message that waits for room. Freeing it sends nothing, and its promise then stays pending.
#[wasm_bindgen]
pub struct Sending(Rc<RefCell<Waiting>>);

#[wasm_bindgen]
impl Sending {
    /// Resolves with the message's number. It is to be called once.
    #[wasm_bindgen(unchecked_return_type = "Promise<number>")]
    pub fn sent(&self) -> Promise {
        let waiting = Rc::downgrade(&self.0);
        promise(async move {
            // Looked up anew each time, so that what is pending does not keep it.
            let sent = poll_fn(|context| match waiting.upgrade() {
                Some(waiting) => waiting.borrow_mut().as_mut().poll(context),
                None => Poll::Pending,
            });
            number(sent.await)
        })
    }
}

#[wasm_bindgen]
extern "C" {
    /// A number or a [`Sending`].
    #[wasm_bindgen(typescript_type = "number | Sending")]
    pub type Sent;
}

/// Begins to send a message now, and not when a task first runs: messages go out in the order of the calls.
pub(crate) fn begin(sender: ReconnectingSender, message: Message) -> Result<JsValue, JsValue> {
    let mut waiting: Waiting = Box::pin(async move { sender.send(message).await.map_err(|unsent| unsent.error) });
    match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(sent) => number(sent),
        Poll::Pending => Ok(Sending(Rc::new(RefCell::new(waiting))).into()),
    }
}

pub(crate) fn number(sent: Result<u64, Error>) -> Result<JsValue, JsValue> {
    sent.map(|number| (number as f64).into()).map_err(error::to_js)
}

//! A future that JavaScript waits for, and can give up.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use js_sys::Promise;
use wasm_bindgen::prelude::*;

use crate::promise::promise;

type Waiting = Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>>;

/// A future that is not ready yet, such as that of a message which waits for room. Freeing it drops the future, and its promise
/// then stays pending.
#[wasm_bindgen]
pub struct Pending(Rc<RefCell<Waiting>>);

#[wasm_bindgen]
impl Pending {
    /// Settles as the future does. It is to be called once.
    #[wasm_bindgen(unchecked_return_type = "Promise<unknown>")]
    pub fn settled(&self) -> Promise {
        let waiting = Rc::downgrade(&self.0);
        promise(poll_fn(move |context| {
            // Looked up anew each time, so that what is pending does not keep it.
            match waiting.upgrade() {
                Some(waiting) => waiting.borrow_mut().as_mut().poll(context),
                None => Poll::Pending,
            }
        }))
    }
}

/// Polls a future now, and not when a task first runs: messages go out in the order of the calls. Returns what it is ready with, or
/// a [`Pending`].
pub(crate) fn begin(future: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Result<JsValue, JsValue> {
    let mut waiting: Waiting = Box::pin(future);
    match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Ok(Pending(Rc::new(RefCell::new(waiting))).into()),
    }
}

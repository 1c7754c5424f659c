//! A future that JavaScript awaits, and can cancel.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;

use crate::promise::promise;

type Waiting = Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>>;

/// A future that is not ready yet, such as sending a message that waits for room. Freeing or cancelling it drops the future, and its
/// promise resolves with `undefined`.
#[wasm_bindgen]
pub struct Pending(Rc<State>);

struct State {
    /// `None` once the future was dropped.
    future: RefCell<Option<Waiting>>,
    is_cancelled: Cell<bool>,
    /// Wakes the task that waits for the future. The task keeps itself alive, so it must end.
    task: Cell<Option<Waker>>,
}

impl Pending {
    pub(crate) fn new(future: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Self {
        let future: Waiting = Box::pin(future);
        Self(Rc::new(State {
            future: RefCell::new(Some(future)),
            is_cancelled: Cell::default(),
            task: Cell::default(),
        }))
    }

    /// Takes the next message with a future. Calls `took` with the message, or with `undefined` and the error, in the moment in which
    /// the message is taken. Freeing the result cancels the call, and no message is lost.
    pub(crate) fn take(took: Function, next: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Self {
        let pending = Self::new(async move {
            let (data, error) = match next.await {
                Ok(data) => (data, JsValue::UNDEFINED),
                Err(error) => (JsValue::UNDEFINED, error),
            };
            took.call2(&JsValue::UNDEFINED, &data, &error)
        });
        drop(pending.settled());
        pending
    }

    /// Polls a future now, and not when a task first runs, so that messages go out in the order of the calls. Returns the output of
    /// the future, or a `Pending`.
    #[cfg(any(feature = "reconnect", feature = "session"))]
    pub(crate) fn begin(future: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Result<JsValue, JsValue> {
        let pending = Self::new(future);
        match pending.0.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(pending.into()),
        }
    }
}

#[wasm_bindgen]
impl Pending {
    /// Settles as the future does. Call it once.
    #[wasm_bindgen(unchecked_return_type = "Promise<unknown>")]
    pub fn settled(&self) -> Promise {
        let state = Rc::clone(&self.0);
        promise(poll_fn(move |context| state.poll(context)))
    }

    /// Drops the future, unless it is ready. So the promise tells whether the call was cancelled in time.
    #[cfg(any(feature = "reconnect", feature = "session"))]
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

impl State {
    fn poll(&self, context: &mut Context<'_>) -> Poll<Result<JsValue, JsValue>> {
        self.task.set(Some(context.waker().clone()));
        let polled = match &mut *self.future.borrow_mut() {
            Some(future) => future.as_mut().poll(context),
            None => Poll::Ready(Ok(JsValue::UNDEFINED)),
        };
        if polled.is_pending() && self.is_cancelled.get() {
            self.cancel();
            return Poll::Ready(Ok(JsValue::UNDEFINED));
        }
        polled
    }

    fn cancel(&self) {
        self.is_cancelled.set(true);
        // The page may cancel the call while the future is polled. Then `poll` cancels the call once more.
        let Ok(future) = self.future.try_borrow_mut().map(|mut future| future.take()) else { return };
        drop(future);
        self.task.take().into_iter().for_each(Waker::wake);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

//! A connection on its way to being open.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_websocket::{Error, WebSocketStream};

use crate::object::Plain;
use crate::promise::promise;
use crate::{Connection, error, options};

/// A connection that is being opened. Freeing it gives that up, and its promise then stays pending.
#[wasm_bindgen]
pub struct Connecting(Rc<RefCell<Opening>>);

type Opening = Pin<Box<dyn Future<Output = Result<WebSocketStream, Error>>>>;

#[wasm_bindgen]
impl Connecting {
    /// Begins to connect.
    #[wasm_bindgen(constructor)]
    pub fn new(url: &str, options: &Plain) -> Self {
        Self(Rc::new(RefCell::new(Box::pin(options::read(options).connect(url)))))
    }

    /// Resolves when the connection is open. It is to be called once.
    #[wasm_bindgen(unchecked_return_type = "Promise<Connection>")]
    pub fn opened(&self) -> Promise {
        let opening = Rc::downgrade(&self.0);
        promise(async move {
            // Looked up anew each time, so that what is pending does not keep it.
            let opened = poll_fn(|context| match opening.upgrade() {
                Some(opening) => opening.borrow_mut().as_mut().poll(context),
                None => Poll::Pending,
            });
            opened.await.map(|stream| Connection::new(stream).into()).map_err(error::to_js)
        })
    }
}

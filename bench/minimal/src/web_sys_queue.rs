//! web-sys with a queue and a waker.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, MessageEvent, WebSocket};

use crate::{Failure, failure};

/// The state that the listeners share with the task. In the queue, an empty text means that the connection is open, and `None` that
/// it has ended.
#[derive(Default)]
struct Shared {
    queue: VecDeque<Option<String>>,
    waker: Option<Waker>,
}

impl Shared {
    fn push(&mut self, text: Option<String>) {
        self.queue.push_back(text);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Sends a text and returns the answer.
pub async fn ask(url: &str, text: &str) -> Result<Option<String>, Failure> {
    let socket = WebSocket::new(url).map_err(thrown)?;
    socket.set_binary_type(BinaryType::Arraybuffer);
    let shared = Rc::new(RefCell::new(Shared::default()));
    let [opened, received, ended] = std::array::from_fn(|_| Rc::clone(&shared));
    let on_open = Closure::<dyn FnMut()>::new(move || opened.borrow_mut().push(Some(String::new())));
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        received.borrow_mut().push(event.data().as_string());
    });
    let on_close = Closure::<dyn FnMut()>::new(move || ended.borrow_mut().push(None));
    socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
    socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
    if next(&shared).await.is_none() {
        return Err(failure("it did not connect"));
    }
    socket.send_with_str(text).map_err(thrown)?;
    let answer = next(&shared).await;
    socket.set_onopen(None);
    socket.set_onmessage(None);
    socket.set_onclose(None);
    let _ = socket.close();
    Ok(answer)
}

/// Returns an error with a fixed text: to read the text of what was thrown would take more code.
fn thrown(_: JsValue) -> Failure {
    failure("the browser refuses it")
}

async fn next(shared: &RefCell<Shared>) -> Option<String> {
    poll_fn(|context| {
        let mut shared = shared.borrow_mut();
        match shared.queue.pop_front() {
            Some(text) => Poll::Ready(text),
            None => {
                shared.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    })
    .await
}

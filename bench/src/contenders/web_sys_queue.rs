//! web-sys with a queue and a waker: what a careful author writes by hand.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{MessageEvent, WebSocket};

use super::web_sys_callback::{decode, open, send};
use crate::contender::{AsyncContender, Payload};

pub struct Queue {
    socket: WebSocket,
    shared: Rc<RefCell<Shared>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

#[derive(Default)]
struct Shared {
    queue: VecDeque<Payload>,
    waker: Option<Waker>,
}

impl AsyncContender for Queue {
    async fn connect(url: &str) -> Self {
        let socket = open(url).await;
        let shared = Rc::new(RefCell::new(Shared::default()));
        let other = Rc::clone(&shared);
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let mut shared = other.borrow_mut();
            shared.queue.push_back(decode(&event));
            if let Some(waker) = shared.waker.take() {
                waker.wake();
            }
        });
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        Self { socket, shared, _on_message: on_message }
    }

    async fn receive(&mut self) -> usize {
        let message = poll_fn(|context| {
            let mut shared = self.shared.borrow_mut();
            match shared.queue.pop_front() {
                Some(message) => Poll::Ready(message),
                None => {
                    shared.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        });
        match message.await {
            Payload::Text(text) => text.len(),
            Payload::Binary(bytes) => bytes.len(),
        }
    }

    async fn send(&mut self, payload: &Payload) {
        send(&self.socket, payload);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.socket.set_onmessage(None);
        let _ = self.socket.close();
    }
}

//! web-sys with a callback that consumes each message.

use futures_channel::oneshot;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{BinaryType, MessageEvent, WebSocket};

use crate::contender::{Contender, Payload};

pub struct Callback(WebSocket);

impl Contender for Callback {
    async fn connect(url: &str) -> Self {
        Self(open(url).await)
    }

    async fn receive(&mut self, count: u32) -> usize {
        self.receive_with(count, || {}).await
    }

    async fn send(&mut self, payload: &Payload, count: u32) {
        for _ in 0..count {
            send(&self.0, payload);
        }
    }

    async fn echo(&mut self, payload: &Payload, count: u32) {
        send(&self.0, payload);
        let (socket, payload) = (self.0.clone(), payload.clone());
        self.receive_with(count, move || send(&socket, &payload)).await;
    }
}

impl Callback {
    /// Receives `count` messages, and calls `between` after each but the last.
    async fn receive_with(&self, count: u32, between: impl Fn() + 'static) -> usize {
        let (done, bytes) = oneshot::channel();
        let mut done = Some(done);
        let (mut received, mut sum) = (0, 0);
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            received += 1;
            sum += match decode(&event) {
                Payload::Text(text) => text.len(),
                Payload::Binary(bytes) => bytes.len(),
            };
            match received == count {
                true => done.take().unwrap().send(sum).unwrap(),
                false => between(),
            }
        });
        self.0.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        let bytes = bytes.await.unwrap();
        self.0.set_onmessage(None);
        bytes
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        let _ = self.0.close();
    }
}

/// Connects.
pub async fn open(url: &str) -> WebSocket {
    let socket = WebSocket::new(url).unwrap();
    socket.set_binary_type(BinaryType::Arraybuffer);
    let (opened, open) = oneshot::channel();
    let on_open = Closure::once(move || opened.send(()).unwrap());
    socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
    open.await.unwrap();
    socket.set_onopen(None);
    socket
}

/// Returns the message of an event.
pub fn decode(event: &MessageEvent) -> Payload {
    let data = event.data();
    match data.dyn_ref::<ArrayBuffer>() {
        Some(buffer) => Payload::Binary(Uint8Array::new(buffer).to_vec()),
        None => Payload::Text(data.as_string().unwrap()),
    }
}

/// Sends a message.
pub fn send(socket: &WebSocket, payload: &Payload) {
    match payload {
        Payload::Text(text) => socket.send_with_str(text).unwrap(),
        Payload::Binary(bytes) => socket.send_with_u8_array(bytes).unwrap(),
    }
}

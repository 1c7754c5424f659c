//! This crate, with events.

use futures_channel::oneshot;
use wasm_websocket::{Message, WebSocket};

use crate::contender::{Contender, Payload};

pub struct Callback(WebSocket);

impl Contender for Callback {
    async fn connect(url: &str) -> Self {
        let socket = WebSocket::new(url).unwrap();
        let (opened, open) = oneshot::channel();
        let _guard = socket.on_open(move || opened.send(()).unwrap());
        open.await.unwrap();
        Self(socket)
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
        let _guard = self.0.on_message(move |message| {
            received += 1;
            sum += match message {
                Message::Text(text) => text.len(),
                Message::Binary(bytes) => bytes.len(),
                Message::Blob(_) => unreachable!(),
            };
            match received == count {
                true => done.take().unwrap().send(sum).unwrap(),
                false => between(),
            }
        });
        bytes.await.unwrap()
    }
}

fn send(socket: &WebSocket, payload: &Payload) {
    match payload {
        Payload::Text(text) => socket.send(text.as_str()).unwrap(),
        Payload::Binary(bytes) => socket.send(bytes.as_slice()).unwrap(),
    }
}

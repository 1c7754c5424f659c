//! This crate, as a stream and a sink.

use futures_util::TryStreamExt;
use wasm_websocket::{Message, WebSocketStream};

use crate::contender::{AsyncContender, Payload};

impl AsyncContender for WebSocketStream {
    async fn connect(url: &str) -> Self {
        WebSocketStream::connect(url).await.unwrap()
    }

    async fn receive(&mut self) -> usize {
        length(self.try_next().await.unwrap().unwrap())
    }

    async fn send(&mut self, payload: &Payload) {
        match payload {
            Payload::Text(text) => WebSocketStream::send(self, text.as_str()).await.unwrap(),
            Payload::Binary(bytes) => WebSocketStream::send(self, bytes.as_slice()).await.unwrap(),
        }
    }
}

/// Returns the number of a message's bytes.
pub fn length(message: Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
        Message::Blob(_) => unreachable!(),
    }
}

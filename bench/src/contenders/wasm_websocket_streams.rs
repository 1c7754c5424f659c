//! This crate, as a stream and a sink, over the browser's own `WebSocketStream` where there is one.

use wasm_websocket::{Options, Transport, WebSocketStream};

use crate::contender::{AsyncContender, Payload};

pub struct Streams(WebSocketStream);

impl AsyncContender for Streams {
    async fn connect(url: &str) -> Self {
        Self(Options::new().transport(Transport::Best).connect(url).await.unwrap())
    }

    async fn receive(&mut self) -> usize {
        AsyncContender::receive(&mut self.0).await
    }

    async fn send(&mut self, payload: &Payload) {
        AsyncContender::send(&mut self.0, payload).await;
    }
}

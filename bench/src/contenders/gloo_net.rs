//! gloo-net.

use futures_util::{SinkExt, TryStreamExt};
use gloo_net::websocket::Message;
use gloo_net::websocket::futures::WebSocket;

use crate::contender::{AsyncContender, Payload};

impl AsyncContender for WebSocket {
    async fn connect(url: &str) -> Self {
        let mut socket = WebSocket::open(url).unwrap();
        // gloo-net has no method that waits until the connection is open, but the sink is ready only then.
        std::future::poll_fn(|context| socket.poll_ready_unpin(context)).await.unwrap();
        socket
    }

    async fn receive(&mut self) -> usize {
        match self.try_next().await.unwrap().unwrap() {
            Message::Text(text) => text.len(),
            Message::Bytes(bytes) => bytes.len(),
        }
    }

    async fn send(&mut self, payload: &Payload) {
        let message = match payload {
            Payload::Text(text) => Message::Text(text.clone()),
            Payload::Binary(bytes) => Message::Bytes(bytes.clone()),
        };
        SinkExt::send(self, message).await.unwrap();
    }
}

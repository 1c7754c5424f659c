//! websocket-web, twice: with the transport that it chooses, which is the browser's own `WebSocketStream` where there is one, and
//! with the browser's `WebSocket`.

use futures_util::{SinkExt, TryStreamExt};
use websocket_web::{Interface, Msg, WebSocket, WebSocketBuilder};

use crate::contender::{AsyncContender, Payload};

pub struct AsItChooses(WebSocket);

pub struct Standard(WebSocket);

impl AsyncContender for AsItChooses {
    async fn connect(url: &str) -> Self {
        Self(WebSocket::connect(url).await.unwrap())
    }

    async fn receive(&mut self) -> usize {
        receive(&mut self.0).await
    }

    async fn send(&mut self, payload: &Payload) {
        send(&mut self.0, payload).await;
    }
}

impl AsyncContender for Standard {
    async fn connect(url: &str) -> Self {
        let mut builder = WebSocketBuilder::new(url);
        builder.set_interface(Interface::Standard);
        Self(builder.connect().await.unwrap())
    }

    async fn receive(&mut self) -> usize {
        receive(&mut self.0).await
    }

    async fn send(&mut self, payload: &Payload) {
        send(&mut self.0, payload).await;
    }
}

async fn receive(socket: &mut WebSocket) -> usize {
    match socket.try_next().await.unwrap().unwrap() {
        Msg::Text(text) => text.len(),
        Msg::Binary(bytes) => bytes.len(),
    }
}

async fn send(socket: &mut WebSocket, payload: &Payload) {
    match payload {
        Payload::Text(text) => SinkExt::send(socket, text.as_str()).await.unwrap(),
        Payload::Binary(bytes) => SinkExt::send(socket, bytes.as_slice()).await.unwrap(),
    }
}

//! ws_stream_wasm.

use futures_util::{SinkExt, StreamExt};
use ws_stream_wasm::{WsMessage, WsMeta, WsStream};

use crate::contender::{AsyncContender, Payload};

impl AsyncContender for WsStream {
    async fn connect(url: &str) -> Self {
        WsMeta::connect(url, None).await.unwrap().1
    }

    async fn receive(&mut self) -> usize {
        match self.next().await.unwrap() {
            WsMessage::Text(text) => text.len(),
            WsMessage::Binary(bytes) => bytes.len(),
        }
    }

    async fn send(&mut self, payload: &Payload) {
        let message = match payload {
            Payload::Text(text) => WsMessage::Text(text.clone()),
            Payload::Binary(bytes) => WsMessage::Binary(bytes.clone()),
        };
        SinkExt::send(self, message).await.unwrap();
    }
}

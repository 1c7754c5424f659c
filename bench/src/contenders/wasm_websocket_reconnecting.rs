//! This crate, with a connection that reconnects.

use futures_util::StreamExt;
use wasm_websocket::Reconnecting;
use wasm_websocket::reconnect::{ReconnectOptions, State, States, WhenFull};

use super::wasm_websocket_stream::length;
use crate::contender::{AsyncContender, Payload};

impl AsyncContender for Reconnecting {
    async fn connect(url: &str) -> Self {
        let url = url.to_owned();
        let socket =
            Reconnecting::new(ReconnectOptions::new().when_full(WhenFull::Wait), async move || Ok(url.clone()));
        is_open(socket.states()).await;
        socket
    }

    async fn receive(&mut self) -> usize {
        length(self.next().await.unwrap().unwrap())
    }

    async fn send(&mut self, payload: &Payload) {
        match payload {
            Payload::Text(text) => drop(Reconnecting::send(self, text.as_str()).await.unwrap()),
            Payload::Binary(bytes) => drop(Reconnecting::send(self, bytes.as_slice()).await.unwrap()),
        }
    }
}

/// Waits until the first connection is open.
pub async fn is_open(states: States) {
    states.take_while(|state| std::future::ready(*state != State::Open)).for_each(async |_| ()).await;
}

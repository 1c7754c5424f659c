//! This crate, with a session.

use futures_util::StreamExt;
use wasm_websocket::session::{Session, SessionOptions};

use super::wasm_websocket_reconnecting::is_open;
use super::wasm_websocket_stream::length;
use crate::contender::{AsyncContender, Payload};

impl AsyncContender for Session {
    async fn connect(url: &str) -> Self {
        let url = url.to_owned();
        let session = Session::new(SessionOptions::new(), async move || Ok(url.clone()));
        is_open(session.states()).await;
        session
    }

    async fn receive(&mut self) -> usize {
        length(self.next().await.unwrap().unwrap())
    }

    async fn send(&mut self, payload: &Payload) {
        match payload {
            Payload::Text(text) => drop(Session::send(self, text.as_str()).await.unwrap()),
            Payload::Binary(bytes) => drop(Session::send(self, bytes.as_slice()).await.unwrap()),
        }
    }
}

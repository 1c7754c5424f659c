//! A peer that sends arbitrary frames.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::client::{Socket, name, open};

/// An ACK of nothing, which is the first frame after WELCOME.
pub const ACK: &str = r#"A{"processed":0,"credit":1000000}"#;

pub struct Raw(pub Socket);

/// A received event.
#[derive(Debug, PartialEq, Eq)]
pub enum Got {
    Text(String),
    Binary(usize),
    Close(u16),
    Nothing,
}

/// Returns a HELLO whose counts are 0.
pub fn hello(session: &str, attempt: u64, token: Option<&str>, principal: &str) -> String {
    let token = token.map(|token| format!(r#""token":"{token}","#)).unwrap_or_default();
    format!(
        r#"H{{"session":"{session}","attempt":{attempt},{token}"sent":0,"received":0,"processed":0,"credit":1000000,"max":1000000,"credentials":"{principal}"}}"#
    )
}

impl Raw {
    pub async fn open(address: SocketAddr) -> Self {
        Self(open(address).await.expect("the server answers"))
    }

    /// Opens a connection, and begins a session with it.
    pub async fn begin(address: SocketAddr) -> Self {
        let mut raw = Self::open(address).await;
        raw.greet(&hello(&name(), 1, None, "ada")).await;
        raw.send(ACK).await;
        raw
    }

    pub async fn send(&mut self, text: &str) {
        let _ = self.0.send(Frame::Text(text.into())).await;
    }

    /// Returns the next frame.
    pub async fn get(&mut self) -> Got {
        // This timeout is longer than every wait of a test with a paused clock.
        match timeout(Duration::from_secs(400), self.0.next()).await.expect("a frame comes within 400 s") {
            Some(Ok(Frame::Text(text))) => Got::Text(text.to_string()),
            Some(Ok(Frame::Binary(bytes))) => Got::Binary(bytes.len()),
            Some(Ok(Frame::Close(close))) => Got::Close(close.map_or(1005, |close| close.code.into())),
            _ => Got::Nothing,
        }
    }

    /// Skips frames, and returns the close code.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match self.get().await {
                Got::Close(code) => return code,
                Got::Nothing => return 1006,
                _ => (),
            }
        }
    }

    /// Closes the connection, and waits until the server has read everything.
    pub async fn leave(mut self) {
        self.0.close(None).await.unwrap();
        while self.0.next().await.is_some() {}
    }

    /// Sends HELLO, and returns the WELCOME.
    pub async fn greet(&mut self, hello: &str) -> Welcome {
        self.send(hello).await;
        match self.get().await {
            Got::Text(text) if text.starts_with('W') => Welcome(text),
            got => panic!("{got:?}"),
        }
    }
}

pub struct Welcome(String);

impl Welcome {
    pub fn token(&self) -> &str {
        self.0.split("\"token\":\"").nth(1).unwrap().split('"').next().unwrap()
    }

    pub fn processed(&self) -> u64 {
        self.0.split("\"processed\":").nth(1).unwrap().split(',').next().unwrap().parse().unwrap()
    }

    pub fn is_resumed(&self) -> bool {
        self.0.contains("\"resumed\":true")
    }
}

/// Opens a connection, sends HELLO, and returns the close code.
pub async fn refused(address: SocketAddr, hello: &str) -> u16 {
    let mut raw = Raw::open(address).await;
    raw.send(hello).await;
    raw.closed().await
}

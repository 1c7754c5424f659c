//! This crate, with a session.

use std::future::ready;

use futures_util::TryStreamExt;
use wasm_websocket::Message;
use wasm_websocket::session::{Session, SessionOptions};

use crate::{Failure, failure};

/// Sends a text and returns the answer.
pub async fn ask(url: &str, text: &'static str) -> Result<Option<String>, Failure> {
    let url = url.to_owned();
    let mut session = Session::new(SessionOptions::new(), move || ready(Ok(url.clone())));
    drop(session.send(text).await.map_err(failure)?);
    match session.try_next().await.map_err(failure)? {
        Some(Message::Text(answer)) => Ok(Some(answer)),
        _ => Ok(None),
    }
}

//! This crate, with a connection that reconnects.

use futures_util::TryStreamExt;
use wasm_websocket::{Message, ReconnectOptions, Reconnecting};

use crate::{Failure, failure};

/// Sends a text and returns the answer.
pub async fn ask(url: &str, text: &'static str) -> Result<Option<String>, Failure> {
    let url = url.to_owned();
    let mut feed = Reconnecting::new(ReconnectOptions::new(), move || std::future::ready(Ok(url.clone())));
    feed.send(text).await.map_err(failure)?;
    match feed.try_next().await.map_err(failure)? {
        Some(Message::Text(answer)) => Ok(Some(answer)),
        _ => Ok(None),
    }
}

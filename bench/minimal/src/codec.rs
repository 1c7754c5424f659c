//! This crate, with a codec.

use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use wasm_websocket::WebSocketStream;

#[cfg(feature = "js-json")]
use wasm_websocket::codec::JsJson as Codec;
#[cfg(feature = "json")]
use wasm_websocket::codec::Json as Codec;
#[cfg(feature = "postcard")]
use wasm_websocket::codec::Postcard as Codec;

use crate::{Failure, failure};

#[derive(Serialize, Deserialize)]
struct Greeting {
    text: String,
}

/// Sends a value with a text, and returns the text of the answer.
pub async fn ask(url: &str, text: &str) -> Result<Option<String>, Failure> {
    let mut stream = WebSocketStream::connect(url).await.map_err(failure)?.typed::<Greeting, Greeting, Codec>();
    stream.send(Greeting { text: text.into() }).await.map_err(failure)?;
    Ok(stream.try_next().await.map_err(failure)?.map(|greeting| greeting.text))
}

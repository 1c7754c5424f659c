use futures_util::StreamExt;
use wasm_bindgen::{JsError, prelude::wasm_bindgen};
use wasm_websocket::session::{Session, SessionOptions};

#[wasm_bindgen(start)] // counts: sends a number, and the next one when the server has sent it back
async fn start() -> Result<(), JsError> {
    let options = SessionOptions::new().credentials(async || Ok("ada")); // called before each connection
    let mut session = Session::new(options, async || Ok("ws://127.0.0.1:3000/"));
    drop(session.send("1").await?); // drops only the receipt
    while let Some(item) = session.next().await {
        let number: u64 = match item {
            Ok(message) => message.as_text().unwrap_or_default().parse()?,
            Err(_lost) => 0, // the server has forgotten the session, and a new one has begun
        };
        gloo_utils::body().set_inner_text(&number.to_string());
        drop(session.send((number + 1).to_string()).await?);
    }
    Ok(())
}

use futures_util::TryStreamExt;
use wasm_bindgen::{JsError, prelude::wasm_bindgen};
use wasm_websocket::WebSocketStream;

#[wasm_bindgen(start)] // runs when the page has loaded the module; errors are in the browser's console
async fn start() -> Result<(), JsError> {
    let mut stream = WebSocketStream::connect("/echo").await?; // on the server that the page comes from
    stream.send("hello").await?;
    if let Some(answer) = stream.try_next().await? {
        gloo_utils::body().set_inner_text(answer.as_text().unwrap_or_default());
    }
    stream.close().await?;
    Ok(())
}

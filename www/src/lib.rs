//! The demo page: what one draws or drops goes to a real server, and what comes back is shown.
//!
//! ```text
//! page ─▶ demo ─▶ connection ─▶ server
//! page ◀───────── connection ◀─ server
//! ```

mod canvas;
mod connection;
mod demo;
mod file;
mod page;
mod peers;

use wasm_bindgen::prelude::*;

/// Runs when the page has loaded this module.
#[wasm_bindgen(start)]
fn start() -> Result<(), JsValue> {
    demo::Demo::start()
}

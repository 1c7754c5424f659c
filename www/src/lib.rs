//! The demo page: what one draws, drops or types goes to a real server, and what comes back is compared.
//!
//! ```text
//!  page ─▶ connection ─┬─ drawing     one connection for both, of the user's choice
//!                      └─ messages
//!  page ─▶ files                      a connection for each file
//!  page ─▶ faults                     a connection for each fault
//!  page ─▶ reconnection               one that comes back
//!            all of them ─▶ log, meter ─▶ traffic
//! ```
//!
//! One module per section of the page, each with the functions that the section shows in its fold-out: what lies between
//! `// region:` and `// endregion` is put there when the page is built.

mod connection;
mod demo;
mod drawing;
mod faults;
mod files;
mod format;
mod frame;
mod hash;
mod log;
mod messages;
mod meter;
mod page;
mod peers;
mod reconnection;
mod row;
mod speed;
mod task;
mod traffic;

use wasm_bindgen::prelude::*;

/// Runs when the page has loaded this module.
#[wasm_bindgen(start)]
fn start() -> Result<(), JsValue> {
    demo::Demo::start()
}

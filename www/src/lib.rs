//! The demo page: drawings, messages and files go to a real server, and the page compares what comes back.
//!
//! ```text
//!  connection ─┐
//!  drawing ────┼─▶ link     one connection, which these cards share
//!  messages ───┘    │
//!  files ───────────┤       a connection for each file
//!  faults ──────────┤       a connection for each fault
//!  reconnection ────┤       a connection that comes back
//!  session ─────────┤       a session, and beside it a connection that comes back, under the same faults
//!  traffic ─────────┤
//!                   └─▶ log, meter, server ─▶ canvas, page, format, frame, task
//! ```
//!
//! A card of the page is a `<section>` in `index.html`, a module here, and a line in [`start`], which passes the card its
//! dependencies: cards do not use each other. The section's fold-out shows the lines between `// region:` and `// endregion`,
//! which are copied into the page when it is built.

mod address;
mod canvas;
mod connection;
mod copy;
mod drawing;
mod faults;
mod files;
mod format;
mod frame;
mod link;
mod log;
mod messages;
mod meter;
mod page;
mod reconnection;
mod server;
mod session;
mod task;
mod traffic;

use wasm_bindgen::prelude::*;

use link::Link;
use log::Log;
use meter::Meter;

/// Runs when the page has loaded this module.
#[wasm_bindgen(start)]
fn start() -> Result<(), JsValue> {
    let (log, meter) = (Log::default(), Meter::default());
    let link = Link::new(&log, &meter);
    drawing::start(&link)?;
    messages::start(&link, &log);
    files::start(&log, &meter);
    faults::start(&log, &meter);
    reconnection::start(&log);
    session::start(&log)?;
    traffic::start(&meter);
    copy::start();
    connection::start(&link, &log);
    Ok(())
}

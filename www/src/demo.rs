//! What the sections have in common.

use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_websocket::{Error, Options};

use crate::connection::Connection;
use crate::drawing::Drawing;
use crate::log::Log;
use crate::meter::Meter;
use crate::{connection, drawing, faults, files, messages, peers, reconnection, traffic};

/// The page's state.
pub struct Demo {
    /// The connection that drawings and messages go by.
    pub connection: Connection,
    pub drawing: Drawing,
    pub log: Log,
    pub meter: Meter,
}

impl Demo {
    /// Sets the page up.
    pub fn start() -> Result<(), JsValue> {
        let demo = Rc::new(Self {
            connection: Connection::default(),
            drawing: Drawing::new()?,
            log: Log::default(),
            meter: Meter::default(),
        });
        connection::start(&demo);
        drawing::start(&demo);
        files::start(&demo);
        messages::start(&demo);
        traffic::start(&demo);
        faults::start(&demo);
        reconnection::start(&demo);
        peers::offer(&demo);
        Ok(())
    }
}

/// The unsent bytes above which senders wait, and those at which they go on: the crate's own defaults.
pub const HIGH_WATER_MARK: u64 = 1 << 20;
pub const LOW_WATER_MARK: u64 = 256 << 10;

/// Those of every connection of the page.
pub fn options() -> Options {
    Options::new().high_water_mark(HIGH_WATER_MARK).low_water_mark(LOW_WATER_MARK)
}

/// An error in the words of one who looks at the page.
pub fn explain(error: &Error) -> String {
    match error {
        Error::NotOpen(_) => "There is no open connection: connect first.".into(),
        Error::Full => "Too much is still on its way out: wait a moment, or see what the server does with it.".into(),
        error => error.to_string(),
    }
}

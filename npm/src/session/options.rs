//! Makes [`SessionOptions`] of a plain object that `session-options.ts` has checked, and of hooks.

use std::time::Duration;

use wasm_websocket::session::SessionOptions;

use super::hooks::SessionHooks;
use crate::backoff;
use crate::object::Plain;
use crate::options::{self, bytes, duration};

/// Reads the fields of `SessionOptions` in `session-options.ts`.
pub(crate) fn read(given: &Plain, hooks: &SessionHooks) -> SessionOptions {
    let mut options = SessionOptions::new().connection(options::read(given));
    if hooks.has_credentials() {
        let hooks = hooks.clone();
        options = options.credentials(async move || hooks.find_credentials().await);
    }
    if let Some(protocol) = given.text("protocol") {
        options = options.protocol(protocol);
    }
    if let Some(bytes) = bytes(given, "window") {
        options = options.window(bytes);
    }
    if let Some(bytes) = bytes(given, "maxMessage") {
        options = options.max_message(bytes);
    }
    if let Some(bytes) = bytes(given, "replay") {
        options = options.replay(bytes);
    }
    if given.get("explicit").is_truthy() {
        options = options.explicit();
    }
    if let Some(backoff) = given.object("backoff") {
        options = options.backoff(backoff::read(&backoff));
    }
    if let Some(heartbeat) = given.object("heartbeat") {
        let time = |name, seconds| duration(&heartbeat, name).unwrap_or(Duration::from_secs(seconds));
        options = options.heartbeat(time("interval", 25), time("timeout", 10));
    }
    options
}

//! Makes [`ReconnectOptions`] of a plain object that `reconnect-options.ts` has checked, and of hooks.

use wasm_websocket::reconnect::{Attempt, Heartbeat, WhenFull, WhenLost};
use wasm_websocket::{ReconnectOptions, WebSocketStream};

use super::hooks::Hooks;
use super::opening::serve;
use crate::object::Plain;
use crate::options::{self, bytes, duration};
use crate::{backoff, message};

/// Reads the fields of `ReconnectOptions` in `reconnect-options.ts`.
pub(crate) fn read(given: &Plain, hooks: &Hooks) -> ReconnectOptions {
    let closing = hooks.clone();
    let mut options =
        ReconnectOptions::new().connection(options::read(given)).after_close(move |event| closing.after_close(event));
    if let Some(backoff) = given.object("backoff") {
        options = options.backoff(backoff::read(&backoff));
    }
    if let Some(heartbeat) = given.object("heartbeat") {
        options = options.heartbeat(read_heartbeat(&heartbeat, hooks.clone()));
    }
    if let Some(limit) = given.object("queueLimit") {
        options = with_queue_limit(options, &limit);
    }
    if let Some(limit) = given.object("unconfirmedLimit") {
        if let Some(bytes) = bytes(&limit, "bytes") {
            options = options.unconfirmed_limit(bytes);
        }
        if let Some(messages) = limit.number("messages") {
            options = options.unconfirmed_limit_messages(messages as usize);
        }
    }
    if given.text("whenLost").is_some_and(|name| name == "resend") {
        options = options.when_lost(WhenLost::Resend);
    }
    let opened = hooks.clone();
    options.on_open(async move |stream: &mut WebSocketStream, attempt: &Attempt| {
        serve(stream, |opening| opened.opened(opening, attempt)).await
    })
}

/// Reads the fields of `Heartbeat` in `reconnect-options.ts`. A `pong` that is text is compared here; a `pong` that is a function
/// is called.
fn read_heartbeat(given: &Plain, hooks: Hooks) -> Heartbeat {
    let pong = given.text("pong");
    let mut heartbeat = Heartbeat::new(message::from_js(given.get("ping")), move |message| match &pong {
        Some(pong) => message.as_text() == Some(pong),
        None => hooks.is_pong(message::to_js(message)),
    });
    if let Some(interval) = duration(given, "interval") {
        heartbeat = heartbeat.interval(interval);
    }
    if let Some(timeout) = duration(given, "timeout") {
        heartbeat = heartbeat.timeout(timeout);
    }
    heartbeat
}

fn with_queue_limit(mut options: ReconnectOptions, limit: &Plain) -> ReconnectOptions {
    if let Some(bytes) = bytes(limit, "bytes") {
        options = options.queue_limit(bytes);
    }
    if let Some(messages) = limit.number("messages") {
        options = options.queue_limit_messages(messages as usize);
    }
    options.when_full(match limit.text("whenFull").as_deref() {
        Some("wait") => WhenFull::Wait,
        Some("dropOldest") => WhenFull::DropOldest,
        _ => WhenFull::Reject,
    })
}

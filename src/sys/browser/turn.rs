//! The next turn of the event loop.

use std::cell::Cell;
use std::vec::IntoIter;

use js_sys::Function;
use wasm_bindgen::JsCast;

use super::bindings::{self, MessagePort};
use super::listener::{Callback, callback};
use super::reflect;

type Action = Box<dyn FnOnce()>;

/// Runs an action in the next turn of the event loop.
///
/// Posts a message from the page to itself: unlike timers, messages are not delayed in hidden tabs or when they are frequent.
/// Sets a timer where there is no `MessageChannel`.
pub fn in_next_turn(action: impl FnOnce() + 'static) {
    add(Box::new(action));
}

thread_local! {
    static ACTIONS: Cell<Vec<Action>> = const { Cell::new(Vec::new()) };
    /// Shared and kept, because creating a channel costs more than using it.
    static TURN: Turn = Turn::new();
}

fn add(action: Action) {
    let is_first = ACTIONS.try_with(|actions| {
        let mut all = actions.take();
        let is_first = all.is_empty();
        all.push(action);
        actions.set(all);
        is_first
    });
    // Called after `actions` is set: the page may have replaced `postMessage` with code that calls this function again.
    if is_first == Ok(true) {
        let _ = TURN.try_with(Turn::ask);
    }
}

fn run() {
    // All actions are taken out first, since they may ask for another turn.
    let mut rest = Rest(ACTIONS.try_with(Cell::take).unwrap_or_default().into_iter());
    for action in rest.0.by_ref() {
        action();
    }
}

/// The remaining actions of a turn. If an action panics, the others run in another turn.
struct Rest(IntoIter<Action>);

#[cfg(panic = "unwind")]
impl Drop for Rest {
    fn drop(&mut self) {
        self.0.by_ref().for_each(add);
    }
}

/// Asks the event loop for a turn.
struct Turn {
    channel: Option<MessagePort>,
    callback: Callback,
}

impl Turn {
    fn new() -> Self {
        let callback = callback(|_| run());
        Self { channel: channel(callback.as_ref().unchecked_ref()), callback }
    }

    fn ask(&self) {
        match &self.channel {
            Some(port) => port.post_message(0),
            None => drop(bindings::set_timeout(self.callback.as_ref().unchecked_ref(), 0.0)),
        }
    }
}

/// Returns a port. Each message that is posted to it calls the callback in a turn of its own.
fn channel(callback: &Function) -> Option<MessagePort> {
    let channel = reflect::construct("MessageChannel", "", None).ok()??;
    let port = |name| reflect::get(&channel, name).map(JsCast::unchecked_into::<MessagePort>);
    let receiver = port("port1")?;
    // In Node, a port would keep the process alive for ever; a timer does so only while it is set.
    if reflect::get(&receiver, "unref").is_some() {
        return None;
    }
    receiver.set_onmessage(callback);
    port("port2")
}

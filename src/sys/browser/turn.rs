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
/// It sends a message from the page to itself: unlike timers, messages are not delayed in hidden tabs or when they are frequent.
/// Where there is no `MessageChannel`, it sets a timer.
pub fn in_next_turn(action: impl FnOnce() + 'static) {
    add(Box::new(action));
}

thread_local! {
    static ACTIONS: Cell<Vec<Action>> = const { Cell::new(Vec::new()) };
    /// Shared and kept, because making a channel costs more than using it.
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
    // The page may have replaced `postMessage` by code that calls this again.
    if is_first == Ok(true) {
        let _ = TURN.try_with(Turn::ask);
    }
}

fn run() {
    // Actions may ask for another turn.
    let mut rest = Rest(ACTIONS.try_with(Cell::take).unwrap_or_default().into_iter());
    for action in rest.0.by_ref() {
        action();
    }
}

/// The actions of a turn that are left to do. If one of them panics, the others follow in another turn.
struct Rest(IntoIter<Action>);

#[cfg(panic = "unwind")]
impl Drop for Rest {
    fn drop(&mut self) {
        self.0.by_ref().for_each(add);
    }
}

/// How the event loop is asked for a turn.
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

/// A port at whose other end the callback is called, in a turn of its own for each message.
fn channel(callback: &Function) -> Option<MessagePort> {
    let channel = reflect::construct("MessageChannel", "", None).ok()??;
    let port = |name| reflect::get(&channel, name).map(JsCast::unchecked_into::<MessagePort>);
    let receiver = port("port1")?;
    // A port of Node would keep the process alive for ever. A timer does so for as long as it is set.
    if reflect::get(&receiver, "unref").is_some() {
        return None;
    }
    receiver.set_onmessage(callback);
    port("port2")
}

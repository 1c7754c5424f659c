//! The next turn of the event loop.

use std::cell::Cell;

use wasm_bindgen::JsCast;

use super::bindings::{MessageChannel, MessagePort};
use super::listener::{Callback, callback};

/// Does something in the next turn of the event loop.
///
/// By a message from the page to itself: unlike timers it is not delayed in hidden tabs, nor when it is used often.
pub(crate) fn in_next_turn(action: impl FnOnce() + 'static) {
    let mut actions = ACTIONS.take();
    let is_first = actions.is_empty();
    actions.push(Box::new(action));
    ACTIONS.set(actions);
    if is_first {
        CHANNEL.with(|channel| channel.sender.post_message(0));
    }
}

thread_local! {
    static ACTIONS: Cell<Vec<Box<dyn FnOnce()>>> = const { Cell::new(Vec::new()) };
    /// One for all, and kept: it costs more to make than to use.
    static CHANNEL: Channel = Channel::new();
}

struct Channel {
    sender: MessagePort,
    _callback: Callback,
}

impl Channel {
    fn new() -> Self {
        // They may ask for another turn.
        let callback = callback(|_| ACTIONS.take().into_iter().for_each(|action| action()));
        let channel = MessageChannel::new();
        channel.port1().set_onmessage(callback.as_ref().unchecked_ref());
        Self { sender: channel.port2(), _callback: callback }
    }
}

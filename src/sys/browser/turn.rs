//! The next turn of the event loop.

use std::cell::RefCell;
use std::mem::take;

use wasm_bindgen::JsCast;

use super::bindings::{MessageChannel, MessagePort};
use super::listener::{Callback, callback};

/// Does something in the next turn of the event loop.
///
/// By a message from the page to itself: unlike timers it is not delayed in hidden tabs, nor when it is used often.
pub fn in_next_turn(action: impl FnOnce() + 'static) {
    let action = Box::new(action);
    let _ = TURN.try_with(|turn| turn.borrow_mut().add(action));
}

thread_local! {
    static TURN: RefCell<Turn> = const { RefCell::new(Turn { actions: Vec::new(), channel: None }) };
}

struct Turn {
    actions: Vec<Box<dyn FnOnce()>>,
    /// One for all, and kept: it costs more to make than to use.
    channel: Option<Channel>,
}

impl Turn {
    fn add(&mut self, action: Box<dyn FnOnce()>) {
        if self.actions.is_empty() {
            self.channel.get_or_insert_with(Channel::new).sender.post_message(0);
        }
        self.actions.push(action);
    }
}

struct Channel {
    sender: MessagePort,
    _callback: Callback,
}

impl Channel {
    fn new() -> Self {
        let callback = callback(|_| {
            // They may ask for another turn.
            let actions = TURN.try_with(|turn| take(&mut turn.borrow_mut().actions));
            actions.into_iter().flatten().for_each(|action| action());
        });
        let channel = MessageChannel::new();
        channel.port1().set_onmessage(callback.as_ref().unchecked_ref());
        Self { sender: channel.port2(), _callback: callback }
    }
}

//! The next turn of the event loop.

use std::cell::{OnceCell, RefCell};
use std::mem::take;

use wasm_bindgen::closure::Closure;

use super::bindings::{MessageChannel, MessagePort};

/// Does something in the next turn of the event loop.
///
/// By a message from the page to itself: unlike timers it is not delayed in hidden tabs, nor when it is used often.
pub(crate) fn in_next_turn(action: impl FnOnce() + 'static) {
    let is_first = ACTIONS.with_borrow_mut(|actions| {
        actions.push(Box::new(action));
        actions.len() == 1
    });
    if is_first {
        CHANNEL.with(|channel| channel.get_or_init(Channel::new).sender.post_message(0));
    }
}

thread_local! {
    static ACTIONS: RefCell<Vec<Box<dyn FnOnce()>>> = const { RefCell::new(Vec::new()) };
    /// One for all, and kept: it costs more to make than to use.
    static CHANNEL: OnceCell<Channel> = const { OnceCell::new() };
}

struct Channel {
    sender: MessagePort,
    _callback: Closure<dyn FnMut()>,
}

impl Channel {
    fn new() -> Self {
        let callback = Closure::own_assert_unwind_safe(|| {
            // They may ask for another turn.
            ACTIONS.with_borrow_mut(take).into_iter().for_each(|action| action());
        });
        let channel = MessageChannel::new();
        channel.port1().set_onmessage(&callback);
        Self { sender: channel.port2(), _callback: callback }
    }
}

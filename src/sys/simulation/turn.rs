//! The next turn of the event loop.

use super::page::{Source, current};

/// Does something in the next turn of the event loop. Outside of a page there is none.
pub fn in_next_turn(action: impl FnOnce() + 'static) {
    if let Some(page) = current() {
        page.queue(Source::Turn, Box::new(action));
    }
}

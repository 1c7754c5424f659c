//! The next turn of the event loop.

use super::page::{Source, current};

/// Runs an action in the next turn of the event loop. Does nothing outside of a page, where there is no event loop.
pub fn in_next_turn(action: impl FnOnce() + 'static) {
    if let Some(page) = current() {
        page.queue(Source::Turn, Box::new(action));
    }
}

//! Counts connections and their messages by key, like `tests/server/src/count.rs`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};

/// The record of the connections with one key, and its watchers.
#[derive(Default)]
struct Count {
    open: usize,
    received: usize,
    code: Option<u16>,
    watches: Vec<UnboundedSender<String>>,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} open, {} received", self.open, self.received)?;
        self.code.map_or(Ok(()), |code| write!(f, ", closed with {code}"))
    }
}

/// The counts by key.
#[derive(Clone, Default)]
pub struct Counts(Rc<RefCell<BTreeMap<String, Count>>>);

impl Counts {
    /// Counts a connection until the returned value is dropped.
    pub fn open(&self, key: &str) -> Counted {
        let counted = Counted { counts: self.clone(), key: key.to_owned() };
        counted.change(|count| count.open += 1);
        counted
    }

    /// Returns a stream of the count of a key: the current count, and each change.
    pub fn watch(&self, key: &str) -> UnboundedReceiver<String> {
        let (watch, changes) = unbounded();
        let mut counts = self.0.borrow_mut();
        let count = counts.entry(key.to_owned()).or_default();
        let _ = watch.unbounded_send(count.to_string());
        count.watches.push(watch);
        changes
    }
}

/// One open connection.
pub struct Counted {
    counts: Counts,
    key: String,
}

impl Counted {
    fn change(&self, change: impl FnOnce(&mut Count)) {
        let mut counts = self.counts.0.borrow_mut();
        let count = counts.entry(self.key.clone()).or_default();
        change(count);
        let now = count.to_string();
        count.watches.retain(|watch| watch.unbounded_send(now.clone()).is_ok());
    }

    pub fn received(&self) {
        self.change(|count| count.received += 1);
    }

    pub fn closed(&self, code: u16) {
        self.change(|count| count.code = Some(code));
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.change(|count| count.open -= 1);
    }
}

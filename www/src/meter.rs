//! How much has gone out and come in, and how much is unsent.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use wasm_websocket::Sender;

use crate::frame::now;

/// What is measured of all connections together. It is a handle, to be cloned.
#[derive(Clone, Default)]
pub struct Meter(Rc<Counts>);

#[derive(Default)]
struct Counts {
    sent: Cell<u64>,
    received: Cell<u64>,
    senders: RefCell<Vec<(u64, Sender)>>,
    last_id: Cell<u64>,
    last: Cell<Reading>,
    samples: RefCell<VecDeque<Sample>>,
}

/// The counts at one time.
#[derive(Clone, Copy, Default)]
struct Reading {
    time: f64,
    sent: u64,
    received: u64,
}

/// What was measured between two looks.
#[derive(Clone, Copy, Default)]
pub struct Sample {
    /// Bytes per second.
    pub sent: f64,
    pub received: f64,
    /// The bytes that the connection which has the most of them has not yet handed to the network.
    pub buffered: u64,
}

/// How many samples are kept.
pub const SAMPLES: usize = 150;

impl Meter {
    /// Counts bytes that a browser has taken.
    pub fn sent(&self, bytes: u64) {
        self.0.sent.set(self.0.sent.get() + bytes);
    }

    /// Counts bytes that have come.
    pub fn received(&self, bytes: u64) {
        self.0.received.set(self.0.received.get() + bytes);
    }

    /// Looks at the connection of a sender, too, until the result is dropped.
    pub fn watch(&self, sender: &Sender) -> Watched {
        let id = self.0.last_id.get() + 1;
        self.0.last_id.set(id);
        self.0.senders.borrow_mut().push((id, sender.clone()));
        Watched { counts: self.0.clone(), id }
    }

    /// Measures, and gives all samples, the oldest first.
    pub fn sample(&self) -> Vec<Sample> {
        let now = Reading { time: now(), sent: self.0.sent.get(), received: self.0.received.get() };
        let last = self.0.last.replace(now);
        let seconds = ((now.time - last.time) / 1e3).max(1e-3);
        let mut samples = self.0.samples.borrow_mut();
        if samples.len() == SAMPLES {
            samples.pop_front();
        }
        samples.push_back(Sample {
            sent: (now.sent - last.sent) as f64 / seconds,
            received: (now.received - last.received) as f64 / seconds,
            buffered: self.buffered(),
        });
        samples.iter().copied().collect()
    }

    fn buffered(&self) -> u64 {
        self.0.senders.borrow().iter().map(|(_, sender)| sender.buffered_amount()).max().unwrap_or_default()
    }
}

/// A connection that the meter looks at, until this is dropped.
#[must_use = "the meter looks away when this is dropped"]
pub struct Watched {
    counts: Rc<Counts>,
    id: u64,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let senders = self.counts.senders.take();
        let (gone, others): (Vec<_>, Vec<_>) = senders.into_iter().partition(|(id, _)| *id == self.id);
        self.counts.senders.replace(others);
        drop(gone);
    }
}

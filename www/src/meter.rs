//! Measures how much is sent, received and unsent.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::iter::repeat_n;
use std::rc::Rc;
use std::task::Poll;

use futures_util::task::AtomicWaker;
use wasm_websocket::{Sender, Transport};

use crate::frame::now;

/// Measures all connections together. Clones are handles of the same meter.
#[derive(Clone, Default)]
pub struct Meter(Rc<Shared>);

#[derive(Default)]
struct Shared {
    sent: Cell<Count>,
    received: Cell<Count>,
    /// Wakes the task that plots, when there is traffic.
    traffic: AtomicWaker,
    senders: RefCell<Vec<(u64, Sender)>>,
    last_id: Cell<u64>,
    /// The bytes of a flood that the server has sent; `None` without a flood.
    flood: Cell<Option<Served>>,
    last: Cell<Reading>,
    samples: RefCell<VecDeque<Sample>>,
}

/// A number of messages, and of their bytes.
#[derive(Clone, Copy, Default, PartialEq)]
struct Count {
    messages: u64,
    bytes: u64,
}

/// The counts at a time, in milliseconds.
#[derive(Clone, Copy, Default)]
struct Reading {
    time: f64,
    sent: Count,
    received: Count,
}

/// Messages and bytes per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    pub messages: f64,
    pub bytes: f64,
}

/// The measurement between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    pub sent: Rate,
    pub received: Rate,
    /// The unsent bytes of the connection with the most unsent bytes.
    pub buffered: u64,
    /// `None` without a flood.
    pub served: Option<Served>,
}

/// The bytes of a flood that the server has sent, by its reports; `None` before the first report.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Served {
    pub by_events: Option<u64>,
    pub by_streams: Option<u64>,
}

/// The time between two samples, in milliseconds.
pub const INTERVAL: i32 = 200;

/// How many samples are kept.
pub const SAMPLES: usize = 150;

impl Meter {
    /// Counts a message that was handed to the browser.
    pub fn sent(&self, bytes: u64) {
        self.count(&self.0.sent, bytes);
    }

    /// Counts a message that was received.
    pub fn received(&self, bytes: u64) {
        self.count(&self.0.received, bytes);
    }

    fn count(&self, count: &Cell<Count>, bytes: u64) {
        count.set(count.get().plus(bytes));
        self.0.traffic.wake();
    }

    /// Also measures the unsent bytes of a sender's connection, until the result is dropped.
    pub fn watch(&self, sender: &Sender) -> Watched {
        let id = self.0.last_id.get() + 1;
        self.0.last_id.set(id);
        self.0.senders.borrow_mut().push((id, sender.clone()));
        Watched { meter: self.clone(), id }
    }

    /// Also measures the bytes that the server sends in a flood, until the result is dropped.
    pub fn flood(&self) -> Flood {
        self.0.flood.set(Some(Served::default()));
        self.0.traffic.wake();
        Flood(self.clone())
    }

    /// Resolves when there is traffic to plot: now, or in the samples.
    pub async fn traffic(&self) {
        let was_quiet = self.is_quiet();
        poll_fn(|context| {
            self.0.traffic.register(context.waker());
            if self.is_quiet() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        if was_quiet {
            // The next sample begins here: traffic after a rest is not spread over the rest.
            self.0.last.set(Reading { time: now(), ..self.0.last.get() });
        }
    }

    fn is_quiet(&self) -> bool {
        let last = self.0.last.get();
        (last.sent, last.received) == (self.0.sent.get(), self.0.received.get())
            && self.0.samples.borrow().iter().all(|sample| *sample == Sample::default())
    }

    /// Measures, and returns all samples, the oldest first.
    pub fn sample(&self) -> Vec<Sample> {
        let now = Reading { time: now(), sent: self.0.sent.get(), received: self.0.received.get() };
        let last = self.0.last.replace(now);
        let seconds = ((now.time - last.time) / 1e3).max(1e-3);
        let sample = Sample {
            sent: now.sent.since(last.sent, seconds),
            received: now.received.since(last.received, seconds),
            buffered: self.buffered(),
            served: self.0.flood.get(),
        };
        // Browsers delay the timers of hidden pages, so one sample may stand for several.
        let count = (1e3 * seconds / f64::from(INTERVAL)).round().clamp(1.0, SAMPLES as f64);
        let mut samples = self.0.samples.borrow_mut();
        samples.extend(repeat_n(sample, count as usize));
        let surplus = samples.len().saturating_sub(SAMPLES);
        samples.drain(..surplus);
        samples.iter().copied().collect()
    }

    fn buffered(&self) -> u64 {
        self.0.senders.borrow().iter().map(|(_, sender)| sender.buffered_amount()).max().unwrap_or_default()
    }
}

impl Count {
    fn plus(self, bytes: u64) -> Self {
        Self { messages: self.messages + 1, bytes: self.bytes + bytes }
    }

    fn since(self, last: Self, seconds: f64) -> Rate {
        Rate {
            messages: (self.messages - last.messages) as f64 / seconds,
            bytes: (self.bytes - last.bytes) as f64 / seconds,
        }
    }
}

/// Measures the bytes that the server sends in a flood.
#[must_use = "the flood is no longer measured when this is dropped"]
pub struct Flood(Meter);

impl Flood {
    /// Records how many bytes the server has sent over a transport.
    pub fn sent(&self, transport: Transport, bytes: u64) {
        let mut served = self.0.0.flood.get().unwrap_or_default();
        match transport {
            Transport::Streams => served.by_streams = Some(bytes),
            _ => served.by_events = Some(bytes),
        }
        self.0.0.flood.set(Some(served));
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.0.0.flood.set(None);
    }
}

/// A connection whose unsent bytes are measured.
#[must_use = "the connection is no longer measured when this is dropped"]
pub struct Watched {
    meter: Meter,
    id: u64,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let senders = self.meter.0.senders.take();
        let (gone, others): (Vec<_>, Vec<_>) = senders.into_iter().partition(|(id, _)| *id == self.id);
        self.meter.0.senders.replace(others);
        drop(gone);
    }
}

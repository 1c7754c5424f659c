//! What a page has recorded.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use wasm_websocket_browser::Page;

/// The events of a page, in order.
pub struct Seen(Vec<Event>);

/// An event of a page, with the names that `tests/page` gives.
#[derive(Debug, Deserialize)]
pub struct Event {
    /// In milliseconds since the page was loaded.
    pub at: f64,
    pub kind: String,
    pub what: String,
}

impl Seen {
    pub async fn on(page: &Page) -> Result<Self> {
        Ok(Self(serde_json::from_value(page.run("return events;").await?)?))
    }

    fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Event> {
        self.0.iter().filter(move |event| event.kind == kind)
    }

    pub fn during(&self, time: &Range<f64>) -> impl Iterator<Item = &Event> {
        self.0.iter().filter(|event| time.contains(&event.at))
    }

    pub fn what<'a>(&'a self, kind: &'a str) -> Vec<&'a str> {
        self.of(kind).map(|event| event.what.as_str()).collect()
    }

    pub fn times<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = f64> {
        self.of(kind).map(|event| event.at)
    }

    /// Returns when something happened last.
    pub fn time(&self, kind: &str, what: &str) -> Result<f64> {
        let last = self.of(kind).filter(|event| event.what == what).last();
        Ok(last.with_context(|| format!("there was no {kind}: {what}"))?.at)
    }

    pub fn numbers(&self, kind: &str, time: &Range<f64>) -> Vec<i64> {
        self.during(time).filter(|event| event.kind == kind).filter_map(|event| event.what.parse().ok()).collect()
    }

    /// Returns the median of the numbers of a kind.
    pub fn median(&self, kind: &str, time: &Range<f64>) -> Option<i64> {
        let mut numbers = self.numbers(kind, time);
        numbers.sort_unstable();
        numbers.get(numbers.len() / 2).copied()
    }

    /// Returns the events before the first event of a kind.
    pub fn before<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Event> {
        self.0.iter().take_while(move |event| event.kind != kind)
    }

    /// Returns whether the browser has ended a connection.
    pub fn is_lost(&self) -> bool {
        self.of("listening ended").next().is_some()
    }

    /// Checks that every connection is unchanged, or that the browser has ended all of them.
    pub fn goes_on(&self) -> Result<()> {
        if self.is_lost() { self.comes_back_once() } else { self.stays_connected() }
    }

    pub fn has_uploaded(&self) -> bool {
        self.what("upload ended") == ["Ok(())"]
    }

    /// Checks that every connection is unchanged: none was lost, and no heartbeat has ended one.
    pub fn stays_connected(&self) -> Result<()> {
        ensure!(self.has_uploaded(), "{:?}", self.what("upload ended"));
        ensure!(self.what("listening ended").is_empty(), "{:?}", self.what("listening ended"));
        ensure!((self.opened("channel")?, self.opened("quiet")?) == (1, 1), "a connection was dropped");
        Ok(())
    }

    /// Returns how often a reconnecting connection was opened. Fails unless it is open.
    pub fn opened(&self, name: &str) -> Result<u32> {
        let states = self.what(name);
        ensure!(states.last() == Some(&"Open"), "{name} is not open: {states:?}");
        Ok(states.iter().map(|state| u32::from(*state == "Open")).sum())
    }

    /// Checks that the browser has ended every connection and reported this, and that the reconnecting ones have reconnected once.
    fn comes_back_once(&self) -> Result<()> {
        let ended = self.what("listening ended");
        ensure!(ended.iter().all(|end| end.contains("1006")), "{ended:?}");
        let upload = self.what("upload ended");
        ensure!(
            upload.iter().all(|end| end.starts_with("Err")),
            "an upload that was cut off has ended with {upload:?}"
        );
        let opened = (self.opened("channel")?, self.opened("quiet")?);
        ensure!(opened == (2, 2), "connections were opened {opened:?} times");
        Ok(())
    }

    /// Returns what happened in the 100 ms after a time, in order.
    pub fn order(&self, from: f64) -> String {
        let mut order: Vec<(&str, u32)> = Vec::new();
        for event in self.during(&(from..from + 100.0)) {
            match order.last_mut() {
                Some((kind, count)) if *kind == event.kind => *count += 1,
                _ => order.push((&event.kind, 1)),
            }
        }
        order.iter().map(|(kind, count)| format!("{kind} ×{count}")).collect::<Vec<_>>().join(", ")
    }
}

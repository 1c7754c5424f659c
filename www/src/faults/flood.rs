//! The fault “It floods”: two readers of the same flood side by side, one over events and one over streams.

use std::cell::Cell;
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::join;
use serde::Deserialize;
use wasm_websocket::{Error, Message, Options, Overflow, Transport, WebSocketStream};
use web_sys::Element;

use super::Outcome;
use crate::format::{count, number, seconds_to_a_tenth};
use crate::frame::{Pace, next_frame, sleep};
use crate::meter::{Flood, INTERVAL, Meter};
use crate::page::{element, selected, set, show, value};
use crate::server::{self, url};

/// The most bytes of one flood: the limit of the server.
const MOST_BYTES: u64 = 1 << 30;

/// The values of the fields.
struct Choice {
    messages: u64,
    size: u64,
    is_slow: bool,
    overflow: Overflow,
}

/// One of the readers.
struct Reader<'a> {
    choice: &'a Choice,
    transport: Transport,
    flood: &'a Flood,
    meter: &'a Meter,
    pace: Pace,
    taken: Cell<u64>,
    dropped: Cell<u64>,
    is_done: Cell<bool>,
}

/// The server's report of a flood.
#[derive(Deserialize)]
struct Report {
    messages: u64,
    bytes: u64,
    waited_ms: u32,
}

/// Connects both readers to a flood at the same time.
pub async fn flood(meter: Meter) -> Outcome {
    let (choice, flood) = (Choice::of_fields()?, meter.flood());
    let reader = |transport| Reader::new(&choice, transport, &flood, &meter);
    let (events, streams) = (reader(Transport::Events), reader(Transport::Streams));
    let (by_events, by_streams) = join(events.run(), streams.run()).await;
    // The shortest flood is plotted, too: a line has at least two samples.
    sleep(3 * INTERVAL).await;
    Ok(format!("Over events: {by_events}. Over streams: {by_streams}."))
}

/// Explains an error: in a few words for the table, and in full.
fn explain(error: Error) -> (&'static str, String) {
    match error {
        Error::Unsupported => ("not in this browser", "this browser has no WebSocketStream".into()),
        Error::Overflow => ("the queue was full", error.to_string()),
        error => ("lost", error.to_string()),
    }
}

impl<'a> Reader<'a> {
    fn new(choice: &'a Choice, transport: Transport, flood: &'a Flood, meter: &'a Meter) -> Self {
        let (pace, taken, dropped, is_done) = Default::default();
        let reader = Self { choice, transport, flood, meter, pace, taken, dropped, is_done };
        for figure in ["sent", "waited", "taken", "dropped", "ended"] {
            reader.show(figure, "–", 0);
        }
        reader
    }

    // region: flood
    /// Reads at the chosen speed. Over events, the browser continues to read meanwhile, so that the receive queue overflows. Over
    /// streams, the browser stops reading, and the server waits.
    async fn read(&self, mut stream: WebSocketStream) -> Result<(), Error> {
        while self.taken.get() + stream.dropped() < self.choice.messages {
            let Some(message) = stream.try_next().await? else { break };
            self.took(&message, stream.dropped());
            if self.choice.is_slow {
                next_frame().await;
            }
        }
        Ok(())
    }

    fn options(&self) -> Options {
        let (bytes, messages) = if self.choice.is_slow { (1 << 20, 256) } else { (64 << 20, 1 << 18) };
        let options = server::options().receive_limit(bytes).receive_limit_messages(messages).read_ahead(1 << 20);
        match self.transport {
            Transport::Streams => options.transport(Transport::Streams),
            _ => options.overflow(self.choice.overflow),
        }
    }
    // endregion

    /// Reads the flood, shows its progress, and returns the result.
    async fn run(&self) -> String {
        let (ended, result) = match self.compare().await {
            Ok(result) => ("complete", result),
            Err(error) => explain(error),
        };
        self.show("ended", ended, 0);
        result
    }

    async fn compare(&self) -> Result<String, Error> {
        let key = format!("{:?}-{}", self.transport, js_sys::Math::random());
        let path = format!("/feed/{}/{}/{key}", self.choice.messages, self.choice.size);
        let stream = self.options().connect(&url(&path)).await?;
        let read = async {
            let read = self.read(stream).await;
            self.show_progress();
            self.is_done.set(true);
            read
        };
        let (read, waited) = join(read, self.follow(&key)).await;
        read?;
        let waited = waited?;
        let (taken, dropped) = (count(self.taken.get(), "message"), number(self.dropped.get()));
        Ok(format!("{taken} taken, {dropped} dropped; the server waited {}", seconds_to_a_tenth(waited)))
    }

    /// Shows the server's reports until the end. Returns how long the server waited.
    async fn follow(&self, key: &str) -> Result<Duration, Error> {
        let mut reports = self.reports(key).await?;
        while !self.is_done.get() && self.report(&mut reports).await?.is_some() {}
        // Reports that arrive now may have been made long ago, but not the first one of a new connection.
        let last = self.report(&mut self.reports(key).await?).await?;
        Ok(last.unwrap_or_default())
    }

    async fn reports(&self, key: &str) -> Result<WebSocketStream, Error> {
        server::options().connect(&url(&format!("/flood-report/{key}"))).await
    }

    /// Shows the next report. Returns how long the server has waited, or `None` after the last report.
    async fn report(&self, reports: &mut WebSocketStream) -> Result<Option<Duration>, Error> {
        let message = reports.try_next().await?;
        let report = message.as_ref().and_then(Message::as_text).and_then(server::parse::<Report>);
        let Some(report) = report else { return Ok(None) };
        let waited = Duration::from_millis(report.waited_ms.into());
        self.flood.sent(self.transport, report.bytes);
        self.show("sent", &number(report.messages), report.messages);
        self.show("waited", &seconds_to_a_tenth(waited), 0);
        Ok(Some(waited))
    }

    fn took(&self, message: &Message, dropped: u64) {
        self.meter.received(message.len());
        self.taken.set(self.taken.get() + 1);
        self.dropped.set(dropped);
        if self.pace.is_due() {
            self.show_progress();
        }
    }

    fn show_progress(&self) {
        for (figure, messages) in [("taken", self.taken.get()), ("dropped", self.dropped.get())] {
            self.show(figure, &number(messages), messages);
        }
    }

    /// Shows a figure, and its share of all messages.
    fn show(&self, figure: &str, text: &str, messages: u64) {
        let side = if self.transport == Transport::Streams { "streams" } else { "events" };
        let id = format!("flood-{side}-{figure}");
        show(&id, text);
        let percent = 100.0 * messages as f64 / self.choice.messages as f64;
        set(&element::<Element>(&id), "style", &format!("--share: {percent:.1}%"));
    }
}

impl Choice {
    fn of_fields() -> Result<Self, String> {
        let field = |id, most: u64| {
            let value = value(id);
            let valid = value.parse().ok().filter(|number| (1..=most).contains(number));
            valid.ok_or_else(|| format!("`{value}` is not a number from 1 to {}", number(most)))
        };
        let (messages, size) = (field("flood-count", 1_000_000)?, field("flood-size", 1_000_000)?);
        if messages * size > MOST_BYTES {
            return Err(format!("{} bytes are too many; use {} at most", number(messages * size), number(MOST_BYTES)));
        }
        let reader = selected("flood-reader");
        let overflow = if reader == "end" { Overflow::Close } else { Overflow::DropOldest };
        Ok(Self { messages, size, is_slow: !reader.is_empty(), overflow })
    }
}

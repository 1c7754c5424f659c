//! The counts in the table: what happened to the messages, in a session and without one.

use serde::Deserialize;
use wasm_websocket::reconnect::Counts;
use wasm_websocket::session::SessionCounts;
use web_sys::Element;

use super::ledger::Ledger;
use crate::format::number;
use crate::page::{Is, element, show, show_verdict};

#[derive(Default)]
pub struct Tally {
    /// The number of messages, and so the number of the last one.
    pub messages: u64,
    pub processed: Report,
    pub ledger: Ledger,
    /// Messages in doubt of lost sessions.
    pub lost: u64,
    /// Messages in doubt without a session.
    pub in_doubt: u64,
}

/// The server's report of what it has processed.
#[derive(Clone, Copy, Default, Deserialize)]
pub struct Report {
    session: Processed,
    echo: Processed,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct Processed {
    messages: u32,
    /// How often a message was processed again.
    again: u32,
}

impl Tally {
    /// Shows the table. Without a session, messages in doubt may be sent again. Returns whether no message is in flight.
    pub fn show(&self, session: &SessionCounts, without: &Counts, sends_again: bool) -> bool {
        let (in_doubt, again) = if sends_again { (0, self.in_doubt) } else { (self.in_doubt, 0) };
        let of_session = [self.messages, self.ledger.again(), self.ledger.suppressed(), self.lost];
        show_side("session", of_session);
        show_side("without", [self.messages - without.rejected, again, 0, in_doubt]);
        // Messages in doubt that are sent again are in flight until they are handed over again.
        let to_be_repeated = if sends_again { without.in_doubt } else { 0 };
        let in_flight = [session.unacknowledged, without.queued + without.unconfirmed + to_be_repeated];
        self.show_processed("session", self.processed.session, in_flight[0]);
        self.show_processed("without", self.processed.echo, in_flight[1]);
        in_flight == [0, 0]
    }

    /// Shows what the server has processed. When no message is in flight, this includes a verdict: whether it has processed
    /// every message, and none twice.
    fn show_processed(&self, side: &str, processed: Processed, in_flight: u64) {
        let (messages, again) = (u64::from(processed.messages), u64::from(processed.again));
        let verdict = |is_right| match in_flight {
            0 if is_right => Is::Good,
            0 => Is::Bad,
            _ => Is::Neither,
        };
        let cell = |name| element::<Element>(&format!("{side}-{name}"));
        show_verdict(&cell("processed"), &number(messages), verdict(messages == self.messages));
        show_verdict(&cell("twice"), &number(again), verdict(again == 0));
    }
}

fn show_side(side: &str, figures: [u64; 4]) {
    for (name, figure) in ["sent", "again", "suppressed", "in-doubt"].into_iter().zip(figures) {
        show(&format!("{side}-{name}"), &number(figure));
    }
}

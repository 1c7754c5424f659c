//! Faults by a schedule that a seed determines, and a record of the messages that arrived.
//!
//! Each connection to `/chaos/{seed}/{key}` meets the next fault of its key's schedule: it echoes some messages, and then the fault
//! strikes. After 1,000 connections, or another number that `?faults=` sets, all connections only echo. Messages that arrive after
//! the fault are not recorded, since nobody has received them.
//!
//! `/chaos-report/{key}` sends one text and closes with 1000:
//!
//! ```json
//! { "connections": 2, "received": ["first", "second"], "unrecorded": 0, "struck": { "/close/1012": 1, "/fault/cut": 1 } }
//! ```
//!
//! `/session/chaos/{seed}/{key}` applies the same schedule to connections of sessions that echo. There the schedule counts frames
//! in both directions rather than messages, and messages are not recorded.

use std::collections::BTreeMap;
use std::iter;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::response::Response;
use fastrand::Rng;
use futures_util::SinkExt;
use serde::Serialize;
use tokio_tungstenite::tungstenite::Message;

use crate::behaviour;
use crate::connection::Breaker;
use crate::fault::Fault;
use crate::records::{Records, lock};
use crate::session::{self, Cut};
use crate::upgrade::{self, WebSocket};

/// The maximum number of connections with a fault, and the default number.
const FAULTS: (usize, usize) = (100_000, 1_000);

/// The maximum number of messages in a record, and of bytes in all of them.
const MAX_RECORD: (usize, usize) = (50_000, 4 << 20);

/// What happens on one connection.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Plan {
    fault: Fault,
    /// The number of messages before the fault strikes.
    messages: usize,
}

/// Returns the schedule that a seed determines. Each round of 13 connections has all 13 faults, in a random order.
fn schedule(seed: u64) -> impl Iterator<Item = Plan> {
    let mut rng = Rng::with_seed(seed);
    let rounds = iter::repeat_with(move || {
        let mut round = Fault::ALL;
        rng.shuffle(&mut round);
        round.map(|fault| Plan { fault, messages: rng.usize(0..20) })
    });
    rounds.flatten()
}

/// The record of the connections with one key.
#[derive(Clone, Default, Serialize)]
struct Record {
    /// The number of connections, including those that failed.
    connections: usize,
    /// The text messages that arrived on any of them, in order.
    received: Vec<String>,
    /// How many text messages had no room in `received`.
    unrecorded: usize,
    /// How often each fault struck.
    struck: BTreeMap<String, usize>,
    /// The number of bytes in `received`.
    #[serde(skip)]
    bytes: usize,
}

impl Record {
    /// Counts a new connection, and returns its number; 0 for the first.
    fn connect(&mut self) -> usize {
        self.connections += 1;
        self.connections - 1
    }

    fn receive(&mut self, text: &str) {
        let (most, largest) = MAX_RECORD;
        if self.received.len() < most && self.bytes + text.len() <= largest {
            self.bytes += text.len();
            self.received.push(text.to_owned());
        } else {
            self.unrecorded += 1;
        }
    }

    fn strike(&mut self, fault: Fault) {
        *self.struck.entry(fault.to_string()).or_default() += 1;
    }
}

static RECORDS: Records<Record> = Records::new();

/// Returns the number of connections with a fault that the query asks for; `None` if it is not a valid number.
pub fn faults(query: &str) -> Option<usize> {
    let (most, usual) = FAULTS;
    let given = query.split('&').find_map(|pair| pair.strip_prefix("faults="));
    given.map_or(Some(usual), |number| number.parse().ok()).filter(|faults| *faults <= most)
}

/// Counts a connection of a key. Returns the record of the key, and the plan of the connection; `None` if it only echoes.
fn next(seed: u64, key: &str, faults: usize) -> (Arc<Mutex<Record>>, Option<Plan>) {
    let record = RECORDS.find_or_begin(key);
    let number = lock(&record).connect();
    let plan = schedule(seed).take(faults).nth(number);
    if let Some(Plan { fault, .. }) = plan
        && fault.is_early()
    {
        lock(&record).strike(fault);
    }
    (record, plan)
}

/// Applies the scheduled fault to a connection.
pub async fn connect(seed: u64, key: &str, faults: usize, breaker: &Breaker, request: Request) -> Response {
    let (record, plan) = next(seed, key, faults);
    let Some(Plan { fault, messages }) = plan else {
        return upgrade::websocket(request, |socket| async move {
            echo(socket, &record, usize::MAX).await;
        });
    };
    let behave = move |socket| async move {
        let Some(mut socket) = echo(socket, &record, messages).await else { return };
        // A reset overtakes what was sent before. So it waits for one more message: a sign that the client has read the last echo.
        if fault == Fault::Reset && behaviour::receive(&mut socket).await.is_none() {
            return;
        }
        lock(&record).strike(fault);
        fault.strike(socket).await;
    };
    fault.handshake(breaker, request, behave).await
}

/// Applies the scheduled fault to a connection of a session.
pub async fn connect_session(seed: u64, key: &str, faults: usize, breaker: &Breaker, request: Request) -> Response {
    let (record, plan) = next(seed, key, faults);
    let Some(Plan { fault, messages }) = plan else {
        return upgrade::websocket(request, |socket| async { drop(session::echo(socket, Cut::Never).await) });
    };
    let behave = move |socket| async move {
        let Some(socket) = session::echo(socket, Cut::After(messages as u32)).await else { return };
        lock(&record).strike(fault);
        fault.strike(socket).await;
    };
    fault.handshake(breaker, request, behave).await
}

/// Echoes this many messages, and records those that are text. Returns `None` if the connection ends before that.
async fn echo(mut socket: WebSocket, record: &Mutex<Record>, messages: usize) -> Option<WebSocket> {
    for _ in 0..messages {
        let message = behaviour::receive(&mut socket).await?;
        if let Message::Text(text) = &message {
            lock(record).receive(text);
        }
        socket.send(message).await.ok()?;
    }
    Some(socket)
}

/// Sends the record of a key, as JSON, and closes.
pub async fn report(mut socket: WebSocket, key: String) {
    let record = RECORDS.find(&key).map(|record| lock(&record).clone()).unwrap_or_default();
    let json = serde_json::to_string(&record).expect("numbers and strings are JSON");
    if socket.send(Message::text(json)).await.is_ok() {
        behaviour::close(socket, 1000, String::new()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_determines_the_schedule() {
        let plans = |seed| schedule(seed).take(1_000).collect::<Vec<_>>();
        assert_eq!(plans(7), plans(7));
        assert_ne!(plans(7), plans(8));
    }

    #[test]
    fn each_round_has_all_faults_after_up_to_19_messages() {
        let plans: Vec<_> = schedule(7).take(100 * Fault::ALL.len()).collect();
        for round in plans.chunks(Fault::ALL.len()) {
            assert!(Fault::ALL.iter().all(|fault| round.iter().any(|plan| plan.fault == *fault)), "{round:?}");
        }
        let messages = |messages| plans.iter().any(|plan| plan.messages == messages);
        assert!((0..20).all(messages) && !(20..100).any(messages));
    }

    #[test]
    fn the_query_says_how_many_faults_there_are() {
        assert_eq!(faults("faults=0"), Some(0));
        assert_eq!(faults("name&faults=100000"), Some(100_000));
        assert_eq!(faults("name"), Some(1_000));
        for query in ["faults=", "faults=-1", "faults=100001", "faults=many"] {
            assert_eq!(faults(query), None, "{query}");
        }
    }
}

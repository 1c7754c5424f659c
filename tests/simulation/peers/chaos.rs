//! Faults by a schedule that a seed determines, and a record of the messages that arrived, like
//! `tests/server/src/chaos.rs`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use wasm_websocket::testing::Handshake;

use super::Server;
use super::behaviour::Connection;

/// The faults, each named like the path on which it always happens.
const FAULTS: [&str; 13] = [
    "/fault/refuse",
    "/handshake/reset",
    "/status/503",
    "/fault/slow",
    "/close/1001",
    "/close/1005",
    "/close/1011",
    "/close/1012",
    "/close/1013",
    "/reset",
    "/fin",
    "/fault/cut",
    "/fault/half-open",
];

/// The time for which a scheduled fault makes the client wait.
const DELAY: Duration = Duration::from_millis(200);

/// The record of the connections with one key.
#[derive(Default, Serialize)]
struct Record {
    connections: usize,
    received: Vec<String>,
    struck: BTreeMap<&'static str, usize>,
    #[serde(skip)]
    left: BTreeSet<&'static str>,
}

/// The records by key.
#[derive(Default)]
pub struct Chaos(RefCell<BTreeMap<String, Record>>);

impl Chaos {
    fn record<T>(&self, key: &str, change: impl FnOnce(&mut Record) -> T) -> T {
        change(self.0.borrow_mut().entry(key.to_owned()).or_default())
    }

    /// Returns the fault of a key's next connection, and the number of messages before it. 13 connections have all 13 faults.
    fn plan(&self, seed: u64, key: &str) -> (&'static str, usize) {
        self.record(key, |record| {
            record.connections += 1;
            if record.left.is_empty() {
                record.left = FAULTS.into();
            }
            let random = mixed(seed ^ (record.connections as u64) << 32);
            let index = random as usize % record.left.len();
            let fault = record.left.iter().copied().nth(index).unwrap_or_default();
            record.left.remove(fault);
            (fault, (random >> 32) as usize % 20)
        })
    }

    fn strike(&self, key: &str, fault: &'static str) {
        self.record(key, |record| *record.struck.entry(fault).or_default() += 1);
    }

    /// Returns the record of a key, as JSON.
    pub fn report(&self, key: &str) -> String {
        self.record(key, |record| serde_json::to_string(record).unwrap())
    }
}

/// Returns a hash of a number (SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Server {
    /// Applies the scheduled fault to a connection.
    pub async fn chaos(&self, handshake: Handshake, seed: u64, key: &str) -> Option<()> {
        let (fault, messages) = self.chaos.plan(seed, key);
        match fault {
            "/fault/refuse" | "/handshake/reset" | "/status/503" => {
                self.chaos.strike(key, fault);
                handshake.refuse();
                return Some(());
            }
            "/fault/slow" => self.page.sleep(DELAY).await,
            _ => {}
        }
        let mut connection = self.accept(handshake)?;
        for _ in 0..messages {
            let message = connection.receive().await?;
            if let Some(text) = message.as_text() {
                self.chaos.record(key, |record| record.received.push(text.to_owned()));
            }
            connection.send(message);
        }
        // A reset overtakes messages that were sent before, so it waits for a sign that the client has received them.
        if fault == "/reset" {
            connection.receive().await?;
        }
        self.chaos.strike(key, fault);
        strike(connection, fault).await;
        Some(())
    }
}

/// Ends an open connection.
async fn strike(connection: Connection, fault: &str) {
    match fault {
        "/fault/cut" => connection.cut(),
        "/fault/half-open" => connection.half_open(DELAY).await,
        "/reset" => connection.reset().await,
        "/fin" | "/fault/slow" => drop(connection),
        _ => connection.close(fault.trim_start_matches("/close/").parse().unwrap_or_default(), "").await,
    }
}

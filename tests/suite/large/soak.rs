//! Connections that break in every way, again and again, with traffic in both directions: each message must be accounted for.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join;
use macro_rules_attribute::apply;
use serde::Deserialize;
use wasm_websocket::reconnect::{Counts, Heartbeat, ReconnectingSender, State};
use wasm_websocket::{Error, Message, Options, Reconnecting};

use crate::suite::guard::{Live, log, now, random, spawn_local, turn};
use crate::suite::peer::{Count, IS_LARGE, connect, next, url};
use crate::suite::reconnect::quick;

/// The number of disconnections. The server disconnects in 13 ways, each of them once in 13 connections.
const DISCONNECTIONS: usize = if IS_LARGE { 520 } else { 65 };

/// What the caller knows about its messages.
#[derive(Default)]
struct Account {
    /// The sent messages, each with the number that `try_send` returned.
    numbers: BTreeMap<u32, u64>,
    rejected: u64,
    echoed: Vec<u32>,
    in_doubt: Vec<u32>,
}

fn number(message: &Message) -> u32 {
    message.as_text().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{message:?}"))
}

/// Sends numbers until `most` disconnections have happened, and then closes.
async fn send(feed: ReconnectingSender, account: &RefCell<Account>, most: usize) {
    let disconnections = Rc::new(Cell::new(0));
    let (counted, mut states) = (disconnections.clone(), feed.states());
    spawn_local(async move {
        while let Some(state) = states.next().await {
            counted.set(counted.get() + usize::from(matches!(state, State::Waiting { .. })));
        }
    });
    let mut next = 0;
    while disconnections.get() < most {
        for _ in 0..2 {
            let sent = feed.try_send(next.to_string());
            let account = &mut account.borrow_mut();
            match sent {
                Ok(number) => drop(account.numbers.insert(next, number)),
                Err(unsent) => {
                    assert_eq!((number(&unsent.message), unsent.error), (next, Error::Full));
                    account.rejected += 1;
                }
            }
            next += 1;
        }
        turn(1).await;
    }
    // The peer of the last connection may never answer the Close frame.
    let _ = feed.close().await;
}

/// Receives and confirms echoes until the end.
async fn receive(feed: &mut Reconnecting, account: &RefCell<Account>) {
    while let Some(item) = feed.next().await {
        let account = &mut account.borrow_mut();
        match item {
            Ok(echo) => {
                let echo = number(&echo);
                assert!(account.echoed.last().is_none_or(|last| *last < echo), "{echo} came twice, or out of order");
                account.echoed.push(echo);
                feed.confirm(account.numbers[&echo]);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Returns the messages that the server has received, and the number of ways in which it has disconnected.
async fn report(key: &str) -> (Vec<u32>, usize) {
    let Message::Text(report) = next(&mut connect(&format!("/chaos-report/{key}")).await).await else { panic!() };
    let Report { received, struck } = serde_json::from_str(&report).unwrap();
    (received.iter().filter_map(|text| text.parse().ok()).collect(), struck.len())
}

#[derive(Deserialize)]
struct Report {
    received: Vec<String>,
    struck: BTreeMap<String, usize>,
}

/// Sends and receives while the server disconnects again and again, and compares what the caller knows with what the server
/// knows. Returns the counts, and how many messages the server has received.
async fn soak(seed: u64, disconnections: usize) -> (Counts, usize) {
    let mut count = Count::new().await;
    let key = random().to_string();
    let path = count.path(&format!("/chaos/{seed}/{key}"));
    let milliseconds = Duration::from_millis;
    let heartbeat = Heartbeat::new("ping", |message| message.as_text() == Some("ping"));
    let options = quick()
        .heartbeat(heartbeat.interval(milliseconds(30)).timeout(milliseconds(150)))
        .queue_limit_messages(8)
        .unconfirmed_limit(u64::MAX)
        .unconfirmed_limit_messages(usize::MAX)
        .connection(Options::new().close_timeout(milliseconds(500)));
    let mut feed = Reconnecting::new(options, move || {
        let url = url(&path);
        async { Ok(url) }
    });
    let account = RefCell::<Account>::default();
    let sender = feed.sender();
    join(send(sender, &account, disconnections), receive(&mut feed, &account)).await;
    let counts = feed.counts();
    let in_doubt = feed.take_in_doubt();
    assert_eq!(in_doubt.count, in_doubt.messages.len() as u64);
    account.borrow_mut().in_doubt.extend(in_doubt.messages.iter().map(|(_, message)| number(message)));
    let queued: Vec<_> = feed.take_queued().iter().map(number).collect();
    drop(feed);
    count.becomes(0).await;
    let (received, ways) = report(&key).await;
    if disconnections > 50 {
        assert_eq!(ways, 13, "the server has not disconnected in all ways");
    }
    account.into_inner().compare(counts, &queued, &received);
    (counts, received.len())
}

impl Account {
    /// Compares the account with the counts, and with the messages that the server has received.
    fn compare(&self, counts: Counts, queued: &[u32], received: &[u32]) {
        assert!(received.is_sorted_by(|one, next| one < next), "a message was sent twice, or out of order");
        let sent: Vec<_> = self.numbers.keys().copied().collect();
        let is_in_doubt = |message: &u32| self.in_doubt.contains(message);
        let confirmed: Vec<_> =
            sent.iter().copied().filter(|sent| !is_in_doubt(sent) && !queued.contains(sent)).collect();
        // Each sent message is in exactly one place.
        let places =
            (counts.rejected, counts.confirmed, counts.in_doubt, counts.queued, counts.unconfirmed, counts.dropped);
        let [confirmed_len, in_doubt, queued_len] =
            [&confirmed, &self.in_doubt, &queued.to_vec()].map(|all| all.len() as u64);
        assert_eq!(places, (self.rejected, confirmed_len, in_doubt, queued_len, 0, 0));
        assert_eq!(confirmed_len + in_doubt + queued_len, sent.len() as u64);
        // The server has received all confirmed messages, and each message that it has received is confirmed or in doubt.
        assert!(confirmed.iter().all(|message| received.contains(message)), "a confirmed message was lost");
        assert!(
            received.iter().all(|message| confirmed.contains(message) || is_in_doubt(message)),
            "the server received a message that is neither confirmed nor in doubt"
        );
        assert!(self.echoed.iter().all(|echo| received.contains(echo)));
    }
}

#[apply(browser_test)]
async fn every_message_is_accounted_for_however_connections_break() {
    let _ = soak(1, 26).await;
    let before = Live::at_rest().await;
    let begin = now();
    let (counts, received) = soak(2, DISCONNECTIONS).await;
    // The highest number of objects varies from run to run, and wasm-bindgen's table of objects never shrinks.
    Live::at_rest().await.with_memory_of(&before).assert_no_more_than(&before);
    let time = now() - begin;
    log(&format!("disconnected {DISCONNECTIONS} times in {time} ms: {counts:?}; the server has received {received}"));
}

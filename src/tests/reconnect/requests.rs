//! The recipe “Request and response” of `docs/recipes.md`, over connections that are lost.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::StreamExt;

use super::seconds;
use crate::reconnect::ReconnectingSender;
use crate::testing::Peer;
use crate::tests::in_pages;
use crate::{ReconnectOptions, Reconnecting, State};

const URL: &str = "wss://example.com/ask";

// The recipe:
/// The requests without a response, by their ids. Whoever receives a response removes its request.
type Unanswered = Rc<RefCell<BTreeMap<u32, String>>>;

fn options() -> ReconnectOptions {
    ReconnectOptions::new().queue_limit_messages(0) // a queued request would be sent twice
}

async fn ask(sender: &ReconnectingSender, unanswered: &Unanswered, id: u32, request: String) {
    unanswered.borrow_mut().insert(id, request.clone());
    let _ = sender.send(request).await; // `Err` without a connection: `ask_again` sends it
}

/// Sends the requests without a response on each connection: for `spawn_local`.
async fn ask_again(sender: ReconnectingSender, unanswered: Unanswered) {
    let mut states = sender.states();
    while let Some(state) = states.next().await {
        let requests: Vec<_> = unanswered.borrow().values().cloned().collect();
        for request in requests.into_iter().filter(|_| state == State::Open) {
            let _ = sender.send(request).await;
        }
    }
}
// Its test:
async fn receives(peer: &mut Peer, expected: &str) {
    assert_eq!(peer.receive().await, Some(expected.into()));
}

#[test]
fn requests_are_sent_on_each_connection_until_they_are_answered() {
    in_pages(async |page| {
        let (server, unanswered) = (page.server(URL), Unanswered::default());
        let mut responses = Reconnecting::new(options(), async || Ok(URL));
        let sender = responses.sender();
        page.spawn(ask_again(sender.clone(), unanswered.clone()));
        let answered = unanswered.clone();
        page.spawn(async move {
            while let Some(Ok(id)) = responses.next().await {
                answered.borrow_mut().remove(&id.as_text().unwrap().parse().unwrap());
            }
        });
        ask(&sender, &unanswered, 1, "one?".into()).await; // there is no connection yet
        let mut peer = server.accept().await;
        receives(&mut peer, "one?").await;
        ask(&sender, &unanswered, 2, "two?".into()).await;
        receives(&mut peer, "two?").await;
        peer.send("2");
        page.sleep(seconds(1)).await;
        peer.reset(); // the first request was received, and not answered

        let mut peer = server.accept().await;
        receives(&mut peer, "one?").await;
        ask(&sender, &unanswered, 3, "three?".into()).await;
        receives(&mut peer, "three?").await;
        peer.send("3");
        peer.send("1");
        page.sleep(seconds(1)).await;
        assert!(unanswered.borrow().is_empty());
    });
}

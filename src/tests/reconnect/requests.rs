//! The recipe “Request and response” of `docs/recipes.md`, over connections that are lost.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::future::{Either, join, join_all, select};

use super::seconds;
use crate::reconnect::ReconnectingSender;
use crate::testing::{Leftovers, Page, Peer, Server};
use crate::tests::in_pages;
use crate::{Options, ReconnectOptions, Reconnecting, State};

const URL: &str = "wss://example.com/ask";

// The recipe:
/// The requests without a response, by their ids, which begin with 1 and increase. Whoever receives a response removes its request.
type Unanswered = Rc<RefCell<BTreeMap<u32, String>>>;

/// Sends the requests without a response on each connection, in its preamble.
fn options(unanswered: Unanswered) -> ReconnectOptions {
    let after = move |last: u32| {
        let unanswered = unanswered.borrow();
        let next = unanswered.range(last + 1..).next();
        next.map(|(id, request)| (*id, request.clone()))
    };
    ReconnectOptions::new()
        .queue_limit_messages(0) // a queued request would be sent twice
        .on_open(async move |stream, _| {
            let mut last = 0;
            while let Some((id, request)) = after(last) {
                stream.send(request).await?; // meanwhile there may be new requests
                last = id;
            }
            Ok(())
        })
}

async fn ask(sender: &ReconnectingSender, unanswered: &Unanswered, id: u32, request: String) {
    unanswered.borrow_mut().insert(id, request.clone());
    let _ = sender.send(request).await; // `Err` without a connection: the preamble of the next one sends it
}
// Its test:
async fn receives(peer: &mut Peer, expected: &str) {
    assert_eq!(peer.receive().await, Some(expected.into()));
}

fn connect(unanswered: &Unanswered) -> Reconnecting {
    Reconnecting::new(options(Rc::clone(unanswered)), async || Ok(URL))
}

#[test]
fn requests_are_sent_on_each_connection_until_they_are_answered() {
    in_pages(async |page| {
        let (server, unanswered) = (page.server(URL), Unanswered::default());
        let mut responses = connect(&unanswered);
        let sender = responses.sender();
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

        let (closed, _) = join(sender.close(), peer.receive()).await;
        assert!(closed.is_ok_and(|event| event.is_some_and(|event| event.was_clean)));
        page.sleep(seconds(1)).await;
        assert_eq!(page.leftovers(), Leftovers::default()); // the task has ended, too
    });
}

#[test]
fn a_request_that_is_asked_as_soon_as_a_connection_is_open_is_sent_once() {
    in_pages(async |page| {
        let (server, unanswered) = (page.server(URL), Unanswered::default());
        let feed = connect(&unanswered);
        let (sender, mut states) = (feed.sender(), feed.states());
        for _ in 0..2 {
            let mut peer = server.accept().await;
            while states.next().await != Some(State::Open) {}
            ask(&sender, &unanswered, 1, "one?".into()).await;
            receives_all(page, &mut peer, &["one?".into()]).await;
            unanswered.borrow_mut().clear(); // it is answered
            peer.reset();
        }
    });
}

/// Connects to a server that does not read. The page buffers one of the long requests, and the others wait.
async fn connect_to_a_stalled_server(server: &Server, unanswered: &Unanswered) -> (Reconnecting, Peer) {
    let options = options(Rc::clone(unanswered)).connection(Options::new().high_water_mark(10));
    let feed = Reconnecting::new(options, async || Ok(URL));
    let mut peer = server.accept().await;
    peer.set_stalled(true);
    (feed, peer)
}

fn long_requests() -> Vec<String> {
    ["one?", "two?", "three?", "four?"].map(|text| text.repeat(100_000)).to_vec()
}

async fn ask_all(feed: &Reconnecting, unanswered: &Unanswered, first: u32, requests: &[String]) {
    let sender = feed.sender();
    join_all((first..).zip(requests).map(|(id, request)| ask(&sender, unanswered, id, request.clone()))).await;
}

/// Receives these requests, and no more.
async fn receives_all(page: &Page, peer: &mut Peer, requests: &[String]) {
    for request in requests {
        receives(peer, request).await;
    }
    let (more, second) = (Box::pin(peer.receive()), Box::pin(page.sleep(seconds(1))));
    assert!(matches!(select(more, second).await, Either::Right(_)), "a request was sent twice");
}

#[test]
fn requests_that_are_asked_during_the_preamble_are_sent_once_on_its_connection() {
    in_pages(async |page| {
        let (server, unanswered, requests) = (page.server(URL), Unanswered::default(), long_requests());
        unanswered.borrow_mut().extend((1..).zip(requests[..2].to_vec()));
        let (feed, mut peer) = connect_to_a_stalled_server(&server, &unanswered).await;
        page.sleep(seconds(1)).await;
        assert!(matches!(feed.state(), State::Connecting { .. }));
        ask_all(&feed, &unanswered, 3, &requests[2..]).await;
        peer.set_stalled(false);
        receives_all(page, &mut peer, &requests).await;
    });
}

#[test]
fn requests_that_wait_when_the_connection_is_lost_are_sent_once_on_the_next_connection() {
    in_pages(async |page| {
        let (server, unanswered, requests) = (page.server(URL), Unanswered::default(), long_requests());
        let (feed, peer) = connect_to_a_stalled_server(&server, &unanswered).await;
        page.sleep(seconds(1)).await;
        assert_eq!(feed.state(), State::Open);
        let serve = async {
            page.sleep(seconds(1)).await;
            assert_eq!(feed.counts().unconfirmed, 1);
            peer.reset();
            receives_all(page, &mut server.accept().await, &requests).await;
        };
        join(ask_all(&feed, &unanswered, 1, &requests), serve).await;
    });
}

#[test]
fn dropping_the_handles_closes_the_connection() {
    in_pages(async |page| {
        let (server, unanswered) = (page.server(URL), Unanswered::default());
        let feed = connect(&unanswered);
        let mut peer = server.accept().await;
        page.sleep(seconds(1)).await;
        drop(feed);
        assert_eq!(peer.receive().await, None);
        page.sleep(seconds(1)).await;
        assert_eq!(page.leftovers(), Leftovers::default());
    });
}

//! The recipe “Lose no message, and send none twice” of `docs/recipes.md`, with a server that has state.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use futures_util::future::select;
use futures_util::{StreamExt, TryStreamExt};

use super::{ms, seconds};
use crate::testing::{Network, Page, Peer};
use crate::tests::in_pages;
use crate::{Heartbeat, Message, ReconnectOptions, Reconnecting, State, WhenFull, WhenLost};

const URL: &str = "wss://example.com/orders";

/// The number of messages of each client.
const MESSAGES: u64 = 20;

// The recipe:
/// The id of a message such as `17 two tickets`.
fn id(message: &Message) -> u64 {
    let id = message.as_text().and_then(|text| text.split(' ').next());
    id.and_then(|id| id.parse().ok()).unwrap_or(0)
}

/// `client` is the random name of a sequence of ids: a new name when ids begin anew, as after a reload.
fn options(client: String) -> ReconnectOptions {
    ReconnectOptions::new()
        .heartbeat(Heartbeat::new("ping", |message| message.as_text() == Some("pong")))
        .unconfirmed_limit(u64::MAX) // keeps all messages until they are confirmed
        .unconfirmed_limit_messages(usize::MAX)
        .when_lost(WhenLost::Resend)
        .on_open(async move |stream, attempt| {
            stream.send(format!("resume {client}")).await?;
            let answer = stream.try_next().await?.ok_or("the server did not answer")?;
            let last: u64 = answer.as_text().unwrap_or_default().parse()?;
            if let Some((number, _)) = attempt.in_doubt().messages.iter().rfind(|(_, message)| id(message) <= last) {
                attempt.confirm(*number);
            }
            Ok(())
        })
}
// Its test:
/// What the server has processed, the last id of each client, and how many messages had an id that the server knew.
#[derive(Default)]
struct Orders {
    processed: Vec<String>,
    last: HashMap<String, u64>,
    ignored: u32,
}

impl Orders {
    fn take(&mut self, client: &str, message: &Message) {
        let last = self.last.entry(client.to_owned()).or_default();
        if id(message) > *last {
            *last = id(message);
            self.processed.push(format!("{client}: {}", message.as_text().unwrap()));
        } else {
            self.ignored += 1;
        }
    }
}

/// Serves a client. `answer` returns what the server says of the last id that it has.
async fn serve(peer: &mut Peer, orders: &RefCell<Orders>, answer: fn(u64) -> u64) {
    let Some(resume) = peer.receive().await else { return };
    let client = resume.as_text().unwrap().strip_prefix("resume ").unwrap();
    peer.send(answer(*orders.borrow().last.get(client).unwrap_or(&0)).to_string());
    while let Some(message) = peer.receive().await {
        match message.as_text() {
            Some("ping") => peer.send("pong"),
            _ => orders.borrow_mut().take(client, &message),
        }
    }
}

/// Serves connections. Each is lost after a while, when several messages are in flight.
fn serve_and_lose(page: &Page, orders: &Rc<RefCell<Orders>>, answer: fn(u64) -> u64) {
    let (world, orders) = (page.clone(), Rc::clone(orders));
    page.serve(URL, async move |handshake| {
        let Some(mut peer) = handshake.accept() else { return };
        select(Box::pin(serve(&mut peer, &orders, answer)), Box::pin(world.sleep(ms(700)))).await;
    });
}

/// Sends messages, until the server is known to have received all.
async fn order(page: &Page, client: &'static str) {
    // The first message is dropped, so that numbers are greater than the count of messages.
    let heartbeat = Heartbeat::new("ping", |message| message.as_text() == Some("pong")).interval(ms(200));
    let options =
        options(client.to_owned()).heartbeat(heartbeat).queue_limit_messages(1).when_full(WhenFull::DropOldest);
    let shop = Reconnecting::new(options, async || Ok(URL));
    shop.send("0 dropped").await.unwrap();
    for id in 1..=MESSAGES {
        shop.send(format!("{id} {client}")).await.unwrap();
        page.sleep(ms(37)).await;
        while shop.counts().queued > 0 {
            page.sleep(ms(37)).await;
        }
    }
    while shop.counts().in_doubt + shop.counts().unconfirmed > 0 {
        page.sleep(seconds(1)).await;
    }
}

/// Returns how many messages came again.
fn processes_each_message_exactly_once(answer: fn(u64) -> u64) -> u32 {
    let ignored = Cell::new(0);
    in_pages(async |page| {
        let orders = Rc::<RefCell<Orders>>::default();
        page.set_network(Network { delay: ms(100), ..Network::default() });
        serve_and_lose(page, &orders, answer);
        let clients = ["ada", "ada after a reload"];
        for client in clients {
            order(page, client).await;
        }
        let expected =
            clients.iter().flat_map(|client| (1..=MESSAGES).map(move |id| format!("{client}: {id} {client}")));
        assert_eq!(orders.borrow().processed, expected.collect::<Vec<_>>());
        ignored.set(ignored.get() + orders.borrow().ignored);
    });
    ignored.get()
}

#[test]
fn a_server_that_remembers_ids_gets_each_message_exactly_once() {
    assert_eq!(processes_each_message_exactly_once(|last| last), 0);
}

#[test]
fn ignoring_known_ids_is_enough() {
    assert!(processes_each_message_exactly_once(|_| 0) > 0, "no message came again");
}

#[test]
fn all_messages_of_several_lost_connections_are_kept() {
    let page = Page::new();
    let (server, orders) = (page.server(URL), RefCell::<Orders>::default());
    page.run(async {
        let shop = Reconnecting::new(options("ada".into()), async || Ok(URL));
        for round in 0..2 {
            (round * 1024 + 1..=round * 1024 + 1024).for_each(|id| _ = shop.try_send(format!("{id} ticket")).unwrap());
            let mut peer = server.accept().await;
            peer.receive().await;
            peer.send("0");
            select(Box::pin(peer.drain()), Box::pin(shop.flush())).await;
            peer.reset(); // before a pong
            assert!(shop.states().any(async |state| matches!(state, State::Waiting { .. })).await);
        }
        let mut peer = server.accept().await;
        select(Box::pin(serve(&mut peer, &orders, |last| last)), Box::pin(page.sleep(seconds(60)))).await;
        assert_eq!((shop.counts().confirmed, shop.counts().in_doubt), (2048, 0));
    });
    assert!(orders.into_inner().processed.into_iter().eq((1..=2048).map(|id| format!("ada: {id} ticket"))));
}

/// Returns what the server processes if a second connection, for which the client has this name, sends what the first one left.
fn processed_after_another_login(second: &'static str) -> Vec<String> {
    let page = Page::new();
    let (server, orders) = (page.server(URL), RefCell::<Orders>::default());
    page.run(async {
        let shop = Reconnecting::new(options("ada".into()), async || Ok(URL));
        shop.send("1 two tickets").await.unwrap();
        let mut peer = server.accept().await;
        let arrives = async {
            while orders.borrow().processed.is_empty() {
                page.sleep(ms(1)).await;
            }
        };
        select(Box::pin(serve(&mut peer, &orders, |last| last)), Box::pin(arrives)).await;
        peer.close_with(3000, "");
        shop.closed().await.unwrap();
        let again = Reconnecting::new(options(second.into()), async || Ok(URL));
        for (_, message) in shop.take_in_doubt().messages {
            again.send(message).await.unwrap();
        }
        let mut peer = server.accept().await;
        let rest = async {
            again.flush().await.unwrap();
            page.sleep(seconds(1)).await;
        };
        select(Box::pin(serve(&mut peer, &orders, |last| last)), Box::pin(rest)).await;
    });
    orders.into_inner().processed
}

#[test]
fn the_name_of_a_client_belongs_to_its_ids() {
    assert_eq!(processed_after_another_login("ada"), ["ada: 1 two tickets"]);
    assert_eq!(processed_after_another_login("bob"), ["ada: 1 two tickets", "bob: 1 two tickets"]);
}

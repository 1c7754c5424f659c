//! The recipe “Lose no message, and send none twice” of `docs/recipes.md`, with a server that has state.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use futures_util::TryStreamExt;
use futures_util::future::select;

use super::{ms, seconds};
use crate::testing::{Network, Page, Peer};
use crate::tests::in_pages;
use crate::{Heartbeat, Message, ReconnectOptions, Reconnecting, WhenFull, WhenLost};

const URL: &str = "wss://example.com/orders";

/// The number of messages of each client.
const MESSAGES: u64 = 20;

// The recipe:
/// The id of a message such as `17 two tickets`.
fn id(message: &Message) -> u64 {
    let id = message.as_text().and_then(|text| text.split(' ').next());
    id.and_then(|id| id.parse().ok()).unwrap_or(0)
}

/// `client` is a new random name for each `Reconnecting`, also after a reload: ids begin anew.
fn options(client: String) -> ReconnectOptions {
    ReconnectOptions::new()
        .heartbeat(Heartbeat::new("ping", |message| message.as_text() == Some("pong")))
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
/// What the server has processed, and the last id of each client.
#[derive(Default)]
struct Orders {
    processed: Vec<String>,
    last: HashMap<String, u64>,
}

impl Orders {
    fn take(&mut self, client: &str, message: &Message) {
        let last = self.last.entry(client.to_owned()).or_default();
        if id(message) > *last {
            *last = id(message);
            self.processed.push(format!("{client}: {}", message.as_text().unwrap()));
        }
    }
}

async fn serve(peer: &mut Peer, orders: &RefCell<Orders>) {
    let Some(resume) = peer.receive().await else { return };
    let client = resume.as_text().unwrap().strip_prefix("resume ").unwrap();
    peer.send(orders.borrow().last.get(client).unwrap_or(&0).to_string());
    while let Some(message) = peer.receive().await {
        match message.as_text() {
            Some("ping") => peer.send("pong"),
            _ => orders.borrow_mut().take(client, &message),
        }
    }
}

/// Serves connections. Each is lost after a while, when several messages are in flight.
fn serve_and_lose(page: &Page, orders: &Rc<RefCell<Orders>>) {
    let (world, orders) = (page.clone(), Rc::clone(orders));
    page.serve(URL, async move |handshake| {
        let Some(mut peer) = handshake.accept() else { return };
        select(Box::pin(serve(&mut peer, &orders)), Box::pin(world.sleep(ms(700)))).await;
    });
}

/// Sends messages, until the server is known to have received all.
async fn order(page: &Page, client: &'static str) {
    // The first message is dropped, so that numbers are greater than the count of messages.
    let options = options(client.to_owned()).queue_limit_messages(1).when_full(WhenFull::DropOldest);
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

#[test]
fn a_server_that_remembers_ids_processes_each_message_exactly_once() {
    in_pages(async |page| {
        let orders = Rc::default();
        page.set_network(Network { delay: ms(100), ..Network::default() });
        serve_and_lose(page, &orders);
        let clients = ["ada", "ada after a reload"];
        for client in clients {
            order(page, client).await;
        }
        let expected =
            clients.iter().flat_map(|client| (1..=MESSAGES).map(move |id| format!("{client}: {id} {client}")));
        assert_eq!(orders.borrow().processed, expected.collect::<Vec<_>>());
    });
}

//! Messages in both directions over connections that are lost in every way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::mpsc;
use websocket_session_server::{Message, Session, Sessions};

use crate::client::{self, Client, Event, Options};
use crate::proxy::Proxy;
use crate::server::{Server, echo, limits};

#[tokio::test]
async fn messages_are_echoed_and_the_session_ends() {
    let server = Server::start(Sessions::memory(limits()), echo).await;
    let mut client = Client::start(Options::new(&[server.address]));
    client.send("hello").await;
    assert_eq!(client.text().await, "hello");
    client.send(client::Message::Binary(vec![1, 2, 3].into())).await;
    assert_eq!(client.next().await, Some(Event::Message(client::Message::Binary(vec![1, 2, 3].into()))));
    client.end().await;
    assert!(matches!(client.next().await, Some(Event::End(end)) if end.code == 1000));
    assert_eq!(client.next().await, None);
}

/// Sends numbers until there were enough faults, and checks the received ones: each number once, in order.
async fn soak(client: Client, proxy: &Proxy, faults: usize) -> (u64, u64) {
    let Client { commands, mut events } = client;
    let sender = async {
        let mut number = 0;
        while proxy.faults() < faults {
            number += 1;
            let text = format!("{number}{}", " ".repeat(fastrand::usize(..300)));
            let message = if number % 2 == 0 { text.into() } else { client::Message::Binary(text.into()) };
            commands.send(client::Command::Send(message)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        commands.send(client::Command::End).await.unwrap();
        number
    };
    let receiver = async {
        let mut number = 0;
        loop {
            match events.recv().await {
                Some(Event::Message(message)) => {
                    number += 1;
                    assert_eq!(message.text().trim(), number.to_string());
                }
                Some(Event::Connected(_) | Event::End(_)) => (),
                Some(event) => panic!("{event:?} after {number}"),
                None => return number,
            }
        }
    };
    tokio::join!(sender, receiver)
}

/// Sends numbers until the client's END, and reports how many it has sent and received: each number once, in order.
async fn talk(session: Session, results: mpsc::UnboundedSender<(u64, u64)>) {
    let (mut sender, mut receiver) = session.split();
    let is_over = Arc::new(AtomicBool::new(false));
    let stop = is_over.clone();
    let sending = tokio::spawn(async move {
        let mut number = 0;
        while !stop.load(Ordering::SeqCst) {
            number += 1;
            let text = format!("{number}{}", " ".repeat(fastrand::usize(..300)));
            let message = if number % 2 == 0 { Message::from(text) } else { Message::from(text.into_bytes()) };
            sender.send(message).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        number
    });
    let mut received = 0;
    while let Some(message) = receiver.next().await {
        received += 1;
        let text = match message.unwrap() {
            Message::Text(text) => text.to_string(),
            Message::Binary(bytes) => String::from_utf8(bytes.into()).unwrap(),
        };
        assert_eq!(text.trim(), received.to_string());
    }
    is_over.store(true, Ordering::SeqCst);
    results.send((sending.await.unwrap(), received)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_is_processed_exactly_once_over_250_disconnections() {
    let (results, mut handled) = mpsc::unbounded_channel();
    let handler = move |session| talk(session, results.clone());
    let server = Server::start(Sessions::memory(limits()), handler).await;
    let soaks = (0..5).map(|_| async {
        let proxy = Proxy::start(server.address, 50, 6_000).await;
        let options = Options { patience: Duration::from_millis(200), ..Options::new(&[proxy.address]) };
        (soak(Client::start(options), &proxy, 50).await, proxy.counts())
    });
    let soaks = futures_util::future::join_all(soaks).await;
    let (mut sent, mut processed) = (Vec::new(), Vec::new());
    for ((client_sent, client_received), counts) in soaks {
        println!("sent {client_sent}, received {client_received}, faults {counts:?}");
        sent.push((client_sent, client_received));
        let (server_sent, server_received) = handled.recv().await.unwrap();
        processed.push((server_received, server_sent));
    }
    sent.sort_unstable();
    processed.sort_unstable();
    assert_eq!(sent, processed);
}

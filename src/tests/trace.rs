//! Tests of the events for `tracing`.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber, subscriber};

use crate::testing::Page;
use crate::{Options, ReconnectOptions, Reconnecting};

/// Collects the events of this crate, one per line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<String>>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "wasm_websocket"
    }

    fn event(&self, event: &Event<'_>) {
        let mut lines = self.0.lock().unwrap();
        event.record(&mut Fields(&mut lines));
        lines.push('\n');
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}: {value:?}; ").unwrap();
    }
}

#[test]
fn events_of_a_connection_hold_no_secrets() {
    // `tracing` asks once whether anyone listens to an event, when it happens first. Another test may let it happen just before this
    // one listens, and then nothing is told: so everything has happened before.
    connect_and_reconnect();
    let lines = Lines::default();
    subscriber::with_default(lines.clone(), connect_and_reconnect);
    let lines = lines.0.lock().unwrap();
    assert!(!lines.contains("secret"), "{lines}");
    let told: Vec<_> =
        lines.lines().filter_map(|line| line.split("; ").find(|field| field.contains("message:"))).collect();
    let connection = ["message: connecting", "message: open", "message: ended"];
    assert_eq!(told.iter().filter(|told| connection.contains(told)).count(), 6, "{lines}");
    assert!(lines.contains("url: wss://…@example.com/feed?…; "), "{lines}");
    assert!(lines.contains("state: closed: the connection ended: 1000 (normal closure): done; "), "{lines}");
}

fn connect_and_reconnect() {
    let page = Page::new();
    let server = page.server("wss://example.com/feed");
    let serve = async {
        for _ in 0..2 {
            let handshake = server.handshake().await;
            let peer = match handshake.protocols().first().cloned() {
                Some(protocol) => handshake.accept_with(&protocol),
                None => handshake.accept(),
            };
            let Some(mut peer) = peer else { return };
            peer.receive().await;
            peer.send("secret2");
            peer.close_with(1000, "done");
            peer.drain().await;
        }
    };
    let url = "wss://user:secret1@example.com/feed?ticket=secret3";
    let follow = async {
        let mut stream = Options::new().protocols(["secret4"]).connect(url).await.unwrap();
        stream.send("secret5").await.unwrap();
        while stream.next().await.is_some() {}
        drop(stream);
        let mut feed = Reconnecting::new(ReconnectOptions::new(), async move || Ok(url));
        feed.send("secret6").await.unwrap();
        while feed.next().await.is_some() {}
    };
    page.run(futures_util::future::join(serve, follow));
}

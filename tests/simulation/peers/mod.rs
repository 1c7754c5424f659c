//! The simulated peers: URL path → behaviour, like `tests/server/src/routes.rs`.

mod behaviour;
mod chaos;
mod count;
#[path = "../../server/src/frames/named.rs"]
mod frames;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use wasm_websocket::testing::{Handshake, Page};

use crate::suite::peer::url;
use behaviour::Connection;
use chaos::Chaos;
use count::Counts;

/// The time for which an idle peer waits for the end of the client: longer than any test waits for a peer.
const MAX_TIME: Duration = Duration::from_secs(600);

/// Serves all paths to a page.
pub fn serve(page: &Page) {
    let server = Server {
        page: page.clone(),
        counts: Counts::default(),
        resets: Resets::default(),
        chaos: Chaos::default(),
        floods: RefCell::default(),
    };
    page.serve(&url("/"), async move |handshake| {
        server.answer(handshake).await;
    });
}

/// The state that all connections of a page share.
struct Server {
    page: Page,
    counts: Counts,
    resets: Resets,
    chaos: Chaos,
    /// The number of bytes that floods have sent, by key.
    floods: RefCell<HashMap<String, Rc<Cell<u64>>>>,
}

impl Server {
    /// Answers a handshake. Returns `None` if the page is gone.
    async fn answer(&self, handshake: Handshake) -> Option<()> {
        let url = handshake.url().to_owned();
        let path = url.split('?').next().unwrap_or_default();
        let path: Vec<_> = path.split('/').skip(3).map(decoded).collect();
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        match path[..] {
            ["echo"] => self.accept(handshake)?.echo().await,
            ["sink"] => self.accept(handshake)?.sink().await,
            ["count", key] => self.accept(handshake)?.send_counts(self.counts.watch(key)).await,
            ["ping"] => self.accept(handshake)?.ping().await,
            ["headers"] => self.headers(handshake).await?,
            ["late", time] => self.accept(handshake)?.late(ms(time)).await,
            ["quit", time] => self.accept(handshake)?.quit(ms(time)).await,
            ["fin"] => self.accept(handshake)?.fin().await,
            ["reset"] => self.accept(handshake)?.reset().await,
            ["stall"] => self.accept(handshake)?.stall(MAX_TIME).await,
            ["stall", time] => self.accept(handshake)?.stall(ms(time)).await,
            ["hang"] => self.page.sleep(MAX_TIME).await,
            ["close", code] => self.accept(handshake)?.close(number(code), "").await,
            ["close", code, reason] => self.accept(handshake)?.close(number(code), reason).await,
            ["flood", count, size] => {
                let key = handshake.url().split_once('?').map_or("", |(_, key)| key).to_owned();
                let sent = Rc::clone(self.floods.borrow_mut().entry(key).or_default());
                self.accept(handshake)?.flood(number(count), number(size), sent).await;
            }
            ["flood-report", key] => {
                let sent = self.floods.borrow().get(key).map_or(0, |sent| sent.get());
                self.accept(handshake)?.greet_and_close(format!(r#"{{"bytes":{sent}}}"#)).await;
            }
            ["protocol", name] => self.accept_with(handshake, Some(name))?.echo().await,
            ["frames", name] => self.accept(handshake)?.send_raw(frames::named(name)?).await,
            ["fault", "half-open"] => self.accept(handshake)?.half_open(MAX_TIME).await,
            ["fault", "cut"] => self.accept(handshake)?.cut_when_readable().await,
            ["fault", "reset-after", bytes] => self.accept(handshake)?.reset_after(number(bytes)).await,
            ["fault", "reset-by", key] => {
                let announced = self.resets.announced(key);
                self.accept(handshake)?.reset_by(announced).await;
            }
            ["fault", "stall-by", key] => {
                let announced = self.resets.announced(key);
                self.accept(handshake)?.stall_by(announced).await;
            }
            ["fault", "reset-now", key] => {
                let connection = self.accept(handshake)?;
                self.resets.announce(key);
                connection.close(1000, "").await;
            }
            ["chaos", seed, key] => self.chaos(handshake, number(seed), key).await?,
            ["chaos-report", key] => self.accept(handshake)?.greet_and_close(self.chaos.report(key)).await,
            // A page cannot distinguish refusals: `/status`, `/handshake`, `/fault/refuse`, and unknown paths.
            _ => handshake.refuse(),
        }
        Some(())
    }

    fn accept(&self, handshake: Handshake) -> Option<Connection> {
        self.accept_with(handshake, None)
    }

    /// Accepts a handshake, with or without a subprotocol.
    fn accept_with(&self, handshake: Handshake, protocol: Option<&str>) -> Option<Connection> {
        let (path, query) = handshake.url().split_once('?').unwrap_or((handshake.url(), ""));
        let counted = self.counts.open(if query.is_empty() { path } else { query });
        let peer = match protocol {
            Some(protocol) => handshake.accept_with(protocol)?,
            None => handshake.accept()?,
        };
        Some(Connection::new(self.page.clone(), peer, counted))
    }

    /// Sends the headers of the handshake, which in the simulation are only its subprotocols. Selects the first subprotocol.
    async fn headers(&self, handshake: Handshake) -> Option<()> {
        let offered = handshake.protocols().to_vec();
        let lines = if offered.is_empty() {
            String::new()
        } else {
            format!("sec-websocket-protocol: {}\n", offered.join(", "))
        };
        self.accept_with(handshake, offered.first().map(String::as_str))?.greet(lines).await;
        Some(())
    }
}

/// The tasks that wait for a key to be announced, to reset their connections.
#[derive(Default)]
struct Resets(RefCell<Vec<(String, oneshot::Sender<()>)>>);

impl Resets {
    /// Returns a future that resolves when this key is next announced.
    fn announced(&self, key: &str) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.0.borrow_mut().push((key.to_owned(), sender));
        receiver
    }

    fn announce(&self, key: &str) {
        // Dropping a channel resolves its receiver, too.
        self.0.borrow_mut().retain(|(waiting, _)| waiting != key);
    }
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is no such number"))
}

fn ms(text: &str) -> Duration {
    Duration::from_millis(number(text))
}

/// Returns a part of a path without its percent encoding.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend(before.bytes());
        bytes.extend(u8::from_str_radix(&after[..2], 16));
        rest = &after[2..];
    }
    bytes.extend(rest.bytes());
    String::from_utf8_lossy(&bytes).into()
}

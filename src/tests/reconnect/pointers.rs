//! The recipe “Keep only recent values” of `docs/recipes.md`: positions are skipped while the network is slow, but never the last one.

use futures_channel::mpsc;
use futures_util::{Stream, StreamExt, join};

use super::ms;
use crate::codec::Json;
use crate::reconnect::WhenFull;
use crate::testing::{Network, Page};
use crate::{Error, Options, ReconnectOptions, Reconnecting, Typed};

type Pointers = Typed<Reconnecting, (f64, f64), (), Json>;

// The recipe:
fn pointers() -> Pointers {
    let options = ReconnectOptions::new()
        .connection(Options::new().high_water_mark(1024)) // by default there is room up to 1 MiB
        .queue_limit_messages(0) // without a connection, a position would be old when it is sent …
        .when_full(WhenFull::Wait) // … so `ready` waits for one
        .unconfirmed_limit_messages(0); // no position is kept after it was sent
    Reconnecting::new(options, async || Ok("wss://example.com/pointers")).typed()
}

/// `moves` is the receiver of a channel, such as `futures_channel::mpsc::unbounded`, into which a listener puts each position.
async fn share(pointers: &Pointers, moves: impl Stream<Item = (f64, f64)> + Unpin) -> Result<(), Error> {
    let mut moves = moves.ready_chunks(1024); // all moves since the last look
    loop {
        pointers.get_ref().ready().await?;
        let Some(since) = moves.next().await else { return Ok(()) };
        if let Some(newest) = since.last() {
            pointers.send_numbered(newest).await?;
        }
    }
}
// Its test:
#[test]
fn the_last_position_arrives_however_slow_the_network_is() {
    let page = Page::new();
    let server = page.server("wss://example.com/pointers");
    page.set_network(Network { bandwidth: 2000, ..Network::default() });
    page.run(async {
        let (moved, moves) = mpsc::unbounded();
        let moving = async {
            for x in 0..1000 {
                moved.unbounded_send((x.into(), 0.0)).unwrap();
                page.sleep(ms(1)).await;
            }
            moved.close_channel();
        };
        let sharing = async {
            let pointers = pointers();
            share(&pointers, moves).await.unwrap();
            pointers.get_ref().close().await.unwrap();
        };
        let receiving = async {
            let (mut peer, mut received) = (server.accept().await, Vec::new());
            while let Some(message) = peer.receive().await {
                received.push(message.as_text().unwrap().to_owned());
            }
            received
        };
        let ((), (), received) = join!(moving, sharing, receiving);
        assert!(received.len() < 500, "{} of 1000 are sent", received.len());
        assert_eq!(received.last().unwrap(), "[999.0,0.0]");
    });
}

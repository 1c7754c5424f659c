//! The recipe “Keep only recent values” of `docs/recipes.md`: positions are skipped while there is no room, but never the last one.

use futures_channel::mpsc::{self, UnboundedReceiver};
use futures_util::{FutureExt, StreamExt, join};

use super::ms;
use crate::codec::Json;
use crate::reconnect::WhenFull;
use crate::testing::{Network, Page};
use crate::{Error, Options, ReconnectOptions, Reconnecting, State, Typed};

type Pointers = Typed<Reconnecting, (f64, f64), (), Json>;

// The recipe:
fn pointers() -> Pointers {
    let options = ReconnectOptions::new()
        .connection(Options::new().high_water_mark(1024)) // by default there is room up to 1 MiB
        .queue_limit_messages(1) // without a connection, only the newest position is kept
        .when_full(WhenFull::DropOldest)
        .unconfirmed_limit_messages(0); // no position is kept after it was sent
    Reconnecting::new(options, async || Ok("wss://example.com/pointers")).typed()
}

/// A listener puts each position into the channel of `moves`.
async fn share(pointers: &Pointers, mut moves: UnboundedReceiver<(f64, f64)>) -> Result<(), Error> {
    while let Some(mut newest) = moves.next().await {
        pointers.get_ref().ready().await?;
        while let Some(Some(newer)) = moves.next().now_or_never() {
            newest = newer;
        }
        pointers.send_numbered(newest).await?;
    }
    Ok(())
}
// Its test:
const URL: &str = "wss://example.com/pointers";

#[test]
fn the_last_position_arrives_however_slow_the_network_is() {
    let page = Page::new();
    let server = page.server(URL);
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

#[test]
fn only_the_newest_position_is_sent_after_a_lost_connection() {
    let page = Page::new();
    let server = page.server(URL);
    page.run(async {
        let (pointers, (moved, moves)) = (pointers(), mpsc::unbounded());
        let moving = async {
            let mut states = pointers.get_ref().states();
            let lost = server.accept().await;
            assert!(states.by_ref().any(async |state| state == State::Open).await);
            lost.reset();
            assert!(states.any(async |state| matches!(state, State::Waiting { .. })).await);
            for x in 0..3000 {
                moved.unbounded_send((x.into(), 0.0)).unwrap();
                if x % 1000 == 0 {
                    page.sleep(ms(1)).await;
                }
            }
            let mut peer = server.accept().await;
            assert_eq!(peer.receive().await.unwrap().as_text(), Some("[2999.0,0.0]"));
            moved.close_channel();
        };
        let (shared, ()) = join!(share(&pointers, moves), moving);
        shared.unwrap();
    });
}

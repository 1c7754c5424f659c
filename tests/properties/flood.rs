//! A peer that sends more than the page reads: over streams it has to wait, and no message is lost.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest_derive::Arbitrary;
use wasm_websocket::testing::{Engine, Network, Peer};
use wasm_websocket::{BinaryType, Error, Options, Overflow, Transport};

use crate::dialect::Dialect;
use crate::plan::{Letter, OptionsPlan, delay, milliseconds};
use crate::seeds::{hold, note};
use crate::world::{World, WorldPlan};

#[derive(Arbitrary, Clone, Debug)]
struct Plan {
    world: WorldPlan,
    options: OptionsPlan,
    /// The messages that the peer sends repeatedly.
    #[proptest(strategy = "vec(any::<Letter>(), 1..6)")]
    letters: Vec<Letter>,
    /// The number of messages that the page takes, and the milliseconds for which it then takes none.
    #[proptest(strategy = "vec((0..60_u8, delay()), 0..12)")]
    reader: Vec<(u8, u32)>,
}

const URL: &str = "ws://example.com/flood";
/// The number of bytes that the peer's own socket accepts before its application has to wait.
const SOCKET: u64 = 16 << 10;
/// The number of bytes of all messages: more than the queue, the sockets and the network hold.
const FLOOD: u64 = 400_000;
const NETWORK: Network = Network { bandwidth: 2_000_000, delay: Duration::from_millis(5), window: 32 << 10 };
/// The largest number of bytes that the sockets of both sides and the network hold for a page that does not read.
const SOCKETS: u64 = SOCKET + NETWORK.window + 2_000_000 / 1000 * 6;
const LARGEST: u64 = 40_000;

#[test]
fn a_peer_has_to_wait_for_the_page_and_loses_nothing() {
    hold(|plan: &Plan| World::run(&plan.world, |world| run(world, plan.clone())));
}

async fn run(world: Rc<World>, plan: Plan) {
    world.page.clone().engine(Engine::Chromium);
    let (handed, taken) = (Rc::<Cell<u64>>::default(), Cell::new(0));
    let (peers_world, letters, count) = (Rc::downgrade(&world), plan.letters.clone(), Rc::clone(&handed));
    world.page.serve(URL, async move |handshake| {
        let (Some(world), Some(peer)) = (peers_world.upgrade(), handshake.accept()) else { return };
        flood(&world, peer, &letters, &count).await;
    });
    let read_ahead = plan.options.read_ahead % 20_000;
    // With `Overflow::Close`, a connection over streams does not overflow.
    let options = Options::from(&plan.options).transport(Transport::Streams).overflow(Overflow::Close);
    let options = options.read_ahead(read_ahead).binary_type(BinaryType::ArrayBuffer);
    let mut stream = match options.connect(URL).await {
        Ok(stream) => stream,
        Err(error) => {
            // In a page that was frozen meanwhile, the timer may fire first.
            let is_late = matches!(error, Error::ConnectTimeout { .. }) && !world.was_undisturbed_since(Duration::ZERO);
            assert!(world.was_cut.get() || world.was_offline.get() || is_late, "{error}");
            return note(&world.page, || format!("page: {error}"));
        }
    };
    let may_wait = read_ahead + LARGEST + SOCKETS + LARGEST;
    let check = || {
        let waits = handed.get() - taken.get();
        assert!(waits <= may_wait, "{waits} bytes were handed over and not taken, more than {may_wait}");
    };
    let mut number = 0;
    let steps = plan.reader.iter().copied().chain([(u8::MAX, 0)]);
    for (messages, pause) in steps {
        let mut left = messages;
        while left > 0 && taken.get() < FLOOD {
            let Some(Ok(message)) = stream.next().await else {
                assert!(world.was_cut.get(), "the peer does not end it, and nothing is lost");
                return;
            };
            number += 1;
            assert_eq!(Dialect::Plain.number_of(&message), number, "a message is missing");
            taken.set(taken.get() + message.len());
            check();
            // The last step takes all messages.
            left -= u8::from(messages < u8::MAX);
        }
        world.pause(pause).await;
        check();
    }
    assert_eq!(stream.dropped(), 0);
    drop(stream);
    world.end();
    assert!(world.settle().await, "the peer does not come to an end");
    world.nothing_is_left().await;
}

/// Sends until the page closes, like an application that waits while its socket is full.
async fn flood(world: &Rc<World>, mut peer: Peer, letters: &[Letter], handed: &Cell<u64>) {
    let _running = world.running();
    peer.set_network(NETWORK);
    // Messages that are sent before the page has the answer to its handshake would be in flight together.
    world.page.sleep(milliseconds(100)).await;
    let mut number = 0;
    while handed.get() < FLOOD && !peer.is_ended() {
        if peer.unsent() >= SOCKET {
            world.page.sleep(milliseconds(1)).await;
            continue;
        }
        let Letter { len, kind } = letters[number as usize % letters.len()];
        // The messages are large, since they must fill the queue, the sockets and the network.
        let message = Dialect::Plain.message(number + 1, Letter { len: len.max(500), kind });
        number += 1;
        handed.set(handed.get() + message.len());
        peer.send(message);
    }
    while peer.receive().await.is_some() {}
}

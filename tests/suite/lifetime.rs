//! What is left of sockets that were dropped: nothing.

use std::alloc::System;
use std::rc::Rc;

use futures_util::{FutureExt, StreamExt};
use macro_rules_attribute::apply;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use wasm_websocket::{Options, WebSocket, WebSocketStream};

use super::guard::turn;
use super::peer::{Count, connect, connect_with, next, url};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The bytes and blocks that are allocated, and the JavaScript objects that Rust holds.
#[derive(Debug, PartialEq)]
struct Live {
    bytes: usize,
    blocks: usize,
    objects: u32,
}

impl Live {
    fn now() -> Self {
        let stats = ALLOCATOR.stats();
        // Reallocations are counted as both, in both.
        let bytes = stats.bytes_allocated - stats.bytes_deallocated;
        let blocks = stats.allocations - stats.deallocations;
        Self { bytes, blocks, objects: wasm_bindgen::externref_heap_live_count() }
    }
}

/// Drops sockets in every way, `rounds` times. Few enough at a time for the browsers' limits.
async fn drop_sockets(rounds: usize) {
    for _ in 0..rounds {
        let mut count = Count::new().await;
        let path = count.path("/echo");
        let url = url(&path);
        // Open, with a message on its way.
        let mut open = connect(&path).await;
        open.send("message").await.unwrap();
        // Open, with a message that was not taken, and with one that was.
        let mut echoed = connect_with(&path, &Options::new().close_timeout(std::time::Duration::from_secs(9))).await;
        echoed.send(&vec![0; 1000]).await.unwrap();
        echoed.send("two").await.unwrap();
        next(&mut echoed).await;
        // Closing, and closed.
        let mut closing = connect(&path).await;
        assert!(closing.close().now_or_never().is_none());
        let mut closed = connect(&path).await;
        closed.close().await.unwrap();
        assert!(closed.next().await.is_none());
        // From inside its own callback.
        let socket = Rc::new(WebSocket::new(&url).unwrap());
        let (opened, has_opened) = futures_channel::oneshot::channel();
        let mut held = Some((socket.clone(), opened));
        socket.on_open(move || drop(held.take().map(|(socket, opened)| (opened.send(()), socket)))).forget();
        drop(socket);
        has_opened.await.unwrap();
        // Whose listener went before it.
        let socket = WebSocket::new(&url).unwrap();
        drop(socket.on_close(|_| {}));
        // While it connects. Once only: after many connections that failed, Chromium delays those that follow.
        assert!(WebSocketStream::connect(&url).now_or_never().is_none());
        drop((open, echoed, closing, socket));
        count.becomes(0).await;
    }
    // What has run is freed in a later turn.
    turn(50).await;
}

#[apply(browser_test)]
async fn nothing_is_left_of_dropped_sockets() {
    // What is allocated once and kept, such as the executor's queue.
    drop_sockets(2).await;
    let before = Live::now();
    drop_sockets(4).await;
    assert_eq!(Live::now(), before);
}

#[apply(browser_test)]
async fn many_sockets_are_dropped_at_once() {
    let count = &mut Count::new().await;
    let path = count.path("/echo");
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(connect(&path).await);
    }
    count.becomes(20).await;
    drop(sockets);
    count.becomes(0).await;
}

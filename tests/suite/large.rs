//! Tests with large numbers. `cargo xtask test` uses smaller numbers than `cargo xtask ci`, which sets `TEST_LARGE`.

mod soak;

use std::cell::Cell;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::TryStreamExt;
use macro_rules_attribute::apply;
use wasm_websocket::{Blob, Message, Options, Overflow, Progress, WebSocket};

use super::guard::{Clock, Live, blob_of, collect_garbage, log, memory_size, sha256, turns};
use super::lifetime::make_what_is_kept;
use super::peer::{Count, IS_LARGE, connect, connect_with, next, url};

const SOCKETS: usize = if IS_LARGE { 10_000 } else { 200 };

/// Opens and drops this many sockets, in steps below the limits of browsers: half are streams, and half have listeners.
///
/// The sockets connect one after the other, since Chromium delays each socket: for 10 ms in any case, and for longer the more
/// sockets connect at the same time.
async fn open_and_drop(sockets: usize, count: &mut Count) {
    let path = count.path("/echo");
    for step in 1..=sockets.div_ceil(100) {
        let mut open = Vec::new();
        for _ in 0..50 {
            let socket = WebSocket::new(&url(&path)).unwrap();
            let (opened, has_opened) = oneshot::channel();
            let opened = Rc::new(Cell::new(Some(opened)));
            let failed = Rc::clone(&opened);
            socket.on_open(move || opened.take().unwrap().send(Ok(())).unwrap()).forget();
            socket.on_message(|_| panic!("the server sent a message")).forget();
            // Without this listener, the test would wait for a failed attempt until the runner's timeout.
            let fail = move |error| match failed.take() {
                Some(opened) => opened.send(Err(error)).unwrap(),
                None => panic!("{error}"),
            };
            socket.on_error(fail).forget();
            socket.on_close(|_| panic!("a dropped socket called its listener")).forget();
            has_opened.await.unwrap().unwrap();
            open.push((socket, connect(&path).await));
        }
        count.becomes(100).await;
        drop(open);
        count.becomes(0).await;
        // A tab of Chromium has two open files for each socket until it collects garbage. On a busy machine a tab reached the
        // maximum of 20,000 files of a process before it had collected garbage, and crashed.
        if step % 10 == 0 {
            collect_garbage();
        }
    }
}

// L20
#[apply(browser_test)]
async fn nothing_grows_with_the_number_of_sockets() {
    make_what_is_kept().await;
    let count = &mut Count::new().await;
    open_and_drop(100, count).await;
    let before = Live::at_rest().await;
    open_and_drop(SOCKETS, count).await;
    Live::at_rest().await.assert_no_more_than(&before);
}

const FLOOD: usize = if IS_LARGE { 1_000_000 } else { 20_000 };

// M27
#[apply(browser_test)]
async fn a_flood_at_a_reader_that_sleeps_is_bounded_and_counted() {
    const LIMIT: usize = 10_000;
    let flood = format!("/flood/{FLOOD}/4");
    let options = Options::new().receive_limit(1 << 30).receive_limit_messages(LIMIT).overflow(Overflow::DropOldest);
    let mut stream = connect_with(&flood, &options).await;
    let pages = memory_size();
    drop(stream.closed().await);
    // Queued messages are not in wasm memory; the MiB is for the queue itself and for the tests.
    assert!(memory_size() <= pages + 16, "wasm memory has grown from {pages} pages");
    assert_eq!(stream.dropped(), (FLOOD - LIMIT) as u64);
    let mut expected = (FLOOD - LIMIT) as u32;
    let read = async {
        while let Some(message) = stream.try_next().await.unwrap() {
            assert_eq!(message, Message::Binary(expected.to_le_bytes().into()));
            expected += 1;
        }
    };
    let (turns, longest) = turns(read).await;
    assert_eq!(expected, FLOOD as u32);
    // The stream pauses for a turn after 1024 messages at the latest.
    assert!(turns >= LIMIT as u32 / 1024, "the page had {turns} turns, the longest of {longest} ms");
    log(&format!("a flood of {FLOOD}: while it was taken the page had {turns} turns, the longest of {longest} ms"));
}

const UPLOAD: u64 = if IS_LARGE { 1 << 30 } else { 8 << 20 };

/// Returns a Blob of 16 parts, each filled with its number. The Blob consists of references to 16 small Blobs.
async fn large_blob() -> Blob {
    let parts = (0..16_u8).flat_map(|number| {
        let part = Blob::new(&vec![number; 64 << 10], "");
        (0..UPLOAD / 16 / part.len()).map(move |_| part.clone())
    });
    blob_of(parts).await
}

#[apply(browser_test)]
async fn a_large_blob_goes_out_in_slices_of_bounded_memory() {
    const MARK: u64 = 512 << 10;
    const SLICE: u64 = 64 << 10;
    let blob = large_blob().await;
    // If the clock ran, late looks at the buffer would raise the high water mark.
    let _clock = Clock::stopped();
    let mut stream = connect_with("/sink", &Options::new().high_water_mark(MARK)).await;
    let pages = memory_size();
    let mut slices = stream.send_slices(blob.clone(), SLICE);
    let mut sent = 0;
    while let Some(Progress { sent: now_sent, total, buffered, .. }) = slices.try_next().await.unwrap() {
        sent += SLICE;
        assert_eq!((now_sent, total), (sent, blob.len()));
        assert!(buffered <= MARK + SLICE, "{buffered} bytes are buffered");
    }
    assert_eq!(sent, blob.len());
    stream.flush().await.unwrap();
    assert_eq!(memory_size(), pages);
    stream.send("report").await.unwrap();
    let (count, bytes, sha256) = (sent / SLICE, sent, sha256(&blob).await);
    let report = format!(r#"{{"count":{count},"bytes":{bytes},"sha256":"{sha256}"}}"#);
    assert_eq!(next(&mut stream).await, Message::Text(report));
}

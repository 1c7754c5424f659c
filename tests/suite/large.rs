//! Tests with large numbers: smaller ones in `cargo xtask test`, and larger ones in `cargo xtask ci`, which sets `TEST_LARGE`.

mod soak;

use std::cell::Cell;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::TryStreamExt;
use macro_rules_attribute::apply;
use wasm_websocket::{Blob, Message, Options, Overflow, Progress, WebSocket};

use super::guard::{Clock, Live, blob_of, collect_garbage, log, memory_size, sha256, turn, turns};
use super::lifetime::make_what_is_kept;
use super::peer::{Count, connect, connect_with, next, url};

pub const IS_LARGE: bool = option_env!("TEST_LARGE").is_some();

const SOCKETS: usize = if IS_LARGE { 10_000 } else { 200 };

/// Opens and drops this many sockets, in steps below the limits of browsers: half of them streams, half with listeners.
///
/// One after the other, since Chromium delays each the longer, the more of them connect at the same time; and for 10 ms
/// in any case.
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
            socket.on_message(|_| panic!("nobody sends")).forget();
            // Otherwise the test would wait for a failed attempt until the runner's timeout.
            let fail = move |error| match failed.take() {
                Some(opened) => opened.send(Err(error)).unwrap(),
                None => panic!("{error}"),
            };
            socket.on_error(fail).forget();
            socket.on_close(|_| panic!("it was dropped")).forget();
            has_opened.await.unwrap().unwrap();
            open.push((socket, connect(&path).await));
        }
        count.becomes(100).await;
        drop(open);
        count.becomes(0).await;
        // A tab of Chromium has two open files for each socket until it collects garbage. On a busy machine it had not done so
        // when the files were as many as a process may have (20,000), and crashed.
        if step % 10 == 0 {
            collect_garbage();
        }
    }
    turn(50).await;
}

// L20
#[apply(browser_test)]
async fn nothing_grows_with_the_number_of_sockets() {
    make_what_is_kept().await;
    let count = &mut Count::new().await;
    open_and_drop(100, count).await;
    let before = Live::now();
    open_and_drop(SOCKETS, count).await;
    assert_eq!(Live::now(), before);
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
    assert!(memory_size() <= pages + 16, "{pages} pages have become more");
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
    // It pauses after 1024 messages at the latest.
    assert!(turns >= LIMIT as u32 / 1024, "the page had {turns} turns, the longest of {longest} ms");
    log(&format!("a flood of {FLOOD}: while it was taken the page had {turns} turns, the longest of {longest} ms"));
}

const UPLOAD: u64 = if IS_LARGE { 1 << 30 } else { 8 << 20 };

/// A Blob of 16 parts, each of which holds its number. It is made of references to 16 small ones.
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
    // Otherwise late looks would raise the mark.
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

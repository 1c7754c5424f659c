//! What must hold in large numbers: some of each in `cargo xtask test`, and many in `cargo xtask ci`, which sets `TEST_LARGE`.

mod soak;

use std::cell::Cell;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::TryStreamExt;
use js_sys::futures::spawn_local;
use js_sys::{Array, Promise, Uint8Array};
use macro_rules_attribute::apply;
use wasm_bindgen::{JsCast, JsValue};
use wasm_websocket::{Blob, Message, Options, Overflow, Progress, WebSocket};

use super::guard::{js_function, log, turn};
use super::lifetime::{Live, make_what_is_kept};
use super::peer::{Count, connect, connect_with, next, url};

pub const IS_LARGE: bool = option_env!("TEST_LARGE").is_some();

const SOCKETS: usize = if IS_LARGE { 10_000 } else { 200 };

/// Opens and drops so many sockets, in steps under the limits of browsers: half of them streams, half with listeners.
///
/// One after the other, since Chromium makes each wait the longer, the more of them connect at the same time; and for 10 ms
/// in any case.
async fn open_and_drop(sockets: usize, count: &mut Count) {
    let path = count.path("/echo");
    for _ in 0..sockets.div_ceil(100) {
        let mut open = Vec::new();
        for _ in 0..50 {
            let socket = WebSocket::new(&url(&path)).unwrap();
            let (opened, has_opened) = oneshot::channel();
            socket.on_open(move || opened.send(()).unwrap()).forget();
            socket.on_message(|_| panic!("nobody sends")).forget();
            socket.on_error(|error| panic!("{error}")).forget();
            socket.on_close(|_| panic!("it was dropped")).forget();
            has_opened.await.unwrap();
            open.push((socket, connect(&path).await));
        }
        count.becomes(100).await;
        drop(open);
        count.becomes(0).await;
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

/// The longest time, in milliseconds, that the page did not answer while something was done.
async fn longest_freeze(done: impl Future<Output = ()>) -> f64 {
    let (is_over, longest) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0.0_f64)));
    let (over, freeze) = (is_over.clone(), longest.clone());
    spawn_local(async move {
        let mut last = js_sys::Date::now();
        while !over.get() {
            turn(1).await;
            let now = js_sys::Date::now();
            freeze.set(freeze.get().max(now - last));
            last = now;
        }
    });
    done.await;
    is_over.set(true);
    turn(20).await;
    longest.get()
}

const FLOOD: usize = if IS_LARGE { 1_000_000 } else { 20_000 };

// M27
#[apply(browser_test)]
async fn a_flood_at_a_reader_that_sleeps_is_bounded_and_counted() {
    const LIMIT: usize = 10_000;
    let flood = format!("/flood/{FLOOD}/4");
    let options = Options::new().receive_limit(1 << 30, LIMIT, Overflow::DropOldest);
    let mut stream = connect_with(&flood, &options).await;
    let pages = std::arch::wasm32::memory_size(0);
    let arriving = longest_freeze(async { drop(stream.closed().await) }).await;
    // What waits is not in wasm memory; a MiB is for the queue and whatever else the tests need.
    assert!(std::arch::wasm32::memory_size(0) <= pages + 16, "{pages} pages have become more");
    assert_eq!(stream.dropped(), (FLOOD - LIMIT) as u64);
    let mut expected = (FLOOD - LIMIT) as u32;
    let read = async {
        while let Some(message) = stream.try_next().await.unwrap() {
            assert_eq!(message, Message::Binary(expected.to_le_bytes().into()));
            expected += 1;
        }
    };
    let taking = longest_freeze(read).await;
    assert_eq!(expected, FLOOD as u32);
    // Browsers deliver what has come before they let a timer go on, whoever listens: `cargo xtask bench --flood` compares.
    assert!(arriving < 5_000.0, "frozen for {arriving} ms");
    assert!(taking < 500.0, "frozen for {taking} ms");
    log(&format!("a flood of {FLOOD}: frozen for {arriving} ms, and for {taking} ms while it was taken"));
}

const UPLOAD: u64 = if IS_LARGE { 1 << 30 } else { 8 << 20 };

/// A Blob of 16 parts, each of which holds its number. It is made of references to 16 small ones.
fn large_blob() -> Blob {
    let parts = (0..16_u8).flat_map(|number| {
        let part = Blob::new(&vec![number; 64 << 10], "");
        (0..UPLOAD / 16 / part.len()).map(move |_| part.as_raw().clone())
    });
    let parts: Array = parts.map(JsValue::from).collect();
    Blob::from_raw(web_sys::Blob::new_with_blob_sequence(&parts).unwrap())
}

/// The SHA-256 of the large Blob. Of 1 GiB, which the browser's own function would need in memory, it is known:
/// `python3 -c "import hashlib; print(hashlib.sha256(b''.join(bytes([i]) * (64 << 20) for i in range(16))).hexdigest())"`
async fn sha256(blob: &Blob) -> String {
    if blob.len() == 1 << 30 {
        return "d2d2e720d9549cee1571eae12e810a0c79188e24fa247ecd327add83b548f66f".into();
    }
    let digest = js_function("async blob => crypto.subtle.digest('SHA-256', await blob.arrayBuffer())");
    let digest: Promise = digest.call1(&JsValue::NULL, blob.as_raw()).unwrap().unchecked_into();
    let digest = Uint8Array::new(&digest.await.unwrap()).to_vec();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[apply(browser_test)]
async fn a_large_blob_goes_out_in_slices_of_bounded_memory() {
    const MARK: u64 = 512 << 10;
    const SLICE: u64 = 64 << 10;
    let blob = large_blob();
    let mut stream = connect_with("/sink", &Options::new().high_water_mark(MARK)).await;
    let pages = std::arch::wasm32::memory_size(0);
    let mut slices = stream.send_slices(blob.clone(), SLICE);
    let mut sent = 0;
    while let Some(Progress { sent: now_sent, total, buffered, .. }) = slices.try_next().await.unwrap() {
        sent += SLICE;
        assert_eq!((now_sent, total), (sent, blob.len()));
        assert!(buffered <= MARK + SLICE, "{buffered} bytes are buffered");
    }
    assert_eq!(sent, blob.len());
    stream.flush().await.unwrap();
    assert_eq!(std::arch::wasm32::memory_size(0), pages);
    stream.send("report").await.unwrap();
    let (count, bytes, sha256) = (sent / SLICE, sent, sha256(&blob).await);
    let report = format!(r#"{{"count":{count},"bytes":{bytes},"sha256":"{sha256}"}}"#);
    assert_eq!(next(&mut stream).await, Message::Text(report));
}

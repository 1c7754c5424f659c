//! What happens when wasm memory is full. These tests have a module of their own, since memory that has grown never shrinks, and
//! other tests check that memory does not grow.
#![cfg(target_arch = "wasm32")]

#[macro_use]
mod suite {
    #[macro_use]
    #[allow(dead_code, reason = "only the suite uses the other items")]
    pub mod guard;
    #[allow(dead_code, reason = "only the suite uses the other items")]
    pub mod peer;
}

use std::time::Duration;

use futures_util::StreamExt;
use js_sys::{ArrayBuffer, JsString};
use macro_rules_attribute::apply;
use wasm_bindgen::JsCast;
use wasm_websocket::reconnect::Heartbeat;
use wasm_websocket::{Blob, Error, Message, ReconnectOptions, Reconnecting, WebSocketStream};

use suite::guard::js;
use suite::peer::{connect, next, url};

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// The transport of the suite.
const TRANSPORT: wasm_websocket::Transport = wasm_websocket::Transport::Events;

/// The length of a large message, in bytes or in UTF-16 units.
const LARGE: u64 = 4 << 20;

/// Allocates memory until no free block of 1 MiB is left.
fn fill_memory() -> Vec<Vec<u8>> {
    let (mut blocks, mut len) = (Vec::with_capacity(64), 1 << 30);
    while len >= 1 << 20 {
        let mut block = Vec::new();
        match block.try_reserve_exact(len) {
            Ok(()) => blocks.push(block),
            Err(_) => len /= 2,
        }
    }
    blocks
}

fn text_of(letter: char, len: u64) -> JsString {
    js(&format!("'{letter}'.repeat({len})")).unchecked_into()
}

async fn receives_text(stream: &mut WebSocketStream, letter: char, len: u64) {
    stream.send(text_of(letter, len)).await.unwrap();
    assert_eq!(next(stream).await.len(), len * letter.len_utf8() as u64);
}

#[apply(browser_test)]
async fn a_message_for_which_there_is_no_memory_is_an_error_and_the_next_one_comes() {
    let mut stream = connect("/echo").await;
    let buffer = ArrayBuffer::new(LARGE as u32);
    let full = fill_memory();

    stream.send(&buffer).await.unwrap();
    assert_eq!(stream.next().await, Some(Err(Error::OutOfMemory(LARGE))));
    stream.send(text_of('a', LARGE)).await.unwrap();
    assert_eq!(stream.next().await, Some(Err(Error::OutOfMemory(LARGE))));
    receives_text(&mut stream, 'a', 1000).await;

    drop(full);
    receives_text(&mut stream, 'é', LARGE).await;
    receives_text(&mut stream, 'a', LARGE).await;
    stream.send(&buffer).await.unwrap();
    assert_eq!(next(&mut stream).await, Message::Binary(vec![0; LARGE as usize]));
    stream.close().await.unwrap();
}

#[apply(browser_test)]
async fn a_blob_for_which_there_is_no_memory_can_be_read_in_chunks() {
    let blob = Blob::new(&vec![b'a'; LARGE as usize], "");
    let full = fill_memory();
    assert_eq!(blob.bytes().await, Err(Error::OutOfMemory(LARGE)));
    assert!(matches!(blob.text().await, Err(Error::OutOfMemory(_))));
    let mut chunks = blob.chunks(64 << 10);
    let mut read = 0;
    while let Some(chunk) = chunks.next().await {
        read += chunk.unwrap().len() as u64;
    }
    assert_eq!(read, LARGE);
    drop(full);
    assert_eq!(blob.text().await.unwrap().len() as u64, LARGE);
}

#[apply(browser_test)]
async fn a_message_for_which_there_is_no_memory_is_seen_beside_a_heartbeat() {
    // The heartbeat always waits for an answer, so each message is decoded when it arrives.
    let heartbeat = Heartbeat::new("ping", |_| false).interval(Duration::from_millis(10));
    let options = ReconnectOptions::new().heartbeat(heartbeat);
    let mut stream = Reconnecting::new(options, async || Ok(url("/echo")));
    let ping = Some(Ok(Message::Text("ping".into())));
    assert_eq!(stream.next().await, ping);
    stream.send(vec![0; LARGE as usize]).await.unwrap();
    let full = fill_memory();
    let mut received = stream.next().await;
    while received == ping {
        received = stream.next().await;
    }
    assert_eq!(received, Some(Err(Error::OutOfMemory(LARGE))));
    drop(full);
}

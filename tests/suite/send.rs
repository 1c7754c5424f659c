//! Messages on their way out.

use std::pin::pin;

use futures_util::{SinkExt, StreamExt, poll};
use js_sys::{ArrayBuffer, ArrayBufferOptions, Float64Array, Uint8Array, Uint8ClampedArray};
use macro_rules_attribute::apply;
use wasm_bindgen::{JsCast, JsValue};
use wasm_websocket::{Blob, Error, Message, Options, Payload, ReadyState, WebSocket, WebSocketStream};

use super::peer::{connect, connect_with, next, url};

async fn assert_echo(stream: &mut WebSocketStream, payload: impl Payload, expected: impl Into<Message>) {
    stream.send(payload).await.unwrap();
    assert_eq!(next(stream).await, expected.into());
}

// S02–S04
#[apply(browser_test)]
async fn everything_that_a_browser_can_send_arrives() {
    let stream = &mut connect("/echo").await;
    let bytes = vec![1, 2, 3, 255];

    assert_echo(stream, "text", "text").await;
    assert_echo(stream, String::from("owned"), "owned").await;
    assert_echo(stream, &bytes, bytes.clone()).await;
    assert_echo(stream, bytes.as_slice(), bytes.clone()).await;
    assert_echo(stream, b"bytes", b"bytes".to_vec()).await;
    assert_echo(stream, Message::from("message"), "message").await;
    assert_echo(stream, Blob::new(&bytes, ""), bytes.clone()).await;
    assert_echo(stream, Message::Blob(Blob::new(&bytes, "")), bytes.clone()).await;
    assert_echo(stream, Blob::new(&bytes, "").as_raw(), bytes.clone()).await;
    assert_echo(stream, file(&bytes), bytes.clone()).await;

    let array = Uint8Array::new_from_slice(&bytes);
    assert_echo(stream, &array.buffer(), bytes.clone()).await;
    assert_echo(stream, &array.subarray(1, 3), vec![2, 3]).await;
    assert_echo(stream, Float64Array::from(&[0.0][..]), vec![0; 8]).await;
    assert_echo(stream, ArrayBuffer::new(0), Vec::new()).await;
}

fn file(bytes: &[u8]) -> web_sys::File {
    let parts = js_sys::Array::of1(&Uint8Array::new_from_slice(bytes));
    web_sys::File::new_with_u8_array_sequence(&parts, "name.bin").unwrap()
}

#[apply(browser_test)]
async fn image_data_is_sent_as_its_pixels() {
    let stream = &mut connect("/echo").await;
    let pixels: Vec<u8> = (0..4 * 3 * 2).collect();
    // By way of a copy: under shared memory, browsers take no view of it.
    let array = Uint8ClampedArray::new(&Uint8Array::new_from_slice(&pixels));
    let image = web_sys::ImageData::new_with_js_u8_clamped_array_and_sh(&array, 3, 2).unwrap();
    assert_echo(stream, &image, pixels).await;
}

// S08
#[apply(browser_test)]
async fn what_is_sent_after_a_blob_arrives_after_it() {
    let stream = &mut connect("/echo").await;
    stream.send(Blob::new(&vec![9; 500_000], "")).await.unwrap();
    stream.send("after").await.unwrap();
    assert_eq!(next(stream).await, vec![9; 500_000].into());
    assert_eq!(next(stream).await, "after".into());
}

// S09
#[apply(browser_test)]
async fn later_changes_to_a_buffer_are_not_sent() {
    let stream = &mut connect("/echo").await;
    let array = Uint8Array::new_from_slice(&[1, 2]);
    stream.send(&array).await.unwrap();
    array.set_index(0, 9);
    assert_eq!(next(stream).await, vec![1, 2].into());
}

// S05, S06, S07, S17: in bytes, at once, and never less in the same task.
#[apply(browser_test)]
async fn the_buffered_amount_counts_bytes() {
    let mut stream = connect("/echo").await;
    let mut expected = 0;
    for (text, len) in [("¥¥¥¥¥¥", 12), ("", 0), (&*"x".repeat(65_000), 65_000)] {
        assert!(poll!(pin!(stream.send(text))).is_ready());
        expected += len;
        assert_eq!(stream.buffered_amount(), expected);
    }
    let array = Uint8Array::new_with_length(100);
    assert!(poll!(pin!(stream.send(&array.subarray(0, 10)))).is_ready());
    assert_eq!(stream.buffered_amount(), expected + 10);
    // S18
    SinkExt::flush(&mut stream).await.unwrap();
    assert_eq!(stream.buffered_amount(), 0);
}

// S01
#[apply(browser_test)]
async fn sending_while_connecting_hands_the_message_back() {
    let socket = WebSocket::new(&url("/hang")).unwrap();
    let unsent = socket.send(String::from("early")).unwrap_err();
    assert_eq!((unsent.message.as_str(), unsent.error), ("early", Error::NotOpen(ReadyState::Connecting)));
}

// S11
#[apply(browser_test)]
async fn a_buffer_that_browsers_refuse_is_handed_back() {
    let mut stream = connect("/echo").await;
    let buffer = ArrayBuffer::new_with_options(8, &ArrayBufferOptions::new(16));
    let unsent = stream.send(&buffer).await.unwrap_err();
    assert!(matches!(&unsent.error, Error::Thrown { name, .. } if name == "TypeError"), "{:?}", unsent.error);
    assert_eq!(stream.buffered_amount(), 0);
}

#[apply(browser_test)]
async fn errors_become_javascript_errors() {
    async fn exported() -> Result<(), JsValue> {
        let mut stream = connect("/echo").await;
        stream.close().await?;
        Ok(stream.send("late").await?)
    }
    let error: js_sys::Error = exported().await.unwrap_err().unchecked_into();
    assert_eq!(error.message(), "the connection is closed, not open");
}

// S15: browsers take the message and discard it.
#[apply(browser_test)]
async fn sending_after_close_hands_the_message_back() {
    let mut stream = connect("/echo").await;
    assert!(poll!(pin!(stream.close())).is_pending());
    let unsent = stream.send(vec![1, 2]).await.unwrap_err();
    assert_eq!((unsent.message, unsent.error), (vec![1, 2], Error::NotOpen(ReadyState::Closing)));
    stream.close().await.unwrap();
    let unsent = stream.send("late").await.unwrap_err();
    assert_eq!((unsent.message, unsent.error), ("late", Error::NotOpen(ReadyState::Closed)));
}

// S26
#[apply(browser_test)]
async fn senders_wait_above_the_high_water_mark_and_fail_when_the_connection_closes() {
    let mut stream = connect_with("/stall/250", &Options::new().high_water_mark(100_000)).await;
    let chunk = vec![0; 100_000];
    // The server never reads, and resets the connection while this waits.
    let unsent = loop {
        match stream.send(&chunk).await {
            Ok(()) => assert!(stream.buffered_amount() <= 200_000),
            Err(unsent) => break unsent,
        }
    };
    assert_eq!((unsent.message, unsent.error), (&chunk, Error::NotOpen(ReadyState::Closed)));
}

// S26: a sink is not ready either.
#[apply(browser_test)]
async fn the_sink_waits_above_the_high_water_mark() {
    let mut stream = connect_with("/stall/250", &Options::new().high_water_mark(100_000)).await;
    let error = loop {
        match stream.feed(Message::Binary(vec![0; 100_000])).await {
            Ok(()) => assert!(stream.buffered_amount() <= 200_000),
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::NotOpen(ReadyState::Closed));
}

// S26, the other half: it goes on when the peer has taken what was sent.
#[apply(browser_test)]
async fn a_waiting_sender_goes_on_when_there_is_room() {
    let stream = &mut connect_with("/sink", &Options::new().high_water_mark(10_000).low_water_mark(0)).await;
    for _ in 0..50 {
        stream.send(&vec![5; 65_536]).await.unwrap();
    }
    stream.send("report").await.unwrap();
    let Message::Text(report) = next(stream).await else { panic!("no report") };
    assert!(report.starts_with(r#"{"count":50,"bytes":3276800,"#), "{report}");
}

// S27, S28
#[apply(browser_test)]
async fn the_sink_sends_flushes_and_closes() {
    let mut stream = connect("/echo").await;
    SinkExt::send(&mut stream, Message::Binary(vec![3; 300_000])).await.unwrap();
    assert_eq!(stream.buffered_amount(), 0);
    SinkExt::close(&mut stream).await.unwrap();
    assert_eq!(stream.ready_state(), ReadyState::Closed);
    assert_eq!(SinkExt::send(&mut stream, "late".into()).await, Err(Error::NotOpen(ReadyState::Closed)));
    SinkExt::close(&mut stream).await.unwrap();
    stream.for_each(|_| async {}).await;
}

//! Messages on their way out.

use std::pin::pin;
use std::task::Poll;

use futures_util::future::join;
use futures_util::{SinkExt, StreamExt, TryStreamExt, poll};
use js_sys::{ArrayBuffer, ArrayBufferOptions, JsString, Reflect, Uint8Array, Uint8ClampedArray};
use macro_rules_attribute::apply;
use wasm_bindgen::{JsCast, JsValue};
use wasm_websocket::{BinaryType, Blob, Error, Message, Options, Payload, ReadyState, WebSocket, WebSocketStream};

use super::guard::{Clock, block, deviation, is_webkit, js, js_function, random, turn, unreadable_blob};
use super::peer::{connect, connect_with, next, settled, url};

async fn assert_echo(stream: &mut WebSocketStream, payload: impl Payload, expected: impl Into<Message>) {
    stream.send(payload).await.unwrap();
    assert_eq!(next(stream).await, expected.into());
}

// S02, S03, L18: the crate's other build, with shared memory, sends the same.
#[apply(browser_test)]
async fn everything_that_a_browser_can_send_arrives() {
    let stream = &mut connect("/echo").await;
    let bytes = vec![1, 2, 3, 255];

    assert_echo(stream, "text", "text").await;
    assert_echo(stream, "", "").await;
    assert_echo(stream, String::from("owned"), "owned").await;
    assert_echo(stream, &bytes, bytes.clone()).await;
    assert_echo(stream, bytes.as_slice(), bytes.clone()).await;
    assert_echo(stream, b"bytes", b"bytes".to_vec()).await;
    assert_echo(stream, Message::from("message"), "message").await;
    assert_echo(stream, Blob::new(&bytes, ""), bytes.clone()).await;
    assert_echo(stream, Message::Blob(Blob::new(&bytes, "")), bytes.clone()).await;
    assert_echo(stream, Blob::new(&bytes, "").as_raw(), bytes.clone()).await;
    assert_echo(stream, Blob::new(b"", ""), Vec::new()).await;
    assert_echo(stream, file(&bytes), bytes.clone()).await;
    assert_echo(stream, Uint8Array::new_from_slice(&bytes).buffer(), bytes.clone()).await;
    assert_echo(stream, ArrayBuffer::new(0), Vec::new()).await;
}

/// Sends a part of a typed array: its second and third element.
macro_rules! assert_part {
    ($stream:ident, $buffer:ident: $($array:ident of $size:literal)*) => {$(
        let part = js_sys::$array::new(&$buffer).subarray(1, 3);
        assert_echo($stream, part, ($size..3 * $size).collect::<Vec<u8>>()).await;
    )*};
}

// S04
#[apply(browser_test)]
async fn of_a_view_only_what_it_shows_is_sent() {
    let stream = &mut connect("/echo").await;
    let buffer = Uint8Array::new_from_slice(&(0..64).collect::<Vec<u8>>()).buffer();
    assert_part!(stream, buffer: Int8Array of 1 Uint8Array of 1 Uint8ClampedArray of 1 Int16Array of 2 Uint16Array of 2);
    assert_part!(stream, buffer: Int32Array of 4 Uint32Array of 4 Float32Array of 4);
    assert_part!(stream, buffer: Float64Array of 8 BigInt64Array of 8 BigUint64Array of 8);
    assert_echo(stream, js_sys::DataView::new(&buffer, 5, 2), vec![5, 6]).await;
    if js("typeof Float16Array").as_string().unwrap() == "function" {
        assert_part!(stream, buffer: Float16Array of 2);
    } else {
        deviation("S04", "has no Float16Array");
    }
}

fn file(bytes: &[u8]) -> web_sys::File {
    let parts = js_sys::Array::of1(&Uint8Array::new_from_slice(bytes));
    web_sys::File::new_with_u8_array_sequence(&parts, "name.bin").unwrap()
}

// S13: text that stays in JavaScript may have what no Rust string has.
#[apply(browser_test)]
async fn javascript_text_is_sent_with_lone_surrogates_replaced() {
    let stream = &mut connect("/echo").await;
    assert_echo(stream, JsString::from("Grüße"), "Grüße").await;
    assert_echo(stream, js(r"'a\uD800b'").unchecked_into::<JsString>(), "a\u{FFFD}b").await;
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
    assert!(poll!(pin!(stream.send(Blob::new(&vec![9; 500_000], "")))).is_ready());
    assert_eq!(stream.buffered_amount(), 500_000);
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

// S05, S06, S07, S17, S18, S21: in bytes of payload, at once, and never less in the same task.
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
    // Nor does a request of another kind change it, for which the browser stops the task.
    let request = "(() => { const r = new XMLHttpRequest(); r.open('GET', location.href, false); r.send(); })()";
    assert!(js("typeof XMLHttpRequest === 'undefined'").is_truthy() || js(request).is_undefined());
    if stream.buffered_amount() != expected + 10 {
        deviation("S07", "counts another number of bytes for a view");
    }
    assert!((expected + 10..=expected + 100).contains(&stream.buffered_amount()), "{}", stream.buffered_amount());
    // In a later task it falls.
    stream.flush().await.unwrap();
    assert_eq!(stream.buffered_amount(), 0);
}

// S01
#[apply(browser_test)]
async fn sending_while_connecting_hands_the_message_back() {
    let socket = WebSocket::new(&url("/hang")).unwrap();
    let unsent = socket.send(String::from("early")).unwrap_err();
    assert_eq!((unsent.message.as_str(), unsent.error), ("early", Error::NotOpen(ReadyState::Connecting)));
    assert_eq!(socket.buffered_amount(), 0);
    socket.close();
    settled().await;
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

// S10: it is copied, since browsers refuse it.
#[apply(browser_test)]
async fn a_view_of_shared_memory_is_sent() {
    if js("typeof SharedArrayBuffer").as_string().unwrap() != "function" {
        return deviation("S10", "has no SharedArrayBuffer here");
    }
    let stream = &mut connect("/echo").await;
    let view: Uint8Array = js("new Uint8Array(new SharedArrayBuffer(8), 2, 3).fill(7)").unchecked_into();
    assert_echo(stream, &view, vec![7; 3]).await;
    let view: js_sys::DataView = js("new DataView(new SharedArrayBuffer(8), 2, 3)").unchecked_into();
    assert_echo(stream, &view, vec![0; 3]).await;
}

// S12
#[apply(browser_test)]
async fn a_buffer_that_was_given_away_is_empty() {
    let stream = &mut connect("/echo").await;
    let buffer = ArrayBuffer::new(8);
    js_function("buffer => structuredClone(buffer, { transfer: [buffer] })")
        .call1(&JsValue::UNDEFINED, &buffer)
        .unwrap();
    match stream.send(&buffer).await {
        Ok(()) => assert_eq!(next(stream).await, Vec::new().into()),
        Err(unsent) => {
            deviation("S12", "refuses it");
            assert!(matches!(&unsent.error, Error::Thrown { name, .. } if name == "TypeError"), "{:?}", unsent.error);
        }
    }
    assert_echo(stream, "still there?", "still there?").await;
}

#[apply(browser_test)]
async fn errors_become_javascript_errors() {
    async fn exported() -> Result<(), JsValue> {
        let mut stream = connect("/echo").await;
        stream.close().await?;
        Ok(stream.send("late").await?)
    }
    let error: js_sys::Error = exported().await.unwrap_err().unchecked_into();
    assert_eq!(error.message(), "the connection is closed, not open; connect again");
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

// S16: no page can know that the peer has closed already. It is what "handed over" means, and not "delivered".
#[apply(browser_test)]
async fn what_crosses_the_peers_close_is_taken_and_lost() {
    let mut stream = connect("/frames/close").await;
    stream.send("now").await.unwrap();
    block(200.0);
    assert_eq!(stream.ready_state(), ReadyState::Open);
    assert!(matches!(poll!(pin!(stream.send("too late"))), Poll::Ready(Ok(()))));
    assert!(stream.buffered_amount() >= 8, "{}", stream.buffered_amount());
    assert!(stream.next().await.is_none());
    assert_eq!(stream.close_event().unwrap().code, 4000);
}

/// A connection that was reset while nearly all of 20 MiB was unsent.
async fn lost() -> WebSocketStream {
    let mut stream = connect("/reset").await;
    stream.send(vec![0; 20 << 20]).await.unwrap();
    assert!(!stream.closed().await.unwrap().was_clean);
    stream
}

// S19: or it is forgotten, in Chromium most of the time.
#[apply(browser_test)]
async fn what_a_closed_connection_could_not_send_stays_counted() {
    for _ in 0..8 {
        let stream = lost().await;
        assert_eq!(stream.ready_state(), ReadyState::Closed);
        let amount = stream.buffered_amount();
        if amount == 0 {
            deviation("S19", "forgets what it could not send");
        }
        settled().await;
        assert_eq!(stream.buffered_amount(), amount);
    }
}

// S19, S27: whether it is still counted or not.
#[apply(browser_test)]
async fn what_was_lost_is_not_flushed() {
    for _ in 0..3 {
        let mut stream = lost().await;
        assert_eq!(stream.flush().await, Err(Error::NotOpen(ReadyState::Closed)));

        let mut stream = connect("/reset").await;
        stream.send(vec![0; 20 << 20]).await.unwrap();
        let result = stream.flush().await;
        assert!(result == Err(Error::NotOpen(ReadyState::Closed)) || is_webkit() && result.is_ok(), "{result:?}");
    }
}

// S27: an end loses nothing of what had gone before it.
#[apply(browser_test)]
async fn what_was_flushed_before_the_end_stays_flushed() {
    let mut stream = connect("/close/1000").await;
    stream.closed().await.unwrap();
    assert_eq!(stream.flush().await, Ok(()));

    let key = random();
    for text in ["something", ""] {
        let mut stream = connect(&format!("/fault/reset-by/{key}")).await;
        stream.send("flushed").await.unwrap();
        assert_eq!(stream.flush().await, Ok(()));
        assert_eq!(next(&mut stream).await, "flushed".into());
        let mut other = connect(&format!("/fault/reset-by/{key}")).await;
        other.send(text).await.unwrap();
        assert_eq!(next(&mut other).await, text.into());
        drop(connect(&format!("/fault/reset-now/{key}")).await);
        assert!(!stream.closed().await.unwrap().was_clean);
        assert_eq!(stream.flush().await, Ok(()));
        // Nobody looked at this one while it was open, so it may have lost what was sent.
        other.closed().await.unwrap();
        assert_eq!(other.flush().await, Err(Error::NotOpen(ReadyState::Closed)));
    }
}

// S20: more than fits into 32 bits, of which the browser holds one copy, or none.
#[apply(browser_test)]
async fn the_buffered_amount_has_64_bits() {
    let socket = WebSocket::from_raw(connect("/stall/10000").await.into_raw());
    let part = Blob::new(&vec![0; 64 << 20], "");
    for _ in 0..65 {
        socket.send(&part).unwrap();
    }
    let amount = Reflect::get(socket.as_raw(), &"bufferedAmount".into()).unwrap().as_f64().unwrap() as u64;
    assert_eq!(socket.buffered_amount(), amount);
    if amount <= u32::MAX.into() {
        deviation("S20", "counts in 32 bits");
    }
}

// S23
#[apply(browser_test)]
async fn many_messages_to_a_peer_that_reads_later_arrive() {
    let mut stream = connect("/late/300").await;
    for _ in 0..50 {
        stream.send(vec![1; 65_536]).await.unwrap();
    }
    stream.send("report").await.unwrap();
    let Message::Text(report) = next(&mut stream).await else { panic!("no report") };
    assert!(report.starts_with(r#"{"count":50,"bytes":3276800,"#), "{report}");
}

// S24: nobody is told of it in time; but nothing hangs, and what is sent afterwards is an error or arrives.
#[apply(browser_test)]
async fn a_blob_that_cannot_be_read_does_not_hang_the_connection() {
    let Some(blob) = unreadable_blob().await else { return deviation("S24", "has no files to remove here") };
    let mut stream = connect("/echo").await;
    stream.send(&blob).await.unwrap();
    turn(200).await;
    match stream.send("after").await {
        Ok(()) => {
            let message = stream.try_next().await.unwrap();
            deviation("S24", &format!("goes on, with {message:?}"));
        }
        Err(unsent) => {
            assert_eq!((unsent.message, unsent.error), ("after", Error::NotOpen(ReadyState::Closed)));
            assert!(stream.next().await.is_none());
            let event = stream.close_event().unwrap();
            deviation("S24", &format!("ends the connection with {event}"));
        }
    }
}

// S25
#[apply(browser_test)]
async fn large_messages_go_round() {
    let mut stream = connect_with("/echo", &Options::new().binary_type(BinaryType::Blob)).await;
    for len in [16 << 20, 64 << 20] {
        stream.send(Blob::new(&vec![3; len as usize], "")).await.unwrap();
        let Message::Blob(blob) = next(&mut stream).await else { panic!("no blob") };
        assert_eq!(blob.len(), len);
        assert_eq!(blob.slice(len - 2..).bytes().await.unwrap(), [3, 3]);
    }
}

// S26
#[apply(browser_test)]
async fn senders_wait_above_the_high_water_mark_and_fail_when_the_connection_closes() {
    // Or else looks that come late would raise the mark.
    let _clock = Clock::stopped();
    let key = random();
    let mut stream = connect_with(&format!("/fault/stall-by/{key}"), &Options::new().high_water_mark(100_000)).await;
    let chunk = vec![0; 100_000];
    let send = async {
        loop {
            match stream.send(&chunk).await {
                Ok(()) => assert!(stream.buffered_amount() <= 200_000),
                Err(unsent) => break unsent,
            }
        }
    };
    // The server never reads, and resets the connection when this waits.
    let (unsent, _) = join(send, connect(&format!("/fault/reset-now/{key}"))).await;
    assert_eq!((unsent.message, unsent.error), (&chunk, Error::NotOpen(ReadyState::Closed)));
}

// S26: a sink is not ready either.
#[apply(browser_test)]
async fn the_sink_waits_above_the_high_water_mark() {
    let _clock = Clock::stopped();
    let key = random();
    let mut stream = connect_with(&format!("/fault/stall-by/{key}"), &Options::new().high_water_mark(100_000)).await;
    let feed = async {
        loop {
            match stream.feed(Message::Binary(vec![0; 100_000])).await {
                Ok(()) => assert!(stream.buffered_amount() <= 200_000),
                Err(error) => break error,
            }
        }
    };
    let (error, _) = join(feed, connect(&format!("/fault/reset-now/{key}"))).await;
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

// S18, S27, S28: it buffers nothing itself, so it waits for the network only when it is closed.
#[apply(browser_test)]
async fn the_sink_sends_flushes_and_closes() {
    let mut stream = connect("/echo").await;
    assert!(matches!(poll!(SinkExt::send(&mut stream, Message::Binary(vec![3; 300_000]))), Poll::Ready(Ok(()))));
    assert!(stream.buffered_amount() > 0);
    stream.flush().await.unwrap();
    assert_eq!(stream.buffered_amount(), 0);
    // Nor does it wait because something else has waited before.
    for _ in 0..100 {
        assert!(matches!(poll!(SinkExt::send(&mut stream, "x".into())), Poll::Ready(Ok(()))));
    }
    SinkExt::close(&mut stream).await.unwrap();
    assert_eq!(stream.ready_state(), ReadyState::Closed);
    assert_eq!(SinkExt::send(&mut stream, "late".into()).await, Err(Error::NotOpen(ReadyState::Closed)));
    SinkExt::close(&mut stream).await.unwrap();
    stream.for_each(|_| async {}).await;
}

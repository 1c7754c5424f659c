//! Sends and receives JavaScript's own objects.

use futures_util::StreamExt;
use js_sys::{ArrayBuffer, ArrayBufferOptions, JsString, Reflect, Uint8Array, Uint8ClampedArray};
use macro_rules_attribute::apply;
use wasm_bindgen::{JsCast, JsValue};
use wasm_websocket::{BinaryType, Blob, Error, Options, Overflow, RawMessage};

use super::guard::{arrival, deviation, js, js_function, skipped};
use super::peer::{connect, connect_with, is_by_streams, next};
use super::reconnect::{self, quick};
use super::send::assert_echo;

// S02, S03, L18: the build with shared memory runs this test, too.
#[apply(browser_test)]
async fn every_object_that_a_browser_can_send_arrives() {
    let stream = &mut connect("/echo").await;
    let bytes = vec![1, 2, 3, 255];
    assert_echo(stream, Blob::new(&bytes, "").as_raw(), bytes.clone()).await;
    assert_echo(stream, file(&bytes), bytes.clone()).await;
    assert_echo(stream, Uint8Array::new_from_slice(&bytes).buffer(), bytes.clone()).await;
    assert_echo(stream, ArrayBuffer::new(0), Vec::new()).await;
}

fn file(bytes: &[u8]) -> web_sys::File {
    let parts = js_sys::Array::of1(&Uint8Array::new_from_slice(bytes));
    web_sys::File::new_with_u8_array_sequence(&parts, "name.bin").unwrap()
}

/// Sends the second and third element of typed arrays, and checks that only their bytes come back.
macro_rules! assert_part {
    ($stream:ident, $buffer:ident: $($array:ident of $size:literal)*) => {$(
        let part = js_sys::$array::new(&$buffer).subarray(1, 3);
        assert_echo($stream, part, ($size..3 * $size).collect::<Vec<u8>>()).await;
    )*};
}

// S04
#[apply(browser_test)]
async fn only_the_bytes_of_a_view_are_sent() {
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

// S13: a JavaScript string may contain lone surrogates; a Rust string cannot.
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
    // This copies the pixels, since browsers refuse views of shared memory.
    let array = Uint8ClampedArray::new(&Uint8Array::new_from_slice(&pixels));
    let image = web_sys::ImageData::new_with_js_u8_clamped_array_and_sh(&array, 3, 2).unwrap();
    assert_echo(stream, &image, pixels).await;
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

// S11
#[apply(browser_test)]
async fn a_buffer_that_browsers_refuse_is_handed_back() {
    let mut stream = connect("/echo").await;
    let buffer = ArrayBuffer::new_with_options(8, &ArrayBufferOptions::new(16));
    if is_by_streams() {
        // Over streams the crate sends a copy, whose length is fixed.
        return assert_echo(&mut stream, &buffer, vec![0; 8]).await;
    }
    let unsent = stream.send(&buffer).await.unwrap_err();
    assert!(matches!(&unsent.error, Error::Thrown { name, .. } if name == "TypeError"), "{:?}", unsent.error);
    assert_eq!(stream.buffered_amount(), 0);
}

// S11: a message that is kept is a Blob, which refuses resizable memory, so it gets a copy.
#[apply(browser_test)]
async fn resizable_memory_is_kept_until_there_is_a_connection() {
    let buffer = ArrayBuffer::new_with_options(4, &ArrayBufferOptions::new(16));
    let bytes = Uint8Array::new(&buffer);
    bytes.copy_from(&[1, 2, 3, 4]);
    let options = quick().connection(Options::new().transport(crate::TRANSPORT));
    let mut feed = reconnect::connect(options, &["/echo"]);
    feed.send(&buffer).await.unwrap();
    feed.send(bytes.subarray(1, 3)).await.unwrap();
    feed.send(js_sys::DataView::new(&buffer, 3, 1)).await.unwrap();
    bytes.fill(9, 0, 4);
    for expected in [vec![1, 2, 3, 4], vec![2, 3], vec![4]] {
        assert_eq!(feed.next().await, Some(Ok(expected.into())));
    }
}

// S10: the crate sends a copy, since browsers refuse the view.
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
            deviation("S12", "refuses the detached buffer");
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

// S07
#[apply(browser_test)]
async fn a_view_counts_by_its_own_length() {
    let stream = connect("/echo").await;
    assert!(stream.try_send(&Uint8Array::new_with_length(100).subarray(0, 10)).is_ok());
    if stream.buffered_amount() != 10 {
        deviation("S07", "does not add the length of the view");
    }
    assert!((10..=100).contains(&stream.buffered_amount()), "{}", stream.buffered_amount());
}

#[apply(browser_test)]
async fn a_message_can_be_taken_as_the_browser_delivered_it() {
    let mut stream = connect("/echo").await;
    stream.send("text").await.unwrap();
    stream.send([1, 2]).await.unwrap();
    assert_eq!(stream.next_raw().await, Some(Ok(RawMessage::Text("text".into()))));
    let Some(Ok(RawMessage::Binary(buffer))) = stream.next_raw().await else { panic!("no buffer") };
    assert_eq!(js_sys::Uint8Array::new(&buffer).to_vec(), [1, 2]);
    stream.set_binary_type(BinaryType::Blob);
    stream.send([3]).await.unwrap();
    let Some(Ok(RawMessage::Blob(blob))) = stream.next_raw().await else { panic!("no blob") };
    assert_eq!(blob.size(), 1.0);
    stream.close().await.unwrap();
    assert_eq!(stream.next_raw().await, None);
}

// Events that the page itself creates may carry anything. Only data that a browser could deliver is a message.
#[apply(browser_test)]
async fn events_that_no_browser_fires_are_no_messages() {
    if is_by_streams() {
        return skipped(TEST); // streams fire no events
    }
    let unbounded = Options::new().receive_limit(0).receive_limit_messages(0).overflow(Overflow::Unbounded);
    let mut stream = connect_with("/echo", &unbounded).await;
    // `{ size: Infinity }` occurs twice: the sum of two such lengths must not overflow.
    for data in [
        "{ size: Infinity }",
        "null",
        "undefined",
        "7",
        "{}",
        "[1]",
        "() => {}",
        "{ size: 3 }",
        "{ size: Infinity }",
        "Symbol()",
        "'text'",
    ] {
        let event = js(&format!("new MessageEvent('message', {{ data: {data} }})")).unchecked_into();
        stream.as_raw().dispatch_event(&event).unwrap();
    }
    stream.send("end").await.unwrap();
    assert_eq!(next(&mut stream).await, "text".into());
    assert_eq!(next(&mut stream).await, "end".into());
}

// If the page transfers a buffer before the crate decodes it, there is an error in the place of the message.
#[apply(browser_test)]
async fn a_buffer_that_was_given_away_is_an_error() {
    if is_by_streams() {
        return skipped(TEST); // only the crate has the buffer
    }
    let mut stream = connect("/echo").await;
    let thief = "socket => socket.addEventListener('message', event => {
        if (event.data.byteLength === 3) structuredClone(event.data, { transfer: [event.data] });
    })";
    js_function(thief).call1(&JsValue::NULL, stream.as_raw()).unwrap();
    let all = arrival(&stream, 3);
    for message in [&b"ab"[..], b"abc", b"abcd"] {
        stream.send(message).await.unwrap();
    }
    all.await;
    assert_eq!(next(&mut stream).await, vec![b'a', b'b'].into());
    assert!(matches!(stream.next().await, Some(Err(Error::Thrown { name, .. })) if name == "TypeError"));
    assert_eq!(next(&mut stream).await.len(), 4);
}

// Each read of `size` is a call from wasm to JavaScript.
#[apply(browser_test)]
async fn a_blob_is_asked_for_its_length_once() {
    let count = "(() => {
        const blob = new Blob(['0123456789']);
        Object.defineProperty(blob, 'size', { get: () => { blob.asked = (blob.asked ?? 0) + 1; return 10 } });
        return blob;
    })()";
    let blob = Blob::from_raw(js(count).unchecked_into());
    let asked = || Reflect::get(blob.as_raw(), &"asked".into()).unwrap().as_f64();
    let stream = connect("/echo").await;
    assert_eq!(stream.send_slices(blob.clone(), 1).count().await, 10);
    assert_eq!(asked(), Some(1.0));
    assert_eq!(blob.chunks(1).count().await, 10);
    assert_eq!(asked(), Some(2.0));
}

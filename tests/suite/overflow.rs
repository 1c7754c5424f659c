//! Messages that arrive faster than they are taken.

use futures_util::{StreamExt, TryStreamExt};
use macro_rules_attribute::apply;
use wasm_bindgen::{JsCast, JsValue};
use wasm_websocket::{BinaryType, CloseEvent, Error, Message, Options, Overflow, RawMessage};

use super::guard::{arrival, js, js_function};
use super::peer::{connect, connect_with, next};

/// What is left of a flood of 100 numbered messages of 10 bytes at a reader that does not read, and how many were dropped.
async fn left(bytes: u64, messages: usize, overflow: Overflow) -> (Vec<u8>, u64, Option<Error>) {
    let options = Options::new().receive_limit(bytes, messages, overflow);
    let mut stream = connect_with("/flood/100/10", &options).await;
    drop(stream.closed().await);
    let (mut left, mut error) = (Vec::new(), None);
    while let Some(item) = stream.next().await {
        match item {
            Ok(Message::Binary(bytes)) => left.push(bytes[0]),
            other => error = other.err(),
        }
    }
    (left, stream.dropped(), error)
}

// M27
#[apply(browser_test)]
async fn what_overflows_is_dropped_and_counted_as_it_was_asked_for() {
    for (bytes, messages) in [(100, 1000), (100_000, 10)] {
        assert_eq!(left(bytes, messages, Overflow::DropOldest).await, ((90..100).collect(), 90, None));
        assert_eq!(left(bytes, messages, Overflow::DropNewest).await, ((0..10).collect(), 90, None));
        assert_eq!(left(bytes, messages, Overflow::Unbounded).await, ((0..100).collect(), 0, None));
        let (left, dropped, error) = left(bytes, messages, Overflow::Close).await;
        assert_eq!((left, dropped, error), ((0..10).collect(), 1, Some(Error::Overflow)));
    }
}

// M27: text and Blobs have a length, too.
#[apply(browser_test)]
async fn every_kind_of_message_counts_by_its_length() {
    let options = Options::new().receive_limit(100, 1000, Overflow::DropNewest);
    for binary_type in [BinaryType::ArrayBuffer, BinaryType::Blob] {
        let mut stream = connect_with("/echo", &options.clone().binary_type(binary_type)).await;
        let all = arrival(&stream, 5);
        stream.send("x".repeat(60)).await.unwrap();
        stream.send([0; 60]).await.unwrap();
        stream.send([0; 40]).await.unwrap();
        stream.send("y").await.unwrap();
        stream.send("").await.unwrap();
        all.await;
        let lengths = [next(&mut stream).await.len(), next(&mut stream).await.len(), next(&mut stream).await.len()];
        assert_eq!((lengths, stream.dropped()), ([60, 40, 0], 2));
    }
}

#[apply(browser_test)]
async fn an_overflow_closes_the_connection() {
    let options = Options::new().receive_limit(1000, 1, Overflow::Close);
    let mut stream = connect_with("/echo", &options).await;
    stream.send("one").await.unwrap();
    stream.send("two").await.unwrap();
    assert_eq!(stream.closed().await, Ok(CloseEvent { code: 1005, reason: String::new(), was_clean: true }));
    assert_eq!(stream.try_next().await, Ok(Some("one".into())));
    assert_eq!(stream.try_next().await, Err(Error::Overflow));
    assert_eq!(stream.try_next().await, Ok(None));
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

// Events that the page made itself carry anything. Only what a browser could have delivered is a message.
#[apply(browser_test)]
async fn what_no_browser_delivers_is_no_message() {
    let unbounded = Options::new().receive_limit(0, 0, Overflow::Unbounded);
    let mut stream = connect_with("/echo", &unbounded).await;
    // Two of them, as their lengths are added.
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

// A buffer that the page has given away, before it was decoded here, is an error in its place.
#[apply(browser_test)]
async fn a_buffer_that_was_given_away_is_an_error() {
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

// Above 64 units text is decoded in another way, and what is not ASCII in yet another.
#[apply(browser_test)]
async fn text_of_every_length_is_decoded() {
    let mut stream = connect("/echo").await;
    for character in ["a", "é", "€", "𝄞"] {
        for count in [1, 31, 32, 33, 63, 64, 65, 100, 1000] {
            for text in [
                character.repeat(count),
                format!("{}{character}", "a".repeat(count)),
                format!("{character}{}", "a".repeat(count)),
            ] {
                stream.send(&text).await.unwrap();
                assert_eq!(next(&mut stream).await, Message::Text(text));
            }
        }
    }
}

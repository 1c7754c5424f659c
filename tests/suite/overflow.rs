//! Messages that arrive faster than they are taken.

use futures_util::{StreamExt, TryStreamExt};
use macro_rules_attribute::apply;
use wasm_websocket::{BinaryType, Error, Message, Options, Overflow};

use super::guard::{arrival, skipped};
use super::peer::{connect, connect_with, is_by_streams, next};

/// Receives a flood of 100 numbered messages of 10 bytes, but reads only when the connection has ended. Returns the numbers of the
/// messages that it read, how many messages were dropped, and the error, if there was one.
async fn left(bytes: u64, messages: usize, overflow: Overflow) -> (Vec<u8>, u64, Option<Error>) {
    let options = Options::new().receive_limit(bytes).receive_limit_messages(messages).overflow(overflow);
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
async fn overflowing_messages_are_dropped_and_counted_by_the_policy() {
    for (bytes, messages) in [(100, 1000), (100_000, 10)] {
        assert_eq!(left(bytes, messages, Overflow::DropOldest).await, ((90..100).collect(), 90, None));
        assert_eq!(left(bytes, messages, Overflow::DropNewest).await, ((0..10).collect(), 90, None));
        assert_eq!(left(bytes, messages, Overflow::Unbounded).await, ((0..100).collect(), 0, None));
        if !is_by_streams() {
            let (left, dropped, error) = left(bytes, messages, Overflow::Close).await;
            assert_eq!((left, dropped, error), ((0..10).collect(), 1, Some(Error::Overflow)));
        }
    }
}

// M27: the limit in bytes also applies to text, which counts in UTF-16 units: each `€` is one of them, and three bytes.
#[apply(browser_test)]
async fn text_and_bytes_count_by_their_length() {
    let options = Options::new().receive_limit(100).receive_limit_messages(1000).overflow(Overflow::DropNewest);
    let mut stream = connect_with("/echo", &options).await;
    let all = arrival(&stream, 5);
    stream.send("€".repeat(60)).await.unwrap();
    stream.send([0; 60]).await.unwrap();
    stream.send([0; 40]).await.unwrap();
    stream.send("y").await.unwrap();
    stream.send("").await.unwrap();
    all.await;
    let lengths = [next(&mut stream).await.len(), next(&mut stream).await.len(), next(&mut stream).await.len()];
    assert_eq!((lengths, stream.dropped()), ([180, 40, 0], 2));
}

// M27: the bytes of a Blob are not in the page's memory. Over streams they are, until the Blob is taken.
#[apply(browser_test)]
async fn blobs_count_as_messages_without_bytes() {
    if is_by_streams() {
        return skipped(TEST);
    }
    let options = Options::new()
        .receive_limit(100)
        .receive_limit_messages(4)
        .overflow(Overflow::DropNewest)
        .binary_type(BinaryType::Blob);
    let mut stream = connect_with("/echo", &options).await;
    let all = arrival(&stream, 5);
    for _ in 0..3 {
        stream.send([0; 60]).await.unwrap();
    }
    stream.send("x".repeat(100)).await.unwrap();
    stream.send([0; 60]).await.unwrap();
    all.await;
    for len in [60, 60, 60, 100] {
        assert_eq!(next(&mut stream).await.len(), len);
    }
    assert_eq!(stream.dropped(), 1);
}

// Over streams the peer has to wait, so nothing overflows.
#[apply(browser_test)]
async fn an_overflow_closes_the_connection_and_every_handle_gets_the_error() {
    if is_by_streams() {
        return skipped(TEST);
    }
    let options = Options::new().receive_limit(1000).receive_limit_messages(1);
    let mut stream = connect_with("/echo", &options).await;
    stream.send("one").await.unwrap();
    stream.send("two").await.unwrap();
    assert_eq!(stream.closed().await, Err(Error::Overflow));
    let unsent = stream.send("three").await.unwrap_err();
    assert_eq!((unsent.message, unsent.error), ("three", Error::Overflow));
    assert_eq!((stream.close().await, stream.close_event()), (Err(Error::Overflow), None));
    assert_eq!(stream.try_next().await, Ok(Some("one".into())));
    assert_eq!(stream.try_next().await, Err(Error::Overflow));
    assert_eq!(stream.try_next().await, Ok(None));
}

// Text is decoded in one way up to 64 units, and in another above. Text that is not ASCII is decoded in two further ways: up to
// 16 Ki units, and above.
#[apply(browser_test)]
async fn text_of_every_length_is_decoded() {
    let mut stream = connect("/echo").await;
    for character in ["a", "é", "€", "𝄞"] {
        for count in [1, 31, 32, 33, 63, 64, 65, 1000, (16 << 10) - 1, 16 << 10, (16 << 10) + 1] {
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

//! Receiving messages.

use futures_util::{StreamExt, TryStreamExt, stream::FusedStream};
use macro_rules_attribute::apply;
use wasm_websocket::{BinaryType, Error, Message, Options, ReadyState, WebSocketStream};

use super::guard::{arrival, deviation, unreadable_blob};
use super::peer::{connect, connect_with, next};

// M05, M06, M07, M13: the texts are empty, or have a NUL inside, characters beyond the basic plane, a combining character, or a
// byte order mark.
#[apply(browser_test)]
async fn text_comes_as_it_was_sent() {
    let mut stream = connect("/echo").await;
    for text in ["", "hello", "a\0b", "𝄞 😀", "e\u{301}", "\u{feff}bom", &"ü€".repeat(10_000)] {
        stream.send(text).await.unwrap();
        assert_eq!(next(&mut stream).await, Message::Text(text.into()));
    }
    // The binary type does not affect text.
    stream.set_binary_type(BinaryType::Blob);
    stream.send("hello").await.unwrap();
    assert_eq!(next(&mut stream).await, "hello".into());
}

// M08, M17, S03: the lengths include those at which the header of a frame changes.
#[apply(browser_test)]
async fn bytes_come_as_they_were_sent() {
    let mut stream = connect("/echo").await;
    for len in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        let bytes: Vec<u8> = (0..len).map(|index| index as u8).collect();
        stream.send(&bytes).await.unwrap();
        assert_eq!(next(&mut stream).await, Message::Binary(bytes));
    }
}

// M09, M14: messages keep the order of the wire, although Blobs are read later.
#[apply(browser_test)]
async fn blobs_and_text_keep_their_order() {
    let mut stream = connect_with("/echo", &Options::new().binary_type(BinaryType::Blob)).await;
    let all = arrival(&stream, 3);
    stream.send(vec![1; 100_000]).await.unwrap();
    stream.send("between").await.unwrap();
    stream.send([2, 3]).await.unwrap();
    // All messages have arrived before the first is taken.
    all.await;

    let Message::Blob(first) = next(&mut stream).await else { panic!("no blob") };
    assert_eq!(next(&mut stream).await, "between".into());
    let Message::Blob(second) = next(&mut stream).await else { panic!("no blob") };
    assert_eq!((first.len(), second.len()), (100_000, 2));
    assert_eq!(second.bytes().await.unwrap(), [2, 3]);
    assert_eq!(first.bytes().await.unwrap(), vec![1; 100_000]);
}

// M10
#[apply(browser_test)]
async fn the_binary_type_can_be_changed_at_any_time() {
    let mut stream = connect("/echo").await;
    for (binary_type, is_blob) in [(BinaryType::Blob, true), (BinaryType::ArrayBuffer, false)] {
        stream.set_binary_type(binary_type);
        assert_eq!(stream.binary_type(), binary_type);
        stream.send([7]).await.unwrap();
        assert_eq!(matches!(next(&mut stream).await, Message::Blob(_)), is_blob);
    }
}

/// Returns a connection on which the server sends the frames with this name next.
async fn frames(name: &str) -> WebSocketStream {
    let mut stream = connect(&format!("/frames/{name}")).await;
    stream.send("now").await.unwrap();
    stream
}

// M18
#[apply(browser_test)]
async fn a_fragmented_message_is_one_message() {
    assert_eq!(next(&mut frames("fragmented").await).await, "Hello".into());
}

// M26: the server sends `pong` when the browser has answered its ping.
#[apply(browser_test)]
async fn pings_are_answered_and_not_seen() {
    let mut stream = connect("/ping").await;
    stream.send("begin").await.unwrap();
    assert_eq!(next(&mut stream).await, "pong".into());
}

// M19, C25: the page never sees the invalid frame, unless the browser accepts it as valid.
#[apply(browser_test)]
async fn a_protocol_violation_ends_the_connection() {
    for name in [
        "invalid-utf8",
        "reserved-bit",
        "reserved-opcode",
        "masked",
        "fragmented-close",
        "close-one-byte",
        "close-invalid-utf8",
        "close-reserved-code",
    ] {
        let mut stream = frames(name).await;
        match stream.try_next().await {
            Ok(Some(message)) => {
                assert_eq!((name, message), ("masked", "Hi".into()));
                deviation("M19", "delivers a masked frame");
            }
            Ok(None) => {
                assert!(["close-one-byte", "close-reserved-code"].contains(&name), "a clean close by {name}");
                let event = stream.close_event().unwrap();
                deviation("C25", &format!("takes {name} for a clean close with {}", event.code));
                assert_eq!((event.code, event.was_clean), (1005, true));
            }
            Err(error) => {
                let event = stream.close_event().unwrap();
                assert_eq!((event.code, event.was_clean), (1006, false), "{name}: {event:?}");
                assert_eq!(error, Error::Unclean(event));
            }
        }
    }
}

// M20
#[apply(browser_test)]
async fn data_after_a_close_frame_is_never_delivered() {
    let mut stream = frames("data-after-close").await;
    assert_eq!(next(&mut stream).await, "before".into());
    let end = stream.try_next().await;
    let event = stream.close_event().unwrap();
    assert_eq!(end, if event.was_clean { Ok(None) } else { Err(Error::Unclean(event.clone())) });
    if !event.was_clean {
        deviation("M20", "treats data after a Close frame as a failure, with 1006");
    }
    assert_eq!((event.code, event.was_clean), if event.was_clean { (1000, true) } else { (1006, false) });
}

// M22, L07
#[apply(browser_test)]
async fn all_messages_come_before_the_end_and_none_after_it() {
    let mut stream = connect("/flood/1000/64").await;
    // All messages have arrived before the first is taken.
    stream.closed().await.unwrap();
    for number in 0..1000_u32 {
        let Message::Binary(bytes) = next(&mut stream).await else { panic!("no bytes") };
        assert_eq!((bytes.len(), &bytes[..4]), (64, &number.to_le_bytes()[..]));
    }
    assert!(!stream.is_terminated());
    assert!(stream.next().await.is_none());
    assert!(stream.is_terminated());
    assert!(stream.next().await.is_none());
    assert_eq!(stream.ready_state(), ReadyState::Closed);
    assert_eq!(stream.close_event().unwrap().code, 1000);
}

// M15
#[apply(browser_test)]
async fn a_blob_that_cannot_be_read_is_an_error() {
    let Some(blob) = unreadable_blob().await else { return deviation("M15", "has no files to remove here") };
    assert_eq!(blob.len(), 9);
    assert!(matches!(blob.bytes().await, Err(Error::UnreadableBlob(_))), "{:?}", blob.bytes().await);
    assert!(matches!(blob.text().await, Err(Error::UnreadableBlob(_))));
}

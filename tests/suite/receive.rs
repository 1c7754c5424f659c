//! Messages on their way in.

use futures_util::{StreamExt, TryStreamExt, stream::FusedStream};
use macro_rules_attribute::apply;
use wasm_websocket::{BinaryType, Message, Options, ReadyState, WebSocketStream};

use super::guard::{is_firefox, turn};
use super::peer::{connect, connect_with, next};

#[apply(browser_test)]
async fn text_comes_as_it_was_sent() {
    let mut stream = connect("/echo").await;
    // M05–M07: empty, a NUL inside, beyond the basic plane, combining, a byte order mark.
    for text in ["", "hello", "a\0b", "𝄞 😀", "e\u{301}", "\u{feff}bom", &"ü€".repeat(10_000)] {
        stream.send(text).await.unwrap();
        assert_eq!(next(&mut stream).await, Message::Text(text.into()));
    }
}

// M08, M17: the lengths at which the frame's header changes.
#[apply(browser_test)]
async fn bytes_come_as_they_were_sent() {
    let mut stream = connect("/echo").await;
    for len in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        let bytes: Vec<u8> = (0..len).map(|index| index as u8).collect();
        stream.send(&bytes).await.unwrap();
        assert_eq!(next(&mut stream).await, Message::Binary(bytes));
    }
}

// M09, M14: though blobs are read later, order is wire order.
#[apply(browser_test)]
async fn blobs_and_text_keep_their_order() {
    let mut stream = connect_with("/echo", &Options::new().binary_type(BinaryType::Blob)).await;
    stream.send(vec![1; 100_000]).await.unwrap();
    stream.send("between").await.unwrap();
    stream.send([2, 3]).await.unwrap();

    let Message::Blob(first) = next(&mut stream).await else { panic!("no blob") };
    assert_eq!(next(&mut stream).await, "between".into());
    let Message::Blob(second) = next(&mut stream).await else { panic!("no blob") };
    assert_eq!((first.len(), second.len()), (100_000, 2));
    assert_eq!(second.bytes().await.unwrap(), [2, 3]);
    assert_eq!(first.bytes().await.unwrap(), vec![1; 100_000]);
}

// M10, M11
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

/// A connection on which the server sends these bytes next.
async fn frames(name: &str) -> WebSocketStream {
    let mut stream = connect(&format!("/frames/{name}")).await;
    stream.send("now").await.unwrap();
    stream
}

// M18, M26
#[apply(browser_test)]
async fn a_message_in_parts_is_one_message() {
    assert_eq!(next(&mut frames("fragmented").await).await, "Hello".into());
}

// M19, C25: none of it is ever seen. Firefox 153 lets faulty Close frames pass for what they resemble.
#[apply(browser_test)]
async fn what_breaks_the_protocol_ends_the_connection() {
    for (name, in_firefox) in [
        ("invalid-utf8", (1006, false)),
        ("reserved-bit", (1006, false)),
        ("reserved-opcode", (1006, false)),
        ("fragmented-close", (1006, false)),
        ("close-one-byte", (1005, true)),
        ("close-invalid-utf8", (1006, false)),
        ("close-reserved-code", (1005, true)),
    ] {
        let mut stream = frames(name).await;
        assert_eq!(stream.try_next().await, Ok(None), "{name}");
        let event = stream.close_event().unwrap();
        let expected = if is_firefox() { in_firefox } else { (1006, false) };
        assert_eq!((event.code, event.was_clean), expected, "{name}: {event:?}");
    }
}

// M19: Firefox 153 takes a masked frame, which only a client may send, for any other.
#[apply(browser_test)]
async fn a_masked_frame_ends_the_connection() {
    let mut stream = frames("masked").await;
    let expected = if is_firefox() { Some("Hi".into()) } else { None };
    assert_eq!(stream.try_next().await, Ok(expected));
}

// M20
#[apply(browser_test)]
async fn data_after_a_close_frame_is_never_delivered() {
    let mut stream = frames("data-after-close").await;
    assert_eq!(next(&mut stream).await, "before".into());
    assert!(stream.next().await.is_none());
    // Firefox 153 stops reading at the Close frame; Chromium 156 takes it for a breach of the protocol.
    assert_eq!(stream.close_event().unwrap().code, if is_firefox() { 1000 } else { 1006 });
}

// M22, L07
#[apply(browser_test)]
async fn all_data_comes_before_the_end_and_the_end_is_for_ever() {
    let mut stream = connect("/flood/1000/64").await;
    for number in 0..1000_u32 {
        let Message::Binary(bytes) = next(&mut stream).await else { panic!("no bytes") };
        assert_eq!((bytes.len(), &bytes[..4]), (64, &number.to_le_bytes()[..]));
    }
    turn(100).await;
    assert!(!stream.is_terminated());
    assert!(stream.next().await.is_none());
    assert!(stream.is_terminated());
    assert!(stream.next().await.is_none());
    assert_eq!(stream.ready_state(), ReadyState::Closed);
    assert_eq!(stream.close_event().unwrap().code, 1000);
}

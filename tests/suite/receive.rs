//! Messages on their way in.

use futures_util::{StreamExt, stream::FusedStream};
use macro_rules_attribute::apply;
use wasm_websocket::{BinaryType, Message, Options, ReadyState};

use super::guard::turn;
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

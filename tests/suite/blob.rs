//! Blobs without a connection.

use macro_rules_attribute::apply;
use wasm_websocket::{Blob, Message};

#[apply(browser_test)]
async fn a_blob_has_a_length_a_type_and_bytes() {
    let blob = Blob::new("grün".as_bytes(), "text/plain");
    assert_eq!((blob.len(), blob.media_type().as_str(), blob.is_empty()), (5, "text/plain", false));
    assert_eq!(blob.bytes().await.unwrap(), "grün".as_bytes());
    assert_eq!(blob.text().await.unwrap(), "grün");
    assert_eq!(blob.slice(..).media_type(), "");
    // Blobs are equal if they are the same object; their bytes are not compared.
    assert!(blob == blob.clone() && blob != blob.slice(..));
    assert_eq!(Message::from(blob).len(), 5);
}

#[apply(browser_test)]
async fn the_text_of_a_blob_has_no_byte_order_mark() {
    for (bytes, text) in [("\u{FEFF}a", "a"), ("a\u{FEFF}", "a\u{FEFF}"), ("\u{FEFF}\u{FEFF}", "\u{FEFF}")] {
        assert_eq!(Blob::new(bytes.as_bytes(), "").text().await.unwrap(), text);
    }
}

#[apply(browser_test)]
async fn a_slice_is_clamped_to_the_length() {
    let blob = Blob::new(b"0123456789", "");
    for (range, expected) in [(2..5, "234"), (8..99, "89"), (50..60, ""), (0..0, "")] {
        assert_eq!(blob.slice(range).text().await.unwrap(), expected);
    }
    let text = async |part: Blob| part.text().await.unwrap();
    assert_eq!(text(blob.slice(..3)).await, "012");
    assert_eq!(text(blob.slice(7..)).await, "789");
    assert_eq!(text(blob.slice(7..=8)).await, "78");
    #[expect(clippy::reversed_empty_ranges, reason = "the slice of a reversed range must be empty")]
    let reversed = blob.slice(5..2);
    assert!(reversed.is_empty());
}

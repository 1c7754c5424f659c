//! The bytes, by name.

/// The bytes of this name, to be sent after the handshake.
pub fn named(name: &str) -> Option<&'static [u8]> {
    Some(match name {
        // "Hello" in three parts, and a ping between them, which a client answers by itself.
        "fragmented" => b"\x01\x02He\x89\x00\x00\x02ll\x80\x01o",
        // A text frame that is no UTF-8.
        "invalid-utf8" => b"\x81\x02\xc3\x28",
        // The second of the three reserved bits, which no extension has been agreed on for.
        "reserved-bit" => b"\xa1\x02Hi",
        "reserved-opcode" => b"\x83\x02Hi",
        // As only a client may send it.
        "masked" => b"\x81\x82\x00\x00\x00\x00Hi",
        // A Close frame, code 4000, which is no answer to one of the client.
        "close" => b"\x88\x02\x0f\xa0",
        // A Close frame, code 1000, and data after it.
        "data-after-close" => b"\x81\x06before\x88\x02\x03\xe8\x81\x05after",
        // A Close frame whose code is cut short.
        "close-one-byte" => b"\x88\x01\x03",
        // A Close frame, code 1000, whose reason is no UTF-8.
        "close-invalid-utf8" => b"\x88\x04\x03\xe8\xc3\x28",
        // A Close frame with code 1005, which must not be sent.
        "close-reserved-code" => b"\x88\x02\x03\xed",
        // A control frame in parts.
        "fragmented-close" => b"\x08\x02\x03\xe8",
        _ => return None,
    })
}

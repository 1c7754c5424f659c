//! The bytes of the frames, by name.

/// Returns the bytes with this name, which are sent after the handshake.
pub fn named(name: &str) -> Option<&'static [u8]> {
    Some(match name {
        // "Hello" in three parts, and a ping between them, which a client answers by itself.
        "fragmented" => b"\x01\x02He\x89\x00\x00\x02ll\x80\x01o",
        // A text frame whose payload is not UTF-8.
        "invalid-utf8" => b"\x81\x02\xc3\x28",
        // A text frame with the second of the three reserved bits, for which no extension was negotiated.
        "reserved-bit" => b"\xa1\x02Hi",
        "reserved-opcode" => b"\x83\x02Hi",
        // A masked text frame, as only a client may send it.
        "masked" => b"\x81\x82\x00\x00\x00\x00Hi",
        // A Close frame with code 4000, which does not answer a Close frame of the client.
        "close" => b"\x88\x02\x0f\xa0",
        // A text frame, a Close frame with code 1000, and another text frame.
        "data-after-close" => b"\x81\x06before\x88\x02\x03\xe8\x81\x05after",
        // A Close frame whose code is cut short.
        "close-one-byte" => b"\x88\x01\x03",
        // A Close frame with code 1000, whose reason is not UTF-8.
        "close-invalid-utf8" => b"\x88\x04\x03\xe8\xc3\x28",
        // A Close frame with code 1005, which must not be sent.
        "close-reserved-code" => b"\x88\x02\x03\xed",
        // The first part of a fragmented Close frame: control frames must not be fragmented.
        "fragmented-close" => b"\x08\x02\x03\xe8",
        _ => return None,
    })
}

//! Which subprotocols may be offered. Browsers check it too, but throw the same error for a bad URL.

use crate::Error;

/// Checks what the [constructor](https://websockets.spec.whatwg.org/#dom-websocket-websocket) checks.
pub(crate) fn check(protocols: &[String]) -> Result<(), Error> {
    for (index, protocol) in protocols.iter().enumerate() {
        if protocol.is_empty() || !protocol.bytes().all(is_token_byte) {
            return Err(Error::InvalidProtocol(protocol.clone()));
        }
        if protocols[..index].iter().any(|earlier| earlier.eq_ignore_ascii_case(protocol)) {
            return Err(Error::DuplicateProtocol(protocol.clone()));
        }
    }
    Ok(())
}

/// Whether a token may contain this byte: visible ASCII without separators.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte)
}

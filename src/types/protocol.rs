//! Validates subprotocols. Browsers also do so, but throw the same `SyntaxError` as for an invalid URL.

use crate::Error;

/// Validates subprotocols like the browser's [constructor](https://websockets.spec.whatwg.org/#dom-websocket-websocket).
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

/// Returns the first character that is not allowed in a subprotocol.
pub(crate) fn first_not_allowed(protocol: &str) -> Option<char> {
    protocol.chars().find(|char| !u8::try_from(*char).is_ok_and(is_token_byte))
}

/// Returns whether a token may contain this byte: visible ASCII, except separators.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

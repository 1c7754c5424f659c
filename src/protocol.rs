//! Which subprotocols may be offered. Browsers check it too, but throw the same error for a bad URL.

use crate::Error;

/// Checks what the [constructor](https://websockets.spec.whatwg.org/#dom-websocket-websocket) checks.
pub(crate) fn check(protocols: &[String]) -> Result<(), Error> {
    for (index, protocol) in protocols.iter().enumerate() {
        if protocol.is_empty() || !protocol.bytes().all(is_token_byte) {
            return Err(Error::InvalidProtocol(protocol.clone()));
        }
        if protocols[..index].contains(protocol) {
            return Err(Error::DuplicateProtocol(protocol.clone()));
        }
    }
    Ok(())
}

/// A protocol that another one equals but for upper and lower case. Some browsers take that for the same.
pub(crate) fn equal_but_for_case(protocols: &[String]) -> Option<&str> {
    let is_repeated = |(index, protocol): &(usize, &String)| {
        protocols[..*index].iter().any(|earlier| earlier.eq_ignore_ascii_case(protocol))
    };
    protocols.iter().enumerate().find(is_repeated).map(|(_, protocol)| protocol.as_str())
}

/// Whether a token may contain this byte: visible ASCII without separators.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte)
}

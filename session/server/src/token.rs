//! Tokens: made from random bits, kept as hashes, compared in constant time.

use std::hint::black_box;

use sha2::{Digest as _, Sha256};
use websocket_session::{Digest, LastToken, NewToken, ServerState};

/// Returns 128 random bits in hexadecimal digits.
pub(crate) fn random() -> Result<String, getrandom::Error> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits)?;
    Ok(hex(&bits))
}

/// Returns the hexadecimal digits of bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Makes a token.
pub(crate) fn new() -> Result<NewToken, getrandom::Error> {
    let text = random()?;
    Ok(NewToken { digest: hash(&text), text })
}

/// Returns the hash of a token.
pub(crate) fn hash(token: &str) -> Digest {
    Sha256::digest(token.as_bytes()).into()
}

/// Returns the hash of the token that a client has presented if it is the current or the last token, and zeros otherwise. So later
/// comparisons do not depend on a value of the client's choice.
pub(crate) fn known(presented: Option<Digest>, state: &ServerState) -> Option<Digest> {
    let presented = presented?;
    let last = if let LastToken::Kept(last) = state.last { last } else { [0; 32] };
    let (is_current, is_last) = (is_same(&presented, &state.current), is_same(&presented, &last));
    Some(if is_current | is_last { presented } else { [0; 32] })
}

fn is_same(one: &Digest, other: &Digest) -> bool {
    black_box(one.iter().zip(other).fold(0, |difference, (one, other)| difference | (one ^ other))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_128_bits_and_a_hash() {
        let token = new().unwrap();
        assert_eq!(token.text.len(), 32);
        assert_ne!(token.text, new().unwrap().text);
        assert!(hex(&hash("abc")).starts_with("ba7816bf8f01cfea"));
    }

    #[test]
    fn only_the_current_and_the_last_token_are_known() {
        let state =
            ServerState { attempt: 1, current: hash("current"), last: LastToken::Kept(hash("last")), fresh: false };
        let dropped = ServerState { last: LastToken::Dropped, ..state.clone() };
        assert_eq!(known(None, &state), None);
        assert_eq!(known(Some(hash("current")), &state), Some(hash("current")));
        assert_eq!(known(Some(hash("last")), &state), Some(hash("last")));
        assert_eq!(known(Some(hash("last")), &dropped), Some([0; 32]));
        assert_eq!(known(Some(hash("guess")), &state), Some([0; 32]));
        let mut near = hash("current");
        near[31] ^= 1;
        assert_eq!(known(Some(near), &state), Some([0; 32]));
    }
}

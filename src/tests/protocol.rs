use super::test;
use crate::Error;
use crate::types::protocol;

fn check(protocols: &[&str]) -> Result<(), Error> {
    protocol::check(&protocols.iter().map(|&protocol| protocol.into()).collect::<Vec<_>>())
}

#[test]
fn tokens_are_accepted() {
    for protocol in ["chat", "chat.v2", "!#$%&'*+-.^_`|~", "0"] {
        assert_eq!(check(&[protocol]), Ok(()), "{protocol}");
    }
    assert_eq!(check(&[]), Ok(()));
}

#[test]
fn separators_controls_and_non_ascii_are_refused() {
    let bad = ["(", ")", "<", ">", "@", ",", ";", ":", "\\", "\"", "/", "[", "]", "?", "=", "{", "}"];
    for character in bad.into_iter().chain([" ", "\t", "\n", "\0", "\u{7f}", "é"]) {
        let protocol = format!("a{character}b");
        assert_eq!(check(&["fine", &protocol]), Err(Error::InvalidProtocol(protocol)));
    }
    assert_eq!(check(&[""]), Err(Error::InvalidProtocol(String::new())));
}

#[test]
fn a_protocol_named_twice_is_refused() {
    assert_eq!(check(&["a", "b", "a"]), Err(Error::DuplicateProtocol("a".into())));
    // By the standard these are duplicates. Browsers differ.
    assert_eq!(check(&["b", "a", "A"]), Err(Error::DuplicateProtocol("A".into())));
}

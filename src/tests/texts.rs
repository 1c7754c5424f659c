//! The texts of errors that the documentation explains.

use std::collections::BTreeSet;
use std::time::Duration;

use super::test;
use crate::{CloseEvent, Error, ReadyState};

/// Returns every error, with the data in docs/troubleshooting.md.
fn errors() -> Vec<Error> {
    let url = || "wss://example.com/chat".to_owned();
    let abnormal = CloseEvent { code: 1006, reason: String::new(), was_clean: false };
    vec![
        Error::InvalidUrl("example.com:chat".into()),
        Error::InvalidProtocol("a/b".into()),
        Error::InvalidProtocol(String::new()),
        Error::DuplicateProtocol("chat".into()),
        Error::Security { url: "ws://example.com/chat".into(), message: String::new() },
        Error::Unsupported,
        Error::ConnectFailed { url: url(), code: 1006 },
        Error::ConnectFailed { url: url(), code: 1015 },
        Error::ConnectTimeout { url: url(), timeout: Duration::from_secs(20) },
        Error::ConnectionLost { url: url() },
        Error::NotOpen(ReadyState::Connecting),
        Error::NotOpen(ReadyState::Closed),
        Error::Full,
        Error::Overflow,
        Error::ClosedHere,
        Error::UnexpectedText,
        Error::Dropped,
        Error::Attempt("no ticket now".into()),
        Error::HeartbeatTimeout(Duration::from_secs(10)),
        Error::TooLarge(1 << 25),
        Error::SessionLost,
        Error::InvalidCloseCode(1006),
        Error::ReasonTooLong(126),
        Error::CloseTimeout(Duration::from_secs(5)),
        Error::Unclean(abnormal),
        Error::OutOfMemory(1 << 32),
        Error::Encode("NaN is not a number in JSON".into()),
        Error::Decode("expected value at line 1 column 1".into()),
        Error::UnreadableBlob("NotReadableError".into()),
        Error::Thrown { name: "TypeError".into(), message: "cannot send this".into() },
    ]
}

#[test]
fn troubleshooting_has_the_texts_of_all_errors_and_no_others() {
    let page = include_str!("../../docs/troubleshooting.md");
    let quoted: BTreeSet<_> = page.lines().filter_map(|line| line.strip_prefix("> ")).map(String::from).collect();
    let errors = errors();
    assert_eq!(quoted, errors.iter().map(Error::to_string).collect());
    for error in &errors {
        assert!(page.contains(&format!("`{}`", error.variant())), "{error:?} has no explanation");
    }
}

#[test]
fn no_variant_is_missing_here() {
    let source = include_str!("../types/error.rs");
    let (_, variants) = source.split_once("fn variant(&self)").unwrap();
    let (variants, _) = variants.split_once("\n    }\n").unwrap();
    let names = variants.split('"').skip(1).step_by(2).filter(|name| name.starts_with(char::is_uppercase));
    assert_eq!(names.collect::<BTreeSet<_>>(), errors().iter().map(Error::variant).collect());
}

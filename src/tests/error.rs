use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::test;
use crate::{CloseEvent, Error, Options, ReadyState, ReceiveError, ReconnectOptions, SendError, Target};

fn assert_plain<T: Clone + PartialEq + Send + Sync + std::error::Error + 'static>(_: &T) {}

#[test]
fn errors_are_plain_data_and_name_the_datum() {
    let check = |error: Error, expected: &str| {
        assert_plain(&error);
        assert_eq!(error.to_string(), expected);
        let (variant, text) = format!("{error:?}").split_once('(').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert!(variant.chars().all(char::is_alphabetic), "{variant}");
        assert_eq!(text, format!("{expected})"));
    };
    check(Error::InvalidUrl("x y".into()), "`x y` is not a WebSocket URL; use ws: or wss:, without a fragment");
    check(
        Error::InvalidProtocol("a/b,c".into()),
        "`/` is not allowed in a subprotocol; use letters, digits, `-`, `.` and `_`",
    );
    check(
        Error::InvalidProtocol("aé".into()),
        "`\\u{e9}` is not allowed in a subprotocol; use letters, digits, `-`, `.` and `_`",
    );
    check(Error::InvalidProtocol(String::new()), "an empty subprotocol is not allowed; leave it out");
    check(Error::NotOpen(ReadyState::Closing), "the connection is closing, not open; connect again");
    check(Error::NotOpen(ReadyState::Connecting), "the connection is connecting, not open; wait for it to open");
    check(Error::InvalidCloseCode(1006), "close code 1006 is not allowed; use 1000 or 3000–4999");
    check(Error::ReasonTooLong(126), "a close reason of 126 bytes is too long; use 123 at most");
    let lost = CloseEvent { code: 1006, reason: String::new(), was_clean: false };
    check(Error::Unclean(lost), "1006 (abnormal closure): the connection ended without a closing handshake");
}

/// Returns all errors that hold a URL or a subprotocol.
fn with_secrets(url: &str, protocol: &str) -> [Error; 7] {
    let (url, message) = (|| url.to_owned(), format!("refused to connect to '{url}'"));
    [
        Error::InvalidUrl(url()),
        Error::InvalidProtocol(protocol.into()),
        Error::DuplicateProtocol(protocol.into()),
        Error::Security { url: url(), message },
        Error::ConnectFailed { url: url(), code: 1006 },
        Error::ConnectTimeout { url: url(), timeout: Duration::from_secs(1) },
        Error::ConnectionLost { url: url() },
    ]
}

#[test]
fn texts_of_errors_hold_no_secrets() {
    for protocol in ["bearer.secret", "bearer.secret=", ""] {
        for error in with_secrets("wss://user:secret@example.com/feed?token=secret#secret", protocol) {
            let unsent = SendError { message: (), error: error.clone() };
            let received = ReceiveError { message: None, error: error.clone() };
            for text in
                [format!("{error} {error:?}"), format!("{unsent} {unsent:?}"), format!("{received} {received:?}")]
            {
                assert!(!text.contains("secret"), "{text}");
            }
        }
    }
}

#[test]
fn texts_of_options_and_targets_hold_no_secrets() {
    let protocols = ["chat", "bearer.secret"];
    let options = Options::new().protocols(protocols);
    let target = Target::new("wss://user:secret@example.com/feed?token=secret").protocols(protocols);
    let reconnect = ReconnectOptions::new().connection(options.clone());
    let text = format!("{options:?} {target:?} {reconnect:?}");
    assert!(!text.contains("secret"), "{text}");
    assert!(text.contains("protocols: 2") && text.contains("example.com/feed"), "{text}");
}

#[test]
fn a_bad_subprotocol_is_kept_for_code_to_compare() {
    let mut connecting =
        std::pin::pin!(Options::new().protocols(["chat", "bearer.se cret"]).connect("ws://example.com"));
    let polled = connecting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Err(error)) = polled else { panic!("it may connect") };
    assert_eq!(error, Error::InvalidProtocol("bearer.se cret".into()));
    assert!(!format!("{error} {error:?}").contains("bearer"));
}

#[test]
fn a_send_error_returns_the_message_and_hides_it_from_debug() {
    let unsent = SendError { message: "secret", error: Error::Unsupported };
    assert!(!format!("{unsent:?}").contains("secret"));
    assert_eq!(unsent.to_string(), Error::Unsupported.to_string());
    assert_eq!(unsent.message, "secret");
    assert_eq!(Error::from(unsent), Error::Unsupported);
}

#[test]
#[cfg(not(target_arch = "wasm32"))]
fn without_a_browser_connecting_is_an_error() {
    let connecting = std::pin::pin!(crate::WebSocketStream::connect("ws://example.com/"));
    let result = connecting.poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(result, Poll::Ready(Err(Error::Unsupported))));
    assert_eq!(crate::WebSocket::new("ws://example.com/"), Err(Error::Unsupported));
}

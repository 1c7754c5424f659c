use super::test;
use crate::{Error, ReadyState, SendError};

fn assert_plain<T: Clone + PartialEq + Send + Sync + std::error::Error + 'static>(_: &T) {}

#[test]
fn errors_are_plain_data_and_name_the_datum() {
    let check = |error: Error, expected: &str| {
        assert_plain(&error);
        assert_eq!(error.to_string(), expected);
    };
    check(Error::InvalidUrl("x y".into()), "`x y` is not a URL for a WebSocket");
    check(Error::InvalidProtocol("a b".into()), "`a b` is not a valid subprotocol");
    check(Error::NotOpen(ReadyState::Closing), "the connection is closing, not open");
    check(Error::InvalidCloseCode(1006), "close code 1006 is neither 1000 nor in 3000–4999");
    check(Error::OutOfMemory(1 << 31), "there is no memory for 2147483648 bytes");
    check(Error::ReasonTooLong(126), "the reason for closing has 126 bytes; 123 are allowed");
}

#[test]
fn a_send_error_hands_the_message_back_and_hides_it_from_debug() {
    let unsent = SendError { message: "secret", error: Error::Unsupported };
    assert!(!format!("{unsent:?}").contains("secret"));
    assert_eq!(unsent.to_string(), Error::Unsupported.to_string());
    assert_eq!(unsent.message, "secret");
    assert_eq!(Error::from(unsent), Error::Unsupported);
}

#[test]
#[cfg(not(target_arch = "wasm32"))]
fn where_there_is_no_browser_connecting_is_an_error() {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};
    let connecting = std::pin::pin!(crate::WebSocketStream::connect("ws://example.com/"));
    let result = connecting.poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(result, Poll::Ready(Err(Error::Unsupported))));
    assert_eq!(crate::WebSocket::new("ws://example.com/"), Err(Error::Unsupported));
}

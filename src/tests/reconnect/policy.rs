use super::{seconds, test};
use crate::{AfterClose, CloseEvent, Error};

#[test]
fn the_close_code_decides_whether_to_retry() {
    let of = |code| AfterClose::of(&CloseEvent { code, reason: String::new(), was_clean: code != 1006 });
    let stops: Vec<_> = (1000..5000).filter(|code| of(*code) == AfterClose::Stop).collect();
    assert_eq!(stops, [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003]);
}

#[test]
fn attempts_that_would_fail_again_are_not_repeated() {
    let url = String::new;
    for error in [
        Error::InvalidUrl(url()),
        Error::InvalidProtocol(url()),
        Error::DuplicateProtocol(url()),
        Error::Security { url: url(), message: url() },
        Error::Thrown { name: url(), message: url() },
        Error::Unsupported,
        Error::Overflow,
    ] {
        assert_eq!(AfterClose::of_failure(&error), AfterClose::Stop, "{error}");
    }
    for error in [Error::ConnectFailed { url: url(), code: 1006 }, Error::Attempt(url()), Error::Dropped] {
        assert_eq!(AfterClose::of_failure(&error), AfterClose::Retry, "{error}");
    }
}

#[test]
fn a_retry_may_be_delayed() {
    let delays = [AfterClose::Retry, AfterClose::RetryAfter(seconds(30)), AfterClose::Stop].map(AfterClose::delay);
    assert_eq!(delays, [Some(seconds(0)), Some(seconds(30)), None]);
}

use super::test;
use crate::{AfterClose, CloseEvent, Error};

#[test]
fn what_is_over_is_told_by_the_code() {
    let of = |code| AfterClose::of(&CloseEvent { code, reason: String::new(), was_clean: code != 1006 });
    let stops: Vec<_> = (1000..5000).filter(|code| of(*code) == AfterClose::Stop).collect();
    assert_eq!(stops, [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003]);
}

#[test]
fn what_would_fail_for_ever_is_not_repeated() {
    let url = String::new;
    for error in [Error::InvalidUrl(url()), Error::DuplicateProtocol(url()), Error::Unsupported, Error::Overflow] {
        assert_eq!(AfterClose::of_failure(&error), AfterClose::Stop, "{error}");
    }
    for error in [Error::ConnectFailed { url: url() }, Error::Attempt(url()), Error::Dropped] {
        assert_eq!(AfterClose::of_failure(&error), AfterClose::Retry, "{error}");
    }
}

use super::test;
use crate::{CloseCode, CloseEvent, CloseReason, Error};

#[test]
fn only_codes_that_browsers_accept_are_close_codes() {
    for code in 0..=u16::MAX {
        let is_allowed = code == 1000 || (3000..=4999).contains(&code);
        let expected = if is_allowed { Ok(code) } else { Err(Error::InvalidCloseCode(code)) };
        assert_eq!(CloseCode::try_from(code).map(CloseCode::get), expected);
    }
}

#[test]
fn a_received_code_is_compared_with_one_to_send() {
    assert!(1000 == CloseCode::NORMAL && 1001 != CloseCode::NORMAL);
}

#[test]
fn a_reason_has_at_most_123_bytes() {
    assert!(CloseReason::try_from("€".repeat(41)).is_ok());
    assert_eq!(CloseReason::try_from("x".repeat(124)), Err(Error::ReasonTooLong(124)));
    assert_eq!(CloseReason::try_from("€".repeat(42)), Err(Error::ReasonTooLong(126)));
}

#[test]
fn a_reason_is_truncated_between_two_characters() {
    for start in 0..4 {
        let long = format!("{}{}", "x".repeat(start), "𝄞".repeat(40));
        let cut = CloseReason::truncated(&long);
        assert!(long.starts_with(cut.as_str()) && (120..=123).contains(&cut.as_str().len()), "{cut:?}");
    }
    assert_eq!(CloseReason::truncated("short").as_str(), "short");
}

#[test]
fn a_close_event_is_shown_with_its_meaning() {
    let tell = |code, reason: &str| CloseEvent { code, reason: reason.into(), was_clean: true }.to_string();
    assert_eq!(tell(1006, ""), "1006 (abnormal closure)");
    assert_eq!(tell(4001, "bye"), "4001: bye");
    assert_eq!(tell(4001, ""), "4001");
}

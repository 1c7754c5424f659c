//! Decoding allocates no more bytes than a frame has, so that no frame makes a server spend more memory than a client sends.

use std::alloc::System;

use proptest::prelude::*;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use websocket_session::{Control, TextFrame};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Returns the bytes that decoding allocates, including those that it frees.
fn allocated(frame: &str) -> usize {
    let region = Region::new(ALLOCATOR);
    let decoded = TextFrame::decode(frame);
    let bytes = region.change().bytes_allocated;
    drop(decoded);
    bytes
}

/// Checks the frames of a pattern.
fn check(pattern: &str, is_valid: bool) {
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(frame in proptest::string::string_regex(pattern).unwrap())| {
        prop_assert!(allocated(&frame) <= frame.len());
        prop_assert!(!is_valid || TextFrame::decode(&frame).is_ok());
    });
}

// This is the only test of this file: allocations of other tests would be counted, too.
#[test]
fn decoding_allocates_no_more_than_it_was_given() {
    let text = r#""([a-z]|\\n|\\u00e9|\\ud83d\\ude00)"#;
    let member =
        format!(r#""(session|token|credentials|protocol|\\u0073ent|x)":({text}{{0,40}}"|1|null|\[\[\],\{{\}}\])"#);
    check(&format!(r"[HWAE]\{{({member},){{0,20}}{member}\}}"), false);

    let counts = r#""received":0,"processed":0,"credit":0,"max":0"#;
    let hello = format!(r#"H\{{"session":"[a-z]{{22}}","attempt":1,"sent":0,{counts}"#);
    let welcome = format!(r#"W\{{"token":"[a-z]{{22,256}}","resumed":true,"ttl":300,{counts}"#);
    let others = r#"A\{"processed":0,"credit":0|E\{"code":1000"#;
    let member =
        format!(r#""(credentials|protocol|x)":{text}{{0,400}}"|"token":"[a-z]{{22,256}}"|"reason":"[a-z]{{0,123}}""#);
    check(&format!(r"({hello}|{welcome}|{others})(,({member})){{0,3}}\}}"), true);

    let session = r#"H{"session":"\u0061aaaaaaaaaaaaaaaaaaaaa","attempt":1,"sent":0,"received":0,"processed":0,"credit":0,"max":0}"#;
    assert!(matches!(TextFrame::decode(session), Ok(TextFrame::Control(Control::Hello(_)))));
    assert!((22..=session.len()).contains(&allocated(session)), "a name is allocated once");
}

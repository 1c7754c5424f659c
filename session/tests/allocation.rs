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

// This is the only test of this file: allocations of other tests would be counted, too.
#[test]
fn decoding_allocates_no_more_than_it_was_given() {
    let member = r#""(session|token|credentials|protocol|\\u0073ent|x)":("([a-z]|\\n|\\u00e9|\\ud83d\\ude00){0,40}"|1|null|\[\[\],\{\}\])"#;
    let frame = format!(r"[HWAE]\{{({member},){{0,20}}{member}\}}");
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(frame in proptest::string::string_regex(&frame).unwrap())| {
        prop_assert!(allocated(&frame) <= frame.len());
    });
    let session = r#"H{"session":"\u0061aaaaaaaaaaaaaaaaaaaaa","attempt":1,"sent":0,"received":0,"processed":0,"credit":0,"max":0}"#;
    assert!(matches!(TextFrame::decode(session), Ok(TextFrame::Control(Control::Hello(_)))));
    assert!((22..=session.len()).contains(&allocated(session)), "a name is allocated once");
}

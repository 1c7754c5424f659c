use super::test;
use crate::types::redact::PublicUrl;

fn check(url: &str, expected: &str) {
    assert_eq!(PublicUrl(url).to_string(), expected);
    assert_eq!(format!("{:?}", PublicUrl(url)), format!("\"{expected}\""));
}

#[test]
fn a_url_without_secrets_is_shown_whole() {
    for url in [
        "",
        "/",
        "/chat",
        "//example.com/chat",
        "wss://example.com/@me/a:b",
        "ws://127.0.0.1:8765/echo",
        "ws://[::1]/",
        "ws://[fe80::a]:80/",
        "ws://",
        "http://[/",
        "not a url",
        "about:blank",
    ] {
        check(url, url);
    }
}

#[test]
fn query_and_fragment_are_left_out() {
    check("wss://example.com/feed?token=secret", "wss://example.com/feed?…");
    check("wss://example.com/feed?", "wss://example.com/feed?…");
    check("wss://example.com/feed#secret?", "wss://example.com/feed#…");
    check("wss://example.com?secret@example.com/", "wss://example.com?…");
    check("?secret", "?…");
    check("/ü?sécret", "/ü?…");
}

#[test]
fn user_and_password_are_left_out() {
    check("wss://user:secret@example.com:80/feed", "wss://…@example.com:80/feed");
    check("wss://secret@[::1]/", "wss://…@[::1]/");
    check("wss://user:sec@ret@example.com", "wss://…@example.com");
    check("wss://:secret@example.com", "wss://:…@example.com");
    check("//:secret@example.com", "//:…@example.com");
    // Browsers accept all of these for two slashes.
    for slashes in ["", "/", "///", "\\\\", "/\\", "\t//", "/\n/"] {
        check(&format!("wss:{slashes}ü:secret@example.com"), &format!("wss:{slashes}…@example.com"));
    }
}

#[test]
fn an_invalid_url_is_shown_up_to_what_may_be_a_password() {
    for password in ["sec/ret", "sec\\ret", "sec?ret", "sec#ret"] {
        check(&format!("wss://user:{password}@example.com/"), "wss://user:…");
        check(&format!("wss://me@mail.example:{password}@example.com/"), "wss://…@mail.example:…");
        check(&format!("wss://user:42:{password}@example.com/"), "wss://user:…");
        check(&format!("wss://user:{password}:42/@example.com/"), "wss://user:…");
    }
    check("wss://user:sec:42/ret@example.com/", "wss://user:…");
    check("wss://user:sec]:42/ret@example.com/", "wss://user:…");
    check("wss://[user:secret/@example.com/", "wss://[user:…");
}

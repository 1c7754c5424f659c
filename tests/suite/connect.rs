//! Connecting, and failing to.

use macro_rules_attribute::apply;
use wasm_websocket::{Error, Options, ReadyState, WebSocket, WebSocketStream};

use super::guard::is_firefox;
use super::peer::{connect, connect_with, fail, next, url};

#[apply(browser_test)]
async fn connect_resolves_when_open() {
    let stream = connect("/echo").await;
    assert_eq!(stream.ready_state(), ReadyState::Open);
    assert_eq!((stream.protocol(), stream.buffered_amount()), (String::new(), 0));
    assert_eq!(stream.url(), url("/echo"));
}

#[apply(browser_test)]
async fn the_selected_protocol_is_known() {
    let stream = connect_with("/protocol/chat.v2", &Options::new().protocols(["chat.v1", "chat.v2"])).await;
    assert_eq!(stream.protocol(), "chat.v2");
}

// N29: the standard wants one of those that were offered. Firefox 153 opens the connection all the same.
#[apply(browser_test)]
async fn a_server_that_selects_no_protocol_fails_the_connection() {
    match Options::new().protocols(["chat.v1"]).connect(&url("/echo")).await {
        Err(error) => assert_eq!(error, Error::ConnectFailed { url: url("/echo") }),
        Ok(stream) => assert_eq!((is_firefox(), stream.protocol()), (true, String::new())),
    }
}

// N30: Firefox 153 opens the connection all the same, without a protocol.
#[apply(browser_test)]
async fn a_server_that_selects_a_protocol_unasked_fails_the_connection() {
    match WebSocketStream::connect(&url("/protocol/chat.v2")).await {
        Err(error) => assert_eq!(error, Error::ConnectFailed { url: url("/protocol/chat.v2") }),
        Ok(stream) => assert_eq!((is_firefox(), stream.protocol()), (true, String::new())),
    }
}

// N27, N31
#[apply(browser_test)]
async fn a_faulty_handshake_fails_the_connection() {
    for path in ["/handshake/accept", "/handshake/extension"] {
        assert_eq!(fail(&url(path), &Options::new()).await, Error::ConnectFailed { url: url(path) });
    }
}

// N02, N03, N09, N10
#[apply(browser_test)]
async fn the_url_is_completed_by_the_browser() {
    let check = |url: &str, completed: &str| {
        assert_eq!(WebSocket::new(url).unwrap().url(), completed);
    };
    check(&url("/hang").replace("ws:", "http:"), &url("/hang"));
    check(&url("/hang").replace("ws:", "WS:"), &url("/hang"));
    check(&url("/ü b?ü"), &url("/%C3%BC%20b?%C3%BC"));
    check("ws://127.0.0.1:80/hang", "ws://127.0.0.1/hang");
}

// N26
#[apply(browser_test)]
async fn a_refused_handshake_fails_the_connection() {
    assert_eq!(fail(&url("/status/401"), &Options::new()).await, Error::ConnectFailed { url: url("/status/401") });
}

// N25: nobody listens there, and the system gives no program this port by itself.
#[apply(browser_test)]
async fn a_closed_port_fails_the_connection() {
    let url = "ws://127.0.0.1:65535/";
    assert_eq!(fail(url, &Options::new()).await, Error::ConnectFailed { url: url.into() });
}

// N12: older browsers throw.
#[apply(browser_test)]
async fn a_port_that_browsers_block_fails_the_connection() {
    let error = fail("ws://127.0.0.1:9/", &Options::new()).await;
    assert!(matches!(error, Error::ConnectFailed { .. } | Error::Security { .. }), "{error:?}");
}

// N20: Chromium 156 and Firefox 153 offer both; a browser that refuses them must not be taken to refuse the URL.
#[apply(browser_test)]
async fn protocols_equal_but_for_case_do_not_make_the_url_bad() {
    match Options::new().protocols(["chat.v2", "CHAT.V2"]).connect(&url("/protocol/chat.v2")).await {
        Ok(stream) => assert_eq!(stream.protocol(), "chat.v2"),
        Err(error) => assert_eq!(error, Error::DuplicateProtocol("CHAT.V2".into())),
    }
}

// N05–N07
#[apply(browser_test)]
async fn what_is_no_url_for_a_websocket_is_an_error() {
    for url in ["ws://", "http://[/", "ftp://127.0.0.1/", "about:blank", "ws://127.0.0.1/#x"] {
        assert_eq!(fail(url, &Options::new()).await, Error::InvalidUrl(url.into()), "{url}");
        assert_eq!(WebSocket::new(url).map(drop), Err(Error::InvalidUrl(url.into())), "{url}");
    }
}

// N17–N19, N21
#[apply(browser_test)]
async fn what_is_no_protocol_is_an_error() {
    for protocol in ["", "a b", "a,b", "a\nb", "é"] {
        let error = fail(&url("/echo"), &Options::new().protocols(["fine", protocol])).await;
        assert_eq!(error, Error::InvalidProtocol(protocol.into()));
    }
    let error = fail(&url("/echo"), &Options::new().protocols(["a", "b", "a"])).await;
    assert_eq!(error, Error::DuplicateProtocol("a".into()));
}

// N03: current browsers take what is no URL for a path on the page's own server.
#[apply(browser_test)]
async fn a_relative_url_is_completed_with_the_pages_own() {
    let Error::ConnectFailed { url } = fail("not a url", &Options::new()).await else { panic!("another error") };
    assert!(url.starts_with("ws://127.0.0.1:") && url.ends_with("/not%20a%20url"), "{url}");
}

// M02: whatever else runs before the task is polled again.
#[apply(browser_test)]
async fn the_first_messages_are_not_lost() {
    let mut stream = connect("/flood/3/4").await;
    super::guard::turn(100).await;
    for number in 0..3 {
        assert_eq!(next(&mut stream).await, vec![number, 0, 0, 0].into());
    }
}

//! Attempts to connect, and how they fail.

use std::time::Duration;

use futures_util::StreamExt;
use macro_rules_attribute::apply;
use wasm_websocket::{
    BinaryType, CloseEvent, Error, Message, Options, ReadyState, Transport, WebSocket, WebSocketStream,
};

use super::events::{Event, events};
use super::guard::{browser_refuses, deviation, location, turn};
use super::peer::{Count, connect, connect_with, fail, next, settled, start, start_with, url};

#[apply(browser_test)]
async fn connect_resolves_when_open() {
    let stream = connect("/echo").await;
    assert_eq!(stream.ready_state(), ReadyState::Open);
    assert_eq!((stream.protocol(), stream.buffered_amount()), (String::new(), 0));
    assert_eq!(stream.url(), url("/echo"));
}

#[apply(browser_test)]
async fn a_connecting_has_a_url_and_a_state_and_can_be_closed() {
    let connecting = start(&url("/hang"));
    assert_eq!((connecting.url(), connecting.ready_state()), (url("/hang"), ReadyState::Connecting));
    connecting.close();
    assert_eq!(connecting.ready_state(), ReadyState::Closing);
    assert_eq!(connecting.await.unwrap_err(), Error::ConnectFailed { url: url("/hang"), code: 1006 });
    settled().await;
    let refused = start("ftp://127.0.0.1/");
    assert_eq!((refused.url(), refused.ready_state()), (String::new(), ReadyState::Closed));
    refused.close();
    assert_eq!(refused.await.unwrap_err(), Error::InvalidUrl("ftp://127.0.0.1/".into()));
}

// Firefox keeps the TCP connections of handshakes that were given up. With six of them, it connects when the server ends one.
#[apply(browser_test)]
async fn handshakes_that_were_given_up_do_not_block_their_server_for_ever() {
    let options = Options::new().connect_timeout(Duration::from_millis(300));
    for _ in 0..7 {
        fail(&url("/hang"), &options).await;
    }
    drop(connect("/echo").await);
}

// The best transport is streams if the browser has them, otherwise events.
#[apply(browser_test)]
async fn the_best_transport_is_what_the_browser_has() {
    let by = |transport| Options::new().transport(transport).connect(&url("/echo"));
    let best = by(Transport::Best).await.unwrap();
    match by(Transport::Streams).await {
        Ok(streams) => assert_eq!((streams.transport(), best.transport()), (Transport::Streams, Transport::Streams)),
        Err(error) => assert_eq!((error, best.transport()), (Error::Unsupported, Transport::Events)),
    }
    assert_eq!(by(Transport::Events).await.unwrap().transport(), Transport::Events);
    assert_eq!(WebSocketStream::connect(&url("/echo")).await.unwrap().transport(), Transport::Events);
}

// N01: only the binary type differs, since it is the crate's default and not the browser's.
#[apply(browser_test)]
async fn a_new_socket_is_connecting_and_empty() {
    for url in [url("/echo"), url("/echo").replace("ws:", "wss:")] {
        let socket = WebSocket::new(&url).unwrap();
        assert_eq!(socket.ready_state(), ReadyState::Connecting);
        assert_eq!((socket.protocol(), socket.extensions(), socket.buffered_amount()), Default::default());
        assert_eq!((socket.url(), socket.binary_type()), (url.clone(), BinaryType::ArrayBuffer));
        socket.close();
    }
    settled().await;
}

// N02, N09, N10
#[apply(browser_test)]
async fn the_url_is_completed_by_the_browser() {
    let check = |url: &str, completed: &str| {
        let socket = WebSocket::new(url).unwrap();
        assert_eq!(socket.url(), completed);
        socket.close();
    };
    check(&url("/echo").replace("ws:", "http:"), &url("/echo"));
    check(&url("/echo").replace("ws:", "https:"), &url("/echo").replace("ws:", "wss:"));
    check(&url("/echo").replace("ws://127.0.0.1", "WS://LOCALHOST"), &url("/echo").replace("127.0.0.1", "localhost"));
    check("ws://127.0.0.1:80/echo", "ws://127.0.0.1/echo");
    check("wss://127.0.0.1:443/echo", "wss://127.0.0.1/echo");
    check("wss://127.0.0.1:80/echo", "wss://127.0.0.1:80/echo");
}

// N03: current browsers resolve text that is no URL as a path on the page's own server.
#[apply(browser_test)]
async fn a_relative_url_is_completed_with_the_pages_own() {
    let (origin, base) = location();
    let page = origin.replace("http:", "ws:");
    for (relative, path) in [
        ("/chat", "/chat"),
        ("test", "/test"),
        ("?", &*format!("{base}?")),
        ("", &*base),
        ("not a url", "/not%20a%20url"),
    ] {
        let socket = match WebSocket::new(relative) {
            Ok(socket) => socket,
            Err(error) => {
                deviation("N03", "refuses an empty URL");
                assert_eq!(error, Error::InvalidUrl(String::new()));
                continue;
            }
        };
        let url = socket.url();
        // The URL of a worker's script has a query, and an empty relative URL keeps it.
        let url = if relative.is_empty() { url.split('?').next().unwrap() } else { &url };
        assert_eq!(url, page.clone() + path, "{relative:?}");
        socket.close();
    }
    let error = fail("not a url", &Options::new()).await;
    assert_eq!(error, Error::ConnectFailed { url: page + "/not%20a%20url", code: 1006 });
}

// N05, N07
#[apply(browser_test)]
async fn an_invalid_url_is_an_error() {
    for url in [
        "ws://",
        "http://[/",
        "ftp://127.0.0.1/",
        "mailto:someone@127.0.0.1",
        "about:blank",
        "data:text/plain,x",
        "ws://127.0.0.1/#x",
        "ws://127.0.0.1/#",
        "#test",
    ] {
        assert_eq!(fail(url, &Options::new()).await, Error::InvalidUrl(url.into()), "{url}");
        assert_eq!(WebSocket::new(url).map(drop), Err(Error::InvalidUrl(url.into())), "{url}");
    }
}

// N06
#[apply(browser_test)]
async fn a_space_in_the_host_is_an_error() {
    match WebSocket::new("ws://foo bar.localhost:1/") {
        Err(error) => assert_eq!(error, Error::InvalidUrl("ws://foo bar.localhost:1/".into())),
        Ok(socket) => {
            deviation("N06", "parses it as a host");
            assert_eq!(socket.url(), "ws://foo%20bar.localhost:1/");
            socket.close();
        }
    }
}

// N08
#[apply(browser_test)]
async fn non_ascii_in_a_url_is_encoded_as_utf8() {
    let stream = connect("/echo?ü b").await;
    assert_eq!(stream.url(), url("/echo?%C3%BC%20b"));
    let socket = WebSocket::new(&url("/ü b?ü")).unwrap();
    assert_eq!(socket.url(), url("/%C3%BC%20b?%C3%BC"));
    socket.close();
}

// N11
#[apply(browser_test)]
async fn a_url_may_have_credentials() {
    let mut stream = start(&url("/headers").replace("//", "//user:word@")).await.unwrap();
    let Message::Text(headers) = next(&mut stream).await else { panic!("no headers") };
    // "user:word" in base64
    if !headers.contains("authorization: Basic dXNlcjp3b3Jk\n") {
        deviation("N11", "connects, but does not send the credentials");
    }
    assert!(stream.url().contains("//user:word@"), "{}", stream.url());
}

// N12: older browsers throw a `SecurityError`.
#[apply(browser_test)]
async fn a_port_that_browsers_block_fails_the_connection() {
    let error = fail("ws://127.0.0.1:9/", &Options::new()).await;
    assert!(matches!(error, Error::ConnectFailed { .. } | Error::Security { .. }), "{error:?}");
}

/// Returns the headers of the handshake that the server has received.
async fn headers(options: &Options) -> String {
    let Message::Text(headers) = next(&mut connect_with("/headers", options).await).await else { panic!("no headers") };
    headers
}

// N16
#[apply(browser_test)]
async fn without_protocols_there_is_no_header_for_them() {
    assert!(!headers(&Options::new()).await.contains("sec-websocket-protocol"));
    assert!(!headers(&Options::new().protocols([""; 0])).await.contains("sec-websocket-protocol"));
    let two = headers(&Options::new().protocols(["a", "b"])).await;
    assert!(two.contains("sec-websocket-protocol: a, b\n"), "{two}");
}

// N17, N18, N21: the crate and the browser refuse the same protocols.
#[apply(browser_test)]
async fn an_invalid_protocol_is_an_error() {
    let is_token = |char: char| char.is_ascii_graphic() && !"()<>@,;:\\\"/[]?={}".contains(char);
    let (good, bad): (Vec<char>, Vec<char>) = ('\0'..'\u{100}').partition(|char| is_token(*char));
    let bad = bad.into_iter().map(|char| format!("a{char}b")).chain([String::new(), "a\u{2028}".into()]);
    for protocol in bad {
        let both = ["fine", &protocol];
        let error = fail(&url("/echo"), &Options::new().protocols(both)).await;
        assert_eq!(error, Error::InvalidProtocol(protocol.clone()));
        assert!(browser_refuses(both), "{protocol:?}");
    }
    let good: String = good.into_iter().collect();
    assert!(headers(&Options::new().protocols([&good])).await.contains(&format!("sec-websocket-protocol: {good}\n")));
}

// N19
#[apply(browser_test)]
async fn a_protocol_named_twice_is_an_error() {
    let error = fail(&url("/echo"), &Options::new().protocols(["a", "b", "a"])).await;
    assert_eq!(error, Error::DuplicateProtocol("a".into()));
}

// N20: the crate refuses them in every browser, even where the browser would offer both.
#[apply(browser_test)]
async fn protocols_equal_but_for_case_are_duplicates() {
    let error = fail(&url("/protocol/chat.v2"), &Options::new().protocols(["chat.v2", "CHAT.V2"])).await;
    assert_eq!(error, Error::DuplicateProtocol("CHAT.V2".into()));
}

// N24: Chromium allows 255 in one process, Firefox 200.
#[apply(browser_test)]
async fn one_socket_too_many_fails_and_harms_none() {
    let count = &mut Count::new().await;
    let (url, mut sockets) = (url(&count.path("/echo")), Vec::new());
    let error = loop {
        match start(&url).await {
            Ok(stream) => sockets.push(stream),
            Err(error) => break error,
        }
        assert!(sockets.len() < 260, "there is no limit");
    };
    assert_eq!(error, Error::ConnectFailed { url, code: 1006 });
    let last = sockets.last_mut().unwrap();
    last.send("still there?").await.unwrap();
    assert_eq!(next(last).await, "still there?".into());
    // Otherwise there might be too many sockets in the next test.
    drop(sockets);
    count.becomes(0).await;
}

// N25: every cause leads to the same events: `error`, then `close` with 1006, each once. Nobody listens at port 65535, which the
// system gives to no program by itself, and the server does not know TLS.
#[apply(browser_test)]
async fn a_failed_connection_fires_error_and_close() {
    let tls = url("/echo").replace("ws:", "wss:");
    for url in ["ws://127.0.0.1:65535/", &tls, &url("/status/404")] {
        let socket = WebSocket::new(url).unwrap();
        let mut events = events(&socket);
        assert_eq!(events.next().await, Some(Event::Error(Error::ConnectFailed { url: url.into(), code: 1006 })));
        assert_eq!(socket.ready_state(), ReadyState::Closed);
        let Some(Event::Close(close)) = events.next().await else { panic!("no close") };
        if close.code == 1015 {
            deviation("N25", "reports a failed TLS handshake with code 1015");
            assert_eq!(url, tls);
        } else {
            assert_eq!(close, CloseEvent { code: 1006, reason: String::new(), was_clean: false });
        }
        turn(50).await;
        drop(socket);
        assert_eq!(events.next().await, None);
        assert_eq!(fail(url, &Options::new()).await, Error::ConnectFailed { url: url.into(), code: close.code });
    }
}

// N26: redirects are not followed either; this redirect leads to the echo.
#[apply(browser_test)]
async fn a_refused_handshake_fails_the_connection() {
    for status in [200, 301, 401, 403, 404, 500] {
        let url = url(&format!("/status/{status}"));
        match start(&url).await {
            Err(error) => assert_eq!(error, Error::ConnectFailed { url, code: 1006 }),
            Ok(_) => {
                deviation("N26", "follows a redirection");
                assert_eq!(status, 301);
            }
        }
    }
}

// N27, N31
#[apply(browser_test)]
async fn a_faulty_handshake_fails_the_connection() {
    for path in ["/handshake/accept", "/handshake/extension"] {
        assert_eq!(fail(&url(path), &Options::new()).await, Error::ConnectFailed { url: url(path), code: 1006 });
    }
}

// N28
#[apply(browser_test)]
async fn the_selected_protocol_is_known() {
    let stream = connect_with("/protocol/chat.v2", &Options::new().protocols(["chat.v1", "chat.v2"])).await;
    assert_eq!(stream.protocol(), "chat.v2");
}

// N29: by the standard, the server must select one of the offered protocols.
#[apply(browser_test)]
async fn a_server_that_selects_no_protocol_fails_the_connection() {
    match start_with(&url("/echo"), &Options::new().protocols(["chat.v1"])).await {
        Err(error) => assert_eq!(error, Error::ConnectFailed { url: url("/echo"), code: 1006 }),
        Ok(stream) => {
            deviation("N29", "opens the connection");
            assert_eq!(stream.protocol(), "");
        }
    }
}

// N29
#[apply(browser_test)]
async fn connecting_fails_without_a_protocol_that_is_needed() {
    let count = &mut Count::new().await;
    let options = Options::new().protocols(["chat.v1"]).needs_protocol(true);
    let (without, with) = (count.path("/echo"), count.path("/protocol/chat.v1"));
    assert_eq!(fail(&url(&without), &options).await, Error::ConnectFailed { url: url(&without), code: 1006 });
    assert_eq!(connect_with(&with, &options).await.protocol(), "chat.v1");
    count.becomes(0).await;
}

// N30
#[apply(browser_test)]
async fn a_server_that_selects_a_protocol_unasked_fails_the_connection() {
    for protocols in [vec!["chat.v1"], vec![]] {
        match start_with(&url("/protocol/chat.v2"), &Options::new().protocols(protocols)).await {
            Err(error) => assert_eq!(error, Error::ConnectFailed { url: url("/protocol/chat.v2"), code: 1006 }),
            Ok(stream) => {
                deviation("N30", "opens the connection, without a protocol");
                assert_eq!(stream.protocol(), "");
            }
        }
    }
}

// N32
#[cfg(target_arch = "wasm32")] // the simulation has no cookies
#[apply(browser_test)]
async fn cookies_are_sent_and_no_referer() {
    drop(connect("/cookie/taste=sweet").await);
    let headers = headers(&Options::new()).await;
    assert!(headers.contains("cookie: ") && headers.contains("taste=sweet"), "{headers}");
    assert!(!headers.contains("referer"), "{headers}");
}

// M01, M02: messages may arrive before the future or the stream is polled.
#[apply(browser_test)]
async fn the_first_messages_are_not_lost() {
    let connecting = start(&url("/flood/3/4"));
    turn(200).await;
    let mut stream = connecting.await.unwrap();
    turn(100).await;
    for number in 0..3 {
        assert_eq!(next(&mut stream).await, vec![number, 0, 0, 0].into());
    }
}

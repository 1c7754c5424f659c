//! The simulated page itself.

use futures_util::{StreamExt, join};

use crate::testing::Page;
use crate::{CloseEvent, Error, WebSocketStream};

#[test]
fn messages_go_both_ways() {
    let page = Page::new();
    let server = page.server("ws://example.com/echo");
    page.run(async {
        let (stream, mut peer) = join!(WebSocketStream::connect("ws://example.com/echo"), server.accept());
        let mut stream = stream.unwrap();
        stream.send("hello").await.unwrap();
        let message = peer.receive().await.unwrap();
        peer.send(message);
        assert_eq!(stream.next().await, Some(Ok("hello".into())));
        let (closed, end) = join!(stream.close(), peer.receive());
        assert_eq!((closed, end), (Ok(CloseEvent { code: 1005, reason: String::new(), was_clean: true }), None));
        drop(stream);
        assert_eq!(page.leftovers(), Default::default());
    });
}

#[test]
fn where_no_server_listens_connections_fail() {
    let url = "ws://example.com/nobody";
    let error = Page::new().run(async { WebSocketStream::connect(url).await }).unwrap_err();
    assert_eq!(error, Error::ConnectFailed { url: url.into() });
}

#[test]
fn outside_of_a_page_there_is_no_websocket() {
    let mut connecting = std::pin::pin!(WebSocketStream::connect("ws://example.com"));
    let polled = connecting.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(matches!(polled, std::task::Poll::Ready(Err(Error::Unsupported))));
}

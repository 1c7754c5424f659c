//! Tests in a browser what the README says about other crates. If a test fails, a crate has become better: update the table in the
//! README.
#![cfg(target_family = "wasm")]

use std::pin::Pin;
use std::task::Poll;

use ::gloo_net::websocket::{self as gloo, State};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use wasm_websocket::{Error, Message, Options, Overflow, ReadyState, WebSocketStream};
use websocket_web::{CloseCode, Interface, WebSocketBuilder};
use ws_stream_wasm::{WsMessage, WsMeta, WsStream};

wasm_bindgen_test_configure!(run_in_browser);

const SERVER: &str = match option_env!("TEST_SERVER") {
    Some(server) => server,
    None => "127.0.0.1:8765",
};

fn url(path: &str) -> String {
    format!("ws://{SERVER}{path}")
}

async fn gloo_net(path: &str) -> gloo::futures::WebSocket {
    let mut socket = gloo::futures::WebSocket::open(&url(path)).unwrap();
    std::future::poll_fn(|context| socket.poll_ready_unpin(context)).await.unwrap();
    socket
}

async fn ws_stream_wasm(path: &str) -> WsStream {
    WsMeta::connect(url(path), None).await.unwrap().1
}

async fn websocket_web(path: &str) -> websocket_web::WebSocket {
    let mut builder = WebSocketBuilder::new(url(path));
    builder.set_interface(Interface::Standard);
    builder.connect().await.unwrap()
}

/// Reads until the end, and returns the number of items.
async fn rest(stream: &mut (impl Stream + Unpin)) -> usize {
    let mut items = 0;
    while stream.next().await.is_some() {
        items += 1;
    }
    items
}

#[wasm_bindgen_test]
async fn sending_after_the_end_is_an_error_except_in_gloo_net() {
    let mut ours = WebSocketStream::connect(&url("/close/1000")).await.unwrap();
    rest(&mut ours).await;
    let unsent = ours.send("lost").await.unwrap_err();
    assert_eq!((unsent.message, unsent.error), ("lost", Error::NotOpen(ReadyState::Closed)));

    let mut socket = gloo_net("/close/1000").await;
    rest(&mut socket).await;
    assert!(socket.send(gloo::Message::Text("lost".into())).await.is_ok());

    let mut socket = ws_stream_wasm("/close/1000").await;
    rest(&mut socket).await;
    assert!(socket.send(WsMessage::Text("lost".into())).await.is_err());

    let mut socket = websocket_web("/close/1000").await;
    rest(&mut socket).await;
    assert!(socket.send("lost").await.is_err());
}

#[wasm_bindgen_test]
async fn closing_the_sink_closes_except_in_gloo_net() {
    let mut ours = WebSocketStream::connect(&url("/echo")).await.unwrap();
    SinkExt::close(&mut ours).await.unwrap();
    assert_eq!(ours.ready_state(), ReadyState::Closed);

    let mut socket = gloo_net("/echo").await;
    SinkExt::close(&mut socket).await.unwrap();
    assert!(matches!(socket.state(), State::Open));

    let mut socket = ws_stream_wasm("/echo").await;
    SinkExt::close(&mut socket).await.unwrap();
    assert_eq!(socket.ready_state(), ws_stream_wasm::WsState::Closed);
}

const MESSAGES: usize = 32;
const SIZE: usize = 1 << 20;

/// Returns how many messages of 1 MiB a sink accepts before the sender has to wait, while the server reads nothing: those up to the
/// high water mark, and the one that exceeds it.
async fn taken<M, S: Sink<M> + Unpin>(mut sink: S, message: impl Fn() -> M) -> usize {
    for taken in 0..MESSAGES {
        let is_ready = std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut sink).poll_ready(context).is_ready()));
        if !is_ready.await {
            return taken;
        }
        assert!(Pin::new(&mut sink).start_send(message()).is_ok());
    }
    MESSAGES
}

#[wasm_bindgen_test]
async fn senders_wait_here_and_in_websocket_web() {
    let ours = WebSocketStream::connect(&url("/stall")).await.unwrap();
    assert_eq!(taken(ours, || Message::Binary(vec![0; SIZE])).await, 2);
    assert_eq!(taken(gloo_net("/stall").await, || gloo::Message::Bytes(vec![0; SIZE])).await, MESSAGES);
    assert_eq!(taken(ws_stream_wasm("/stall").await, || WsMessage::Binary(vec![0; SIZE])).await, MESSAGES);
    assert_eq!(taken::<Vec<u8>, _>(websocket_web("/stall").await, || vec![0; SIZE]).await, 5);
}

#[wasm_bindgen_test]
async fn the_receive_queue_has_a_limit_here_and_in_websocket_web() {
    const FLOOD: usize = 1_500;
    let flood = format!("/flood/{FLOOD}/65536");
    // The flood is about 94 MiB, and nobody reads before all of it has arrived.
    let ours = WebSocketStream::connect(&url(&flood)).await.unwrap();
    assert_eq!(ours.closed().await, Err(wasm_websocket::Error::Overflow));
    assert!(rest(&mut { ours }).await < FLOOD);

    let options = Options::new().receive_limit(1 << 20).receive_limit_messages(100).overflow(Overflow::DropOldest);
    let mut ours = options.connect(&url(&flood)).await.unwrap();
    ours.closed().await.unwrap();
    let dropped = ours.dropped();
    assert_eq!(rest(&mut ours).await as u64 + dropped, FLOOD as u64);

    let (meta, mut socket) = WsMeta::connect(url(&flood), None).await.unwrap();
    while meta.ready_state() != ws_stream_wasm::WsState::Closed {
        turn().await;
    }
    assert_eq!(rest(&mut socket).await, FLOOD);

    let mut socket = gloo_net(&flood).await;
    while !matches!(socket.state(), State::Closed) {
        turn().await;
    }
    assert_eq!(rest(&mut socket).await, FLOOD + 1, "the messages and the close event");

    let mut socket = websocket_web(&flood).await;
    assert_eq!(socket.closed().await.code, CloseCode::MessageTooBig);
    let mut received = 0;
    let end = loop {
        match socket.next().await {
            Some(Ok(_)) => received += 1,
            end => break end,
        }
    };
    assert!(received < FLOOD && matches!(end, Some(Err(_))), "{received} messages, then {end:?}");
}

/// Waits for 20 ms.
async fn turn() {
    let wait = js_sys::Promise::new(&mut |resolve, _| {
        let set_timeout = js_sys::Reflect::get(&js_sys::global(), &"setTimeout".into()).unwrap();
        let set_timeout: js_sys::Function = wasm_bindgen::JsCast::unchecked_into(set_timeout);
        set_timeout.call2(&wasm_bindgen::JsValue::NULL, &resolve, &20.into()).unwrap();
    });
    wasm_bindgen_futures::JsFuture::from(wait).await.unwrap();
}

#[wasm_bindgen_test]
async fn awaiting_a_failed_connection_is_an_error_except_in_gloo_net() {
    assert!(WebSocketStream::connect(&url("/status/401")).await.is_err());
    assert!(WsMeta::connect(url("/status/401"), None).await.is_err());
    assert!(WebSocketBuilder::new(url("/status/401")).connect().await.is_err());
    let mut socket = gloo::futures::WebSocket::open(&url("/status/401")).unwrap();
    assert!(socket.send(gloo::Message::Text("lost".into())).await.is_ok());
}

#[wasm_bindgen_test]
#[should_panic]
async fn a_close_code_that_pages_may_not_send_panics_in_websocket_web() {
    websocket_web("/echo").await.close_with_reason(CloseCode::AbnormalClosure, "");
}

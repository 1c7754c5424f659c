//! Outside of a page, as on a server that renders pages: every operation fails without a panic.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use wasm_bindgen::JsValue;

use crate::codec::{Decode, Encode, JsJson};
use crate::sys::{self, Timer};
use crate::{Blob, Error, Message, Options, ReconnectOptions, Reconnecting, SendError, WebSocket, WebSocketStream};

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

const URL: &str = "wss://example.com/chat";

#[test]
fn there_is_no_websocket() {
    assert_eq!(WebSocket::new(URL).map(drop), Err(Error::Unsupported));
    assert_eq!(WebSocket::with_options(URL, &Options::new().protocols(["a"])).map(drop), Err(Error::Unsupported));
    assert_eq!(poll(WebSocketStream::connect(URL)).map_ok(drop), Poll::Ready(Err(Error::Unsupported)));
}

#[test]
fn outside_of_a_page_the_provider_is_not_called() {
    let asked = Rc::new(Cell::new(0));
    let counted = asked.clone();
    let mut feed = Reconnecting::new(ReconnectOptions::new(), async move || {
        counted.set(counted.get() + 1);
        Ok(URL)
    });
    assert_eq!(feed.next().now_or_never(), Some(Some(Err(Error::Unsupported))));
    assert_eq!(feed.next().now_or_never(), Some(None));
    drop(feed);
    assert_eq!(asked.get(), 0);
}

#[test]
fn blobs_hold_their_bytes() {
    let blob = Blob::new("grün".as_bytes(), "text/plain");
    assert_eq!((blob.len(), blob.is_empty(), blob.media_type().as_str()), (5, false, "text/plain"));
    assert_eq!(poll(blob.slice(1..).bytes()), Poll::Ready(Ok("rün".as_bytes().to_vec())));
    assert_eq!(poll(blob.text()), Poll::Ready(Ok("grün".into())));
    let chunks: Vec<_> = blob.chunks(2).map(|chunk| chunk.unwrap().len()).collect().now_or_never().unwrap();
    assert_eq!(chunks, [2, 2, 1]);
    assert_eq!((Message::from(blob.clone()).len(), blob.clone() == blob), (5, true));
    assert!(!format!("{blob:?}").is_empty());
}

#[test]
fn javascript_values_cannot_be_created() {
    assert_eq!(JsJson::encode(&7), Err(Error::Unsupported));
    let undecodable = <JsJson as Decode<u8>>::decode("7".into()).unwrap_err();
    assert_eq!(undecodable.error, Error::Decode("there is no JavaScript in this environment".into()));
    assert_eq!(undecodable.message, Some("7".into()));
    // Both values are `undefined`, which cannot be checked here.
    drop((JsValue::from(Error::Full), JsValue::from(SendError { message: (), error: Error::Full })));
}

#[test]
fn there_is_no_event_loop() {
    assert!(!sys::has_event_loop());
    sys::in_next_turn(|| panic!("there is no next turn"));
    sys::spawn(async { panic!("there is nobody who runs tasks") });
    assert_eq!(poll(Timer::new(Duration::ZERO)), Poll::Pending);
    assert_eq!(poll(Timer::new(Duration::MAX)), Poll::Pending);
    drop(sys::WakeUps::new(|| panic!("there is no network")));
    assert_eq!((sys::now(), sys::random()), (Duration::ZERO, 0.0));
}

//! Takes over and gives away the browser's own sockets and Blobs.

use futures_util::{SinkExt, StreamExt};
use macro_rules_attribute::apply;
use wasm_bindgen::prelude::*;
use wasm_websocket::{
    BinaryType, Blob, CloseCode, CloseReason, Error, Message, Options, ReadyState, WebSocket, WebSocketStream,
};

use super::guard::{js_function, turn};
use super::peer::{Count, next, url};

/// Connects over events, whichever transport the rest of the suite uses.
async fn connect(path: &str) -> WebSocketStream {
    WebSocketStream::connect(&url(path)).await.unwrap()
}

async fn echoes(stream: &mut WebSocketStream) {
    stream.send("still there?").await.unwrap();
    assert_eq!(next(stream).await, "still there?".into());
}

// N01: the binary type is the browser's default, not the crate's.
#[apply(browser_test)]
async fn a_raw_socket_that_connects_is_taken_over() {
    let raw = web_sys::WebSocket::new(&url("/echo")).unwrap();
    let mut stream = WebSocketStream::from_raw(raw, &Options::new()).await.unwrap();
    echoes(&mut stream).await;
    assert_eq!(stream.binary_type(), BinaryType::Blob);
    stream.send(b"bytes").await.unwrap();
    let Message::Blob(blob) = next(&mut stream).await else { panic!("no blob") };
    assert_eq!(blob.bytes().await.unwrap(), b"bytes");
}

#[apply(browser_test)]
async fn the_sink_of_a_raw_socket_that_has_sent_nothing_is_closed_without_an_error() {
    let raw = web_sys::WebSocket::new(&url("/close/1000/bye")).unwrap();
    let mut stream = WebSocketStream::from_raw(raw, &Options::new()).await.unwrap();
    while stream.next().await.is_some() {}
    assert_eq!(SinkExt::close(&mut stream).await, Ok(()));
}

#[apply(browser_test)]
async fn an_open_raw_socket_is_taken_over_and_given_away() {
    let count = &mut Count::new().await;
    let raw = connect(&count.path("/echo")).await.into_raw();
    let mut stream = WebSocketStream::from_raw(raw, &Options::new()).await.unwrap();
    echoes(&mut stream).await;
    let raw = stream.into_raw();
    assert_eq!(raw.ready_state(), web_sys::WebSocket::OPEN);
    count.becomes(1).await;

    let socket = WebSocket::from_raw(raw);
    assert_eq!(socket.ready_state(), ReadyState::Open);
    let raw = socket.as_raw().clone();
    drop(WebSocket::from_raw(socket.into_raw()));
    assert_eq!(raw.ready_state(), web_sys::WebSocket::CLOSING);
    count.becomes(0).await;
}

#[apply(browser_test)]
async fn a_raw_socket_that_fails_or_is_closed_is_an_error() {
    let raw = web_sys::WebSocket::new(&url("/status/404")).unwrap();
    let error = WebSocketStream::from_raw(raw.clone(), &Options::new()).await.unwrap_err();
    assert_eq!(error, Error::ConnectFailed { url: url("/status/404"), code: 1006 });
    let error = WebSocketStream::from_raw(raw.clone(), &Options::new()).await.unwrap_err();
    assert_eq!(error, Error::NotOpen(ReadyState::Closed));

    let socket = WebSocket::from_raw(raw);
    assert_eq!(socket.send("late").unwrap_err().error, Error::NotOpen(ReadyState::Closed));
}

#[apply(browser_test)]
async fn giving_away_removes_the_listeners() {
    let socket = WebSocket::new(&url("/echo")).unwrap();
    socket.on_open(|| panic!("a listener was called after its socket was given away")).forget();
    let mut stream = WebSocketStream::from_raw(socket.into_raw(), &Options::new()).await.unwrap();
    echoes(&mut stream).await;
    drop(stream.close().await);
    assert!(stream.next().await.is_none());
}

/// Adds a listener to a socket when it is dropped.
struct Resubscribes(WebSocket);

impl Drop for Resubscribes {
    fn drop(&mut self) {
        self.0.on_message(|_| panic!("a listener was called after its socket was given away")).forget();
    }
}

#[apply(browser_test)]
async fn a_listener_that_is_added_while_the_socket_is_given_away_is_not_called() {
    let socket = WebSocket::new(&url("/echo")).unwrap();
    let (other, resubscribes) = (socket.clone(), Resubscribes(socket.clone()));
    socket.on_open(move || drop(resubscribes)).forget();
    let mut stream = WebSocketStream::from_raw(socket.into_raw(), &Options::new()).await.unwrap();
    echoes(&mut stream).await;
    drop(other);
}

#[apply(browser_test)]
async fn to_other_handles_a_socket_that_was_given_away_is_closed() {
    let socket = WebSocket::new(&url("/echo")).unwrap();
    let other = socket.clone();
    let mut stream = WebSocketStream::from_raw(socket.into_raw(), &Options::new()).await.unwrap();
    assert_eq!(other.ready_state(), ReadyState::Closed);
    assert_eq!(other.send("not sent").unwrap_err().error, Error::NotOpen(ReadyState::Closed));
    other.close();
    other.close_with(4000, "not closed").unwrap();
    other.on_message(|_| panic!("another handle got a message")).forget();
    stream.set_binary_type(BinaryType::ArrayBuffer);
    other.set_binary_type(BinaryType::Blob);
    stream.send(b"bytes").await.unwrap();
    assert_eq!(next(&mut stream).await, b"bytes"[..].into());
    drop(other);
    echoes(&mut stream).await;
}

#[apply(browser_test)]
async fn a_raw_blob_goes_in_and_out() {
    let blob = Blob::from_raw(Blob::new(b"bytes", "text/plain").into_raw());
    assert_eq!((blob.len(), blob.media_type().as_str()), (5, "text/plain"));
    assert_eq!(Blob::from(blob.as_raw().clone()), blob);
}

// M16: the crate has no method for the origin, since the URL has the same one.
#[apply(browser_test)]
async fn the_origin_of_a_message_is_that_of_the_url() {
    let socket = WebSocket::new(&url("/flood/1/1")).unwrap();
    let (origin, mut origins) = futures_channel::mpsc::unbounded();
    let listener = Closure::<dyn FnMut(_)>::own_assert_unwind_safe(move |event: web_sys::MessageEvent| {
        origin.unbounded_send(event.origin()).unwrap();
    });
    let listener = listener.as_ref().unchecked_ref();
    socket.as_raw().add_event_listener_with_callback("message", listener).unwrap();
    assert_eq!(origins.next().await, Some(url("")));
    socket.as_raw().remove_event_listener_with_callback("message", listener).unwrap();
}

// C03, C04, C10, C14, C15: this tries all codes up to 5000, some larger ones, and reasons around the maximum length. A closed
// socket checks them, too.
#[apply(browser_test)]
async fn the_browser_accepts_exactly_what_the_types_can_hold() {
    let mut stream = connect("/echo").await;
    stream.close().await.unwrap();
    let raw = stream.as_raw();
    // This tries only some of the larger codes, since Firefox takes long to throw.
    for code in (0..5001).chain((5001..=u16::MAX).step_by(89)).chain([u16::MAX]) {
        assert_eq!(CloseCode::new(code).is_some(), raw.close_with_code(code).is_ok(), "{code}");
    }
    for reason in (110..130).map(|len| "x".repeat(len)).chain((36..46).map(|len| "€".repeat(len))) {
        let taken = raw.close_with_code_and_reason(1000, &reason).is_ok();
        assert_eq!(CloseReason::try_from(&reason).is_ok(), taken, "{} bytes", reason.len());
    }
    // A closed socket ignores valid arguments.
    assert_eq!(WebSocket::from_raw(stream.into_raw()).close_with(4000, "late"), Ok(()));
}

// L02: this drops a socket in every state, also through a second `WebSocket` for the same browser object.
#[apply(browser_test)]
async fn dropping_closes_in_every_state() {
    let raw_of = |socket: WebSocket| socket.as_raw().clone();
    let connecting = raw_of(WebSocket::new(&url("/echo")).unwrap());
    let open = raw_of(WebSocket::from_raw(connect("/echo").await.into_raw()));
    assert_eq!(open.ready_state(), web_sys::WebSocket::CLOSING);
    let closing = raw_of(WebSocket::from_raw(open.clone()));
    assert_eq!(closing.ready_state(), web_sys::WebSocket::CLOSING);
    for raw in [&connecting, &open] {
        while raw.ready_state() != web_sys::WebSocket::CLOSED {
            turn(10).await;
        }
        drop(WebSocket::from_raw(raw.clone()));
        assert_eq!(raw.ready_state(), web_sys::WebSocket::CLOSED);
    }
}

// After `into_raw`, the other handles of the connection have ended, and send nothing on the socket, which is no longer theirs.
#[apply(browser_test)]
async fn a_connection_that_was_given_away_has_ended() {
    let stream = connect("/echo").await;
    let closed = stream.closed();
    let mut slices = stream.send_slices(Blob::new(b"abc", ""), 1);
    let raw = stream.into_raw();
    assert_eq!(closed.await, Err(Error::Dropped));
    assert_eq!(slices.next().await, Some(Err(Error::NotOpen(ReadyState::Closed))));
    drop(slices);
    assert_eq!(raw.ready_state(), web_sys::WebSocket::OPEN);
    raw.close().unwrap();
}

// A page may have replaced a property of the browser with code that uses the same connection.
#[apply(browser_test)]
async fn a_page_may_send_while_the_unsent_bytes_are_asked_for() {
    let options = Options::new().high_water_mark(0);
    let stream = options.connect(&url("/echo")).await.unwrap();
    let raw = stream.as_raw().clone();
    let (mut sender, mut receiver) = stream.split();
    sender.send("first").await.unwrap();
    let within = sender.clone();
    let ask = Closure::<dyn FnMut()>::own_assert_unwind_safe(move || within.try_send("within").unwrap());
    // Only the first read of `bufferedAmount` sends, since sending reads it again.
    let replace = js_function(
        "(socket, ask) => {
            const get = () => { const first = ask; ask = undefined; first?.(); return 0 };
            Object.defineProperty(socket, 'bufferedAmount', { get });
        }",
    );
    replace.call2(&JsValue::NULL, &raw, ask.as_ref()).unwrap();
    sender.send("last").await.unwrap();
    for text in ["first", "within", "last"] {
        assert_eq!(receiver.next().await, Some(Ok(text.into())));
    }
}

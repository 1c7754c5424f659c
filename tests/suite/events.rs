//! The events face: `WebSocket`, its listeners and their guards.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::stream::Stream;
use macro_rules_attribute::apply;
use wasm_websocket::{CloseEvent, Message, Options, ReadyState, WebSocket};

use super::guard::{expect_uncaught, turn};
use super::peer::url;

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Open,
    Message(Message),
    Error,
    Close(CloseEvent),
}

/// Everything that happens to a socket, as a stream.
fn events(socket: &WebSocket) -> impl Stream<Item = Event> + Unpin + use<> {
    let (open, receiver) = futures_channel::mpsc::unbounded();
    let (message, error, close) = (open.clone(), open.clone(), open.clone());
    socket.on_open(move || open.unbounded_send(Event::Open).unwrap()).forget();
    socket.on_message(move |m| message.unbounded_send(Event::Message(m)).unwrap()).forget();
    socket.on_error(move || error.unbounded_send(Event::Error).unwrap()).forget();
    socket.on_close(move |event| close.unbounded_send(Event::Close(event)).unwrap()).forget();
    receiver
}

#[apply(browser_test)]
async fn events_come_in_their_order_with_rust_values() {
    let socket = WebSocket::new(&url("/echo")).unwrap();
    assert_eq!(socket.ready_state(), ReadyState::Connecting);
    let mut events = events(&socket);
    assert_eq!(events.next().await, Some(Event::Open));
    socket.send("text").unwrap();
    assert_eq!(events.next().await, Some(Event::Message("text".into())));
    socket.send(&[1, 2]).unwrap();
    assert_eq!(events.next().await, Some(Event::Message(vec![1, 2].into())));
    socket.close_with(4001, "bye").unwrap();
    assert_eq!(socket.ready_state(), ReadyState::Closing);
    let close = CloseEvent { code: 4001, reason: "bye".into(), was_clean: true };
    assert_eq!(events.next().await, Some(Event::Close(close)));
    assert_eq!(socket.ready_state(), ReadyState::Closed);
}

// N25: error, then close with 1006, each once.
#[apply(browser_test)]
async fn a_failed_connection_tells_error_and_close() {
    let socket = WebSocket::new(&url("/status/404")).unwrap();
    let mut events = events(&socket);
    assert_eq!(events.next().await, Some(Event::Error));
    let close = CloseEvent { code: 1006, reason: String::new(), was_clean: false };
    assert_eq!(events.next().await, Some(Event::Close(close)));
    turn(50).await;
    drop(socket);
    assert_eq!(events.next().await, None);
}

#[apply(browser_test)]
async fn options_choose_protocols() {
    let options = Options::new().protocols(["chat.v2"]);
    let socket = WebSocket::with_options(&url("/protocol/chat.v2"), &options).unwrap();
    assert_eq!(events(&socket).next().await, Some(Event::Open));
    assert_eq!(socket.protocol(), "chat.v2");
}

#[apply(browser_test)]
async fn a_dropped_guard_removes_its_listener_alone() {
    let socket = WebSocket::new(&url("/echo")).unwrap();
    let heard = Rc::new(RefCell::new(Vec::new()));
    let listen = |name: &'static str| {
        let heard = heard.clone();
        socket.on_message(move |_| heard.borrow_mut().push(name))
    };
    let (first, _second) = (listen("first"), listen("second"));
    let mut events = events(&socket);
    assert_eq!(events.next().await, Some(Event::Open));
    socket.send("a").unwrap();
    events.next().await;
    drop(first);
    socket.send("b").unwrap();
    events.next().await;
    assert_eq!(*heard.borrow(), ["first", "second", "second"]);
}

// M25, L03
#[apply(browser_test)]
async fn a_callback_may_drop_its_guard_and_the_socket() {
    let socket = Rc::new(RefCell::new(Some(WebSocket::new(&url("/echo")).unwrap())));
    let guard = Rc::new(RefCell::new(None));
    let (call, mut calls) = futures_channel::mpsc::unbounded();
    let callback = {
        let (socket, guard) = (socket.clone(), guard.clone());
        move || {
            drop(guard.take());
            drop(socket.take());
            call.unbounded_send(()).unwrap();
        }
    };
    *guard.borrow_mut() = socket.borrow().as_ref().map(|socket| socket.on_open(callback));
    let close = socket.borrow().as_ref().map(|socket| socket.on_close(|_| panic!("a call after the drop")));
    // Once, and then the closure is gone with its sender.
    assert_eq!((calls.next().await, calls.next().await), (Some(()), None));
    turn(50).await;
    // The socket's alone: what the closures held is gone with them.
    assert_eq!((Rc::strong_count(&socket), Rc::strong_count(&guard)), (1, 1));
    drop(close);
}

// M23: the closure that panics is called again for the next event, and others are not disturbed.
#[apply(browser_test)]
async fn a_panic_in_a_callback_does_not_break_the_socket() {
    // A panic that unwinds is thrown as an error with its message; one that aborts is a trap.
    expect_uncaught(if cfg!(panic = "unwind") { "this panic is the test's own" } else { "unreachable" });
    let socket = WebSocket::new(&url("/echo")).unwrap();
    let (call, mut calls) = futures_channel::mpsc::unbounded();
    socket
        .on_message(move |message| {
            assert_ne!(message, "panic".into(), "this panic is the test's own");
            call.unbounded_send(message).unwrap();
        })
        .forget();
    let mut events = events(&socket);
    assert_eq!(events.next().await, Some(Event::Open));
    socket.send("panic").unwrap();
    socket.send("go on").unwrap();
    assert_eq!(calls.next().await, Some("go on".into()));
    assert_eq!(events.next().await, Some(Event::Message("panic".into())));
    assert_eq!(events.next().await, Some(Event::Message("go on".into())));
    socket.close();
    assert!(matches!(events.next().await, Some(Event::Close(_))));
}

// C18, M25, C32: a closure may send and close, and make another socket.
#[apply(browser_test)]
async fn a_callback_may_use_the_socket_and_make_another() {
    let socket = Rc::new(WebSocket::new(&url("/echo")).unwrap());
    let (another, mut others) = futures_channel::mpsc::unbounded();
    let (opened, received) = (Rc::downgrade(&socket), Rc::downgrade(&socket));
    socket.on_open(move || opened.upgrade().unwrap().send("ping").unwrap()).forget();
    socket.on_message(move |_| received.upgrade().unwrap().close_with(4002, "enough").unwrap()).forget();
    socket.on_close(move |_| another.unbounded_send(WebSocket::new(&url("/echo")).unwrap()).unwrap()).forget();
    let other = others.next().await.unwrap();
    assert_eq!(events(&other).next().await, Some(Event::Open));
    assert_eq!(socket.ready_state(), ReadyState::Closed);
}

// L01
#[apply(browser_test)]
async fn a_dropped_socket_calls_nobody_and_frees_what_its_listeners_hold() {
    let socket = WebSocket::new(&url("/echo")).unwrap();
    let held = Rc::new(());
    let mut events = events(&socket);
    let guard = socket.on_close({
        let held = held.clone();
        move |_| drop(held.clone())
    });
    assert_eq!(events.next().await, Some(Event::Open));
    drop(socket);
    assert_eq!(Rc::strong_count(&held), 1);
    assert_eq!(events.next().await, None);
    drop(guard);
}

//! Dropped sockets leave nothing behind.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::{FutureExt, StreamExt};
use macro_rules_attribute::apply;
use wasm_websocket::{ListenerGuard, Options, ReadyState, WebSocket};

use super::guard::{Live, turn};
use super::peer::{Count, connect, connect_with, next, start, url};

/// Creates the channel by which a waiting sender asks for the next turn of the event loop. The crate creates it when it is first
/// needed, and then keeps it.
pub async fn make_what_is_kept() {
    let mut stream = connect_with("/echo", &Options::new().high_water_mark(0)).await;
    stream.send("one").await.unwrap();
    stream.send("two").await.unwrap();
    stream.flush().await.unwrap();
}

#[apply(browser_test)]
async fn a_socket_is_closed_with_its_last_handle() {
    let count = &mut Count::new().await;
    let socket = WebSocket::new(&url(&count.path("/echo"))).unwrap();
    let (other, weak) = (socket.clone(), socket.downgrade());
    assert_eq!(socket, other);
    count.becomes(1).await;
    drop(socket);
    assert_eq!(weak.upgrade().as_ref(), Some(&other));
    turn(50).await;
    assert_eq!(other.ready_state(), ReadyState::Open);
    drop(other);
    assert_eq!(weak.upgrade(), None);
    count.becomes(0).await;
}

/// Drops sockets in every state and from every place, `rounds` times.
async fn drop_sockets(rounds: usize) {
    for _ in 0..rounds {
        let mut count = Count::new().await;
        let path = count.path("/echo");
        let (url, brief) = (url(&path), url(&count.path("/flood/1/1")));
        // Open, with a message in flight.
        let mut open = connect(&path).await;
        open.send("message").await.unwrap();
        // Open, with one received message that was taken, and one that was not.
        let mut echoed = connect_with(&path, &Options::new().close_timeout(Duration::from_secs(9))).await;
        echoed.send(&vec![0; 1000]).await.unwrap();
        echoed.send("two").await.unwrap();
        next(&mut echoed).await;
        // Closing, and closed.
        let mut closing = connect(&path).await;
        assert!(closing.close().now_or_never().is_none());
        let mut closed = connect(&path).await;
        closed.close().await.unwrap();
        assert!(closed.next().await.is_none());
        // Inside each of the socket's own callbacks.
        drop_inside(|socket, callback| socket.on_open(callback), &brief).await;
        drop_inside(
            |socket, callback| {
                let mut callback = Some(callback);
                socket.on_message(move |_| callback.take().unwrap()())
            },
            &brief,
        )
        .await;
        drop_inside(|socket, callback| socket.on_error(|_| callback()), "ws://127.0.0.1:65535/").await;
        drop_inside(|socket, callback| socket.on_close(|_| callback()), &brief).await;
        // With a guard that was dropped before the socket.
        let socket = WebSocket::new(&url).unwrap();
        drop(socket.on_close(|_| {}));
        // While connecting.
        assert!(start(&url).now_or_never().is_none());
        drop((open, echoed, closing, socket));
        count.becomes(0).await;
    }
}

/// Adds a listener for one kind of event. The listener calls the closure, which drops the socket.
type Listen = fn(&WebSocket, Box<dyn FnOnce()>) -> ListenerGuard;

/// Drops a socket from inside one of its own callbacks.
async fn drop_inside(listen: Listen, url: &str) {
    let socket = Rc::new(RefCell::new(WebSocket::new(url).ok()));
    let (dropped, is_dropped) = oneshot::channel();
    let callback = {
        let socket = socket.clone();
        move || drop((socket.take(), dropped.send(())))
    };
    listen(socket.borrow().as_ref().unwrap(), Box::new(callback)).forget();
    is_dropped.await.unwrap();
}

// L01, L02, L03
#[apply(browser_test)]
async fn nothing_is_left_of_dropped_sockets() {
    make_what_is_kept().await;
    // These rounds create the executor's queue, which is kept, too.
    drop_sockets(2).await;
    let before = Live::at_rest().await;
    drop_sockets(4).await;
    Live::at_rest().await.assert_no_more_than(&before);
}

// N23
#[apply(browser_test)]
async fn a_constructor_that_throws_leaves_nothing() {
    let throw = async || {
        assert!(WebSocket::new("ws://[").is_err());
        assert!(start("ws://[").await.is_err());
    };
    throw().await;
    let before = Live::now();
    for _ in 0..10 {
        throw().await;
    }
    // Bytes and pages are ignored: in some builds wasm-bindgen writes what was thrown to the test's own log.
    Live::now().with_memory_of(&before).assert_no_more_than(&before);
}

//! Cases about JavaScript and wasm memory, which the simulation does not have.

use futures_util::StreamExt;
use js_sys::JsString;
use macro_rules_attribute::apply;
use wasm_bindgen::{JsCast, JsValue};
use wasm_websocket::reconnect::Heartbeat;
use wasm_websocket::{Error, Message, Options, WebSocket, WebSocketStream};

use super::events::{Event, events};
use super::guard::{Live, allocated, arrival, expect_uncaught, js};
use super::peer::{connect, next, url};
use super::reconnect::{self, ms, quick};

// L17: as in Node before 22.
#[apply(browser_test)]
async fn without_a_websocket_there_is_an_error() {
    let (global, name) = (js_sys::global(), JsValue::from("WebSocket"));
    let original = js_sys::Reflect::get(&global, &name).unwrap();
    js_sys::Reflect::delete_property(&global, &name).unwrap();
    let results = (WebSocket::new(&url("/echo")).map(drop), connect_result(&url("/echo")).await);
    js_sys::Reflect::set(&global, &name, &original).unwrap();
    assert_eq!(results, (Err(Error::Unsupported), Err(Error::Unsupported)));
}

// As in Node.js since 24.9.
#[apply(browser_test)]
async fn a_timeout_is_reported_even_if_the_close_fires_its_event() {
    let restore = js("(() => {
            const { prototype } = WebSocket, { close } = prototype;
            prototype.close = function () {
                close.call(this);
                this.dispatchEvent(new CloseEvent('close', { code: 1006 }));
            };
            return () => (prototype.close = close);
        })()");
    let result = Options::new().connect_timeout(ms(50)).connect(&url("/hang")).await.map(drop);
    restore.unchecked_into::<js_sys::Function>().call0(&JsValue::NULL).unwrap();
    assert_eq!(result, Err(Error::ConnectTimeout { url: url("/hang"), timeout: ms(50) }));
}

async fn connect_result(url: &str) -> Result<(), Error> {
    Options::new().connect(url).await.map(drop)
}

// L16: this also runs in workers, which have neither.
#[apply(browser_test)]
async fn it_needs_no_window_and_no_document() {
    let is_window = js("typeof window !== 'undefined' && typeof document !== 'undefined'");
    let is_worker = js("typeof WorkerGlobalScope !== 'undefined'");
    assert_ne!(is_window, is_worker);
    let socket = WebSocket::new(&url("/echo")).unwrap();
    assert_eq!(events(&socket).next().await, Some(Event::Open));
}

// L19: after memory has grown, no view of the old memory is used.
#[apply(browser_test)]
async fn memory_may_grow_in_a_callback() {
    let socket = WebSocket::new(&url("/echo")).unwrap();
    let (call, mut calls) = futures_channel::mpsc::unbounded();
    let answers = socket.downgrade();
    let bytes: Vec<u8> = (0..100_000).map(|index| index as u8).collect();
    let expected = bytes.clone();
    socket
        .on_message(move |message| {
            assert_ne!(std::arch::wasm32::memory_grow(0, 16), usize::MAX);
            assert_eq!(message, Message::Binary(expected.clone()));
            answers.upgrade().unwrap().send(&expected).unwrap();
            call.unbounded_send(()).unwrap();
        })
        .forget();
    let mut events = events(&socket);
    assert_eq!(events.next().await, Some(Event::Open));
    socket.send(&bytes).unwrap();
    for _ in 0..3 {
        calls.next().await.unwrap();
    }
}

/// Expects that one panic is not caught. A panic that unwinds is thrown as an error with its message; a panic that aborts is a trap.
fn expect_panic() {
    expect_uncaught(if cfg!(panic = "unwind") { "this panic is the test's own" } else { "RuntimeError" });
}

// M23: the closure that panics is called again for the next event, and other closures are not affected.
#[apply(browser_test)]
async fn a_panic_in_a_callback_does_not_break_the_socket() {
    expect_panic();
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

// M23: the closure of a heartbeat is called when a message arrives, while a ping is unanswered.
#[apply(browser_test)]
async fn a_panic_in_a_heartbeat_does_not_break_the_connection() {
    expect_panic();
    let heartbeat = Heartbeat::new("ping", |message| {
        assert_ne!(*message, "panic".into(), "this panic is the test's own");
        false
    });
    let options = quick().connection(Options::new().transport(crate::TRANSPORT)).heartbeat(heartbeat.interval(ms(1)));
    let mut feed = reconnect::connect(options, &["/echo"]);
    assert_eq!(feed.next().await, Some(Ok("ping".into())));
    feed.send("panic").await.unwrap();
    feed.send("go on").await.unwrap();
    while feed.next().await.unwrap().unwrap() != "go on".into() {}
}

/// Receives the text that a JavaScript expression makes. Returns three numbers of bytes: the length of the text, the growth of
/// wasm memory, and what was allocated.
async fn taken_by(stream: &mut WebSocketStream, text: &str) -> (usize, usize, usize) {
    let has_arrived = arrival(stream, 1);
    stream.send(js(text).unchecked_into::<JsString>()).await.unwrap();
    has_arrived.await;
    let (before, allocated_before) = (Live::now().pages, allocated());
    let len = next(stream).await.len() as usize;
    (len, (Live::now().pages - before) << 16, allocated() - allocated_before)
}

// Wasm memory never shrinks, so even temporary memory for a text is never given back.
#[apply(browser_test)]
async fn long_text_takes_the_memory_of_its_bytes() {
    const LITTLE: usize = 1 << 20;

    let mut stream = connect("/echo").await;
    for (text, expected) in [
        ("'a'.repeat(1 << 24)", 1 << 24),
        ("'é' + 'a'.repeat(1 << 24)", (1 << 24) + 2),
        ("'a'.repeat(1 << 24) + '€'", (1 << 24) + 3),
        ("'€'.repeat(1 << 23)", 3 << 23),
        ("'a'.repeat(1 << 24) + '𝄞'", (1 << 24) + 4),
    ] {
        let (len, grown, allocated) = taken_by(&mut stream, text).await;
        assert_eq!(len, expected, "{text}");
        assert!(grown <= len + LITTLE, "{text} takes {grown} bytes");
        // After an ASCII text, the next text is first tried as ASCII.
        assert!(allocated <= 2 * len + LITTLE, "{allocated} bytes are allocated for {text}");
    }
}

//! How a page affects its connections: the tests add frames and workers, run their own module in them, and remove them.

use futures_channel::mpsc::{UnboundedReceiver, unbounded};
use futures_util::StreamExt;
use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use macro_rules_attribute::apply;
use wasm_bindgen::prelude::*;
use wasm_websocket::{BinaryType, Error, Message, Options, RawMessage, WebSocket, WebSocketStream};

use crate::suite::guard::{deviation, is_webkit, js, js_function, turn};
use crate::suite::peer::{Count, connect, next, url};

/// Runs an action by name. Frames and workers call this function.
#[wasm_bindgen]
pub fn in_realm(what: String, argument: String) -> Promise {
    js_sys::futures::future_to_promise(async move { Ok(run(&what, &argument).await.into()) })
}

/// Runs an action by name, and returns its answer.
async fn run(what: &str, argument: &str) -> String {
    match what {
        // Answers whether it connects, and keeps the connection open.
        "connect" => match Options::new().connect(argument).await {
            Ok(stream) => {
                std::mem::forget(stream);
                "open".into()
            }
            Err(error) => error.to_string(),
        },
        // Answers with the URL as the browser completes it.
        "url" => match WebSocket::new(argument) {
            Ok(socket) => {
                socket.close();
                socket.url()
            }
            Err(error) => error.to_string(),
        },
        // Counts the messages that arrive. The stream pauses for a turn now and then.
        "receive" => {
            let stream = WebSocketStream::connect(argument).await.unwrap();
            stream.count().await.to_string()
        }
        // Removes its own frame in a listener.
        "remove" => {
            let socket = WebSocket::new(argument).unwrap();
            socket.on_error(|_| drop(js("frameElement.remove()"))).forget();
            socket.on_close(|_| {}).forget();
            std::mem::forget(socket);
            String::new()
        }
        other => panic!("{other}"),
    }
}

/// The script of a frame or a worker. It receives the module, an action and its argument from the page, and posts the answer.
const SCRIPT: &str = "addEventListener('message', async ({ data: [module, what, argument], source }) => {
    const { default: init, in_realm } = await import('ORIGIN/wasm-bindgen-test.js');
    await init({ module_or_path: module });
    (source ?? self).postMessage(await in_realm(what, argument));
});
(globalThis.parent ?? self).postMessage('ready');";

fn script() -> String {
    SCRIPT.replace("ORIGIN", &js("location.origin").as_string().unwrap())
}

/// A frame or a worker.
struct Realm {
    target: JsValue,
    answers: UnboundedReceiver<String>,
    listener: Closure<dyn FnMut(web_sys::MessageEvent)>,
    listens_to: web_sys::EventTarget,
    /// The name of the method of `target` that ends it.
    end: &'static str,
}

impl Realm {
    /// Adds a frame with this HTML in its head, in this encoding.
    async fn frame(head: &str, charset: &str) -> Self {
        let make = "(head, script, type) => {
            const html = new Blob(['<!doctype html>', head, '<script type=module>', script, '</script>'], { type });
            const frame = document.createElement('iframe');
            frame.src = URL.createObjectURL(html);
            document.body.append(frame);
            return frame;
        }";
        let kind = format!("text/html;charset={charset}");
        let frame = js_function(make).call3(&JsValue::NULL, &head.into(), &script().into(), &kind.into()).unwrap();
        Self::listen(js_sys::global().unchecked_into(), frame, "remove").await
    }

    /// Starts a worker whose script is a blob.
    async fn worker() -> Self {
        let make =
            "(script, type) => new Worker(URL.createObjectURL(new Blob([script], { type })), { type: 'module' })";
        let worker = js_function(make).call2(&JsValue::NULL, &script().into(), &"text/javascript".into()).unwrap();
        Self::listen(worker.clone().unchecked_into(), worker, "terminate").await
    }

    async fn listen(listens_to: web_sys::EventTarget, target: JsValue, end: &'static str) -> Self {
        let (answer, answers) = unbounded();
        let listener = Closure::own_assert_unwind_safe(move |event: web_sys::MessageEvent| {
            // Nothing else in the page posts strings.
            if let Some(text) = event.data().as_string() {
                answer.unbounded_send(text).unwrap();
            }
        });
        listens_to.add_event_listener_with_callback("message", listener.as_ref().unchecked_ref()).unwrap();
        let mut realm = Self { target, answers, listener, listens_to, end };
        assert_eq!(realm.answers.next().await, Some("ready".into()));
        realm
    }

    /// Runs an action in the frame or worker, and returns its answer.
    async fn run(&mut self, what: &str, argument: &str) -> String {
        self.start(what, argument);
        self.answers.next().await.unwrap()
    }

    fn start(&self, what: &str, argument: &str) {
        let message = Array::of3(&wasm_bindgen::module(), &what.into(), &argument.into());
        let post = js_function("(to, message) => (to.contentWindow ?? to).postMessage(message)");
        post.call2(&JsValue::NULL, &self.target, &message).unwrap();
    }

    fn end(&self) {
        let method: Function = Reflect::get(&self.target, &self.end.into()).unwrap().unchecked_into();
        method.call0(&self.target).unwrap();
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        self.listens_to.remove_event_listener_with_callback("message", self.listener.as_ref().unchecked_ref()).unwrap();
        self.end();
    }
}

// N04
#[apply(browser_test)]
async fn in_a_worker_made_of_a_blob_a_relative_url_is_an_error() {
    let mut worker = Realm::worker().await;
    let seen = worker.run("url", "/chat").await;
    if seen != Error::InvalidUrl("/chat".into()).to_string() {
        deviation("N04", "resolves URLs in a worker made of a blob against the page's own address");
        assert_eq!(seen, js("location.origin").as_string().unwrap().replace("http:", "ws:") + "/chat");
    }
    assert_eq!(worker.run("url", &url("/chat")).await, url("/chat"));
}

// N08: the query is in UTF-8, too, although in links it is in the page's own encoding.
#[apply(browser_test)]
async fn a_url_is_encoded_as_utf8_whatever_the_page_is() {
    let mut frame = Realm::frame("", "windows-1252").await;
    assert_eq!(frame.run("url", &url("/ü?ü")).await, url("/%C3%BC?%C3%BC"));
}

// N14
#[apply(browser_test)]
async fn a_page_that_forbids_connections_fails_them() {
    let policy = "<meta http-equiv=Content-Security-Policy content=\"connect-src 'none'\">";
    let mut frame = Realm::frame(policy, "utf-8").await;
    let seen = frame.run("connect", &url("/echo")).await;
    if seen.contains("is blocked by the browser") {
        deviation("N14", "throws");
        assert!(seen.contains(&url("/echo")), "{seen}");
    } else {
        assert_eq!(seen, Error::ConnectFailed { url: url("/echo"), code: 1006 }.to_string());
    }
}

// N15: the address is one of this machine, but browsers do not trust it as they trust 127.0.0.1.
#[apply(browser_test)]
async fn a_page_that_upgrades_requests_upgrades_sockets() {
    if is_webkit() {
        return deviation("N15", "loads no module from this machine in such a page, so the result is unknown");
    }
    let policy = "<meta http-equiv=Content-Security-Policy content=upgrade-insecure-requests>";
    let mut frame = Realm::frame(policy, "utf-8").await;
    for (url, upgraded) in [
        ("ws://0.0.0.0/", "wss://0.0.0.0/"),
        ("ws://0.0.0.0:80/", "wss://0.0.0.0/"),
        ("ws://0.0.0.0:81/", "wss://0.0.0.0:81/"),
    ] {
        let seen = frame.run("url", url).await;
        if seen != upgraded {
            deviation("N15", "does not show the upgrade in the URL");
            assert_eq!(seen, url.replace(":80/", "/"));
        }
    }
}

// The connection works whether `MessageChannel` is missing or throws.
#[apply(browser_test)]
async fn without_a_message_channel_turns_come_by_a_timer() {
    for head in [
        "<script>delete globalThis.MessageChannel</script>",
        "<script>MessageChannel = class { constructor() { throw Error() } }</script>",
        "<script>MessageChannel = 'nothing'</script>",
        // The crate uses no port that has `unref`, as in Node, where a port keeps the process alive.
        "<script>MessagePort.prototype.unref = () => {}; MessagePort.prototype.postMessage = null</script>",
    ] {
        let mut frame = Realm::frame(head, "utf-8").await;
        assert_eq!(frame.run("receive", &url("/flood/1000/1")).await, "1000", "{head}");
    }
}

// The objects that a socket of another frame delivers are instances of that frame's classes.
#[apply(browser_test)]
async fn the_socket_of_another_frame_can_be_taken_over() {
    let frame = Realm::frame("", "utf-8").await;
    let connect = js_function("(frame, url) => new frame.contentWindow.WebSocket(url)");
    let raw = connect.call2(&JsValue::NULL, &frame.target, &url("/echo").into()).unwrap().unchecked_into();
    let mut stream = WebSocketStream::from_raw(raw, &Options::new()).await.unwrap();
    stream.send("text").await.unwrap();
    stream.send(b"ab").await.unwrap();
    assert_eq!(next(&mut stream).await, "text".into());
    let Message::Blob(blob) = next(&mut stream).await else { panic!("no blob") };
    assert_eq!(blob.bytes().await.unwrap(), b"ab");
    stream.set_binary_type(BinaryType::ArrayBuffer);
    stream.send(b"ab").await.unwrap();
    stream.send(b"cd").await.unwrap();
    assert_eq!(next(&mut stream).await, Message::Binary(b"ab".to_vec()));
    assert!(matches!(stream.next_raw().await, Some(Ok(RawMessage::Binary(_)))));
}

// A view of another frame is sent as it is. A view of a transferred buffer is empty, or refused.
#[apply(browser_test)]
async fn a_view_of_another_frame_is_sent() {
    let frame = Realm::frame("", "utf-8").await;
    let make = js_function("frame => new frame.contentWindow.Uint8Array([1, 2, 3]).subarray(1)");
    let view: Uint8Array = make.call1(&JsValue::NULL, &frame.target).unwrap().unchecked_into();
    let mut stream = connect("/echo").await;
    stream.send(&view).await.unwrap();
    assert_eq!(next(&mut stream).await, vec![2, 3].into());
    let give_away = js_function("view => structuredClone(view.buffer, { transfer: [view.buffer] })");
    give_away.call1(&JsValue::NULL, &view).unwrap();
    match stream.send(&view).await {
        Ok(()) => assert_eq!(next(&mut stream).await, Vec::new().into()),
        Err(unsent) => assert!(matches!(unsent.error, Error::Thrown { .. }), "{:?}", unsent.error),
    }
}

// M24
#[apply(browser_test)]
async fn a_frame_that_is_removed_in_its_own_callback_harms_nobody() {
    let frame = Realm::frame("", "utf-8").await;
    frame.start("remove", &url("/status/404"));
    let is_there = js_function("frame => frame.isConnected");
    while is_there.call1(&JsValue::NULL, &frame.target).unwrap().is_truthy() {
        turn(10).await;
    }
    let mut stream = connect("/echo").await;
    stream.send("still there?").await.unwrap();
    assert_eq!(next(&mut stream).await, Message::from("still there?"));
}

// L08: this page is a frame, which makes no difference to the peer.
#[apply(browser_test)]
async fn the_peer_of_a_page_that_is_left_is_told_1001() {
    let count = &mut Count::new().await;
    let mut frame = Realm::frame("", "utf-8").await;
    assert_eq!(frame.run("connect", &url(&count.path("/echo"))).await, "open");
    count.becomes(1).await;
    Reflect::set(&frame.target, &"src".into(), &"about:blank".into()).unwrap();
    assert_eq!(count.ended().await, "0 received, closed with 1001");
}

// L15
#[apply(browser_test)]
async fn the_connection_of_a_worker_ends_with_it() {
    let count = &mut Count::new().await;
    let mut worker = Realm::worker().await;
    assert_eq!(worker.run("connect", &url(&count.path("/echo"))).await, "open");
    count.becomes(1).await;
    worker.end();
    count.becomes(0).await;
}

//! What only connections over streams do: the peer waits for a slow receiver.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{FutureExt, Sink, StreamExt, TryStreamExt};
use macro_rules_attribute::apply;
use wasm_websocket::reconnect::{State, Target};
use wasm_websocket::{
    Blob, Error, Message, Options, Overflow, ReadyState, ReconnectOptions, Reconnecting, Transport, WebSocket,
    WebSocketStream,
};

use super::suite::guard::{arrival, deviation, log, memory_size, now, random, turn, unreadable_blob};
use super::suite::peer::{Count, IS_LARGE, connect, connect_with, next, url};

/// Returns how many bytes of a flood the server has sent, by its own count.
async fn sent(key: f64) -> u64 {
    let mut report = Options::new().connect(&url(&format!("/flood-report/{key}"))).await.unwrap();
    let Message::Text(report) = next(&mut report).await else { panic!("no report") };
    let (_, bytes) = report.split_once("\"bytes\":").unwrap();
    bytes.split([',', '}']).next().unwrap().parse().unwrap()
}

/// The maximum number of unread bytes that the operating systems and the browser buffer: on loopback, each buffers some MB.
const BUFFERS: u64 = 16 << 20;

const CHUNK: usize = 64 << 10;
const FLOOD: usize = if IS_LARGE { (1 << 30) - (64 << 20) } else { 64 << 20 };

#[apply(browser_test)]
async fn a_flood_slows_down_to_its_reader() {
    const AHEAD: u64 = 1 << 20;
    const RATE: f64 = 1e6;
    let slow_for = if IS_LARGE { 20_000.0 } else { 3_000.0 };
    let key = random();
    // The flood is longer than the test reads: if the peer closed meanwhile, Chromium would drop messages that it has buffered.
    let path = format!("/flood/{}/{CHUNK}?{key}", (1 << 30) / CHUNK);
    let mut stream = connect_with(&path, &Options::new().read_ahead(AHEAD)).await;
    let (pages, begin) = (memory_size(), now());
    let (mut taken, mut measured) = (0_usize, Vec::<(f64, u64, u64)>::new());
    let mut take = async |stream: &mut WebSocketStream| {
        let Some(Message::Binary(bytes)) = stream.try_next().await.unwrap() else { return false };
        // No message is lost, and all messages are in order.
        assert_eq!(bytes[..4], ((taken / CHUNK) as u32).to_le_bytes());
        taken += bytes.len();
        true
    };
    let (mut at, mut counted) = (0.0, 0);
    while at < slow_for {
        assert!(take(&mut stream).await);
        counted += CHUNK as u64;
        let due = begin + counted as f64 / RATE * 1000.0;
        turn((due - now()).max(0.0) as u32).await;
        at = now() - begin;
        if measured.last().is_none_or(|(last, ..)| at - last >= 1000.0) {
            let sent = sent(key).await;
            assert!(sent <= counted + AHEAD + BUFFERS, "{sent} bytes were sent, and {counted} taken, after {at} ms");
            measured.push((at, sent, counted));
        }
    }
    // The buffers were full between the last two measurements, so the peer sent as fast as the reader took messages.
    let [.., (from, sent_then, taken_then), (to, sent_now, taken_now)] = measured[..] else { panic!("{measured:?}") };
    log(&format!(
        "a reader of 1 MB/s: the server sent {} kB and the reader took {} kB in the last {:.0} ms, after {sent_then} bytes",
        (sent_now - sent_then) / 1000,
        (taken_now - taken_then) / 1000,
        to - from,
    ));
    assert!(memory_size() <= pages + 64, "wasm memory has grown from {} pages", pages);
    for _ in counted as usize / CHUNK..FLOOD / CHUNK {
        assert!(take(&mut stream).await);
    }
    assert_eq!((taken, stream.dropped()), (FLOOD, 0));
    drop(stream.close().await);
}

#[apply(browser_test)]
async fn by_events_a_flood_does_not_wait_and_the_limit_holds() {
    let path = format!("/flood/{}/{CHUNK}", (64 << 20) / CHUNK);
    let options = Options::new().receive_limit(1 << 20).transport(Transport::Events);
    let mut stream = options.connect(&url(&path)).await.unwrap();
    assert_eq!(stream.transport(), Transport::Events);
    assert_eq!(stream.closed().await, Err(Error::Overflow));
    let mut taken = 0;
    while let Some(Ok(message)) = stream.next().await {
        taken += message.len();
    }
    assert_eq!(taken, 1 << 20);
}

/// Sends messages of 10 bytes, each of which begins with its number.
async fn send_all(stream: &mut WebSocketStream, messages: u8) {
    for number in 0..messages {
        stream.send([number; 10]).await.unwrap();
    }
}

// A message that waits behind another is copied, so the high water mark is 128 KiB, even if the options have a higher one.
#[apply(browser_test)]
async fn nothing_is_sent_behind_a_large_message() {
    let mut stream = connect_with("/sink", &Options::new().high_water_mark(1 << 20)).await;
    for _ in 0..129 {
        assert_eq!(stream.send([0; 1 << 10]).now_or_never(), Some(Ok(())));
    }
    assert_eq!(stream.try_send("more").map_err(Error::from), Err(Error::Full));
    stream.flush().await.unwrap();
    assert_eq!(stream.send(vec![0; 1 << 20]).now_or_never(), Some(Ok(())));
    assert_eq!(stream.try_send("behind it").map_err(Error::from), Err(Error::Full));
    stream.send("behind it").await.unwrap();
    assert!(stream.buffered_amount() <= (128 << 10) + 9, "{} bytes", stream.buffered_amount());
    stream.close().await.unwrap();
}

// The low water mark is 32 KiB, even if the options have a higher one.
#[apply(browser_test)]
async fn senders_go_on_when_32_kib_are_unsent() {
    let mut stream = connect("/sink").await;
    while stream.try_send(vec![0; 1 << 10]).is_ok() {}
    assert!(stream.buffered_amount() > 64 << 10, "{} bytes", stream.buffered_amount());
    stream.ready().await.unwrap();
    assert!(stream.buffered_amount() <= 32 << 10, "{} bytes", stream.buffered_amount());
    stream.close().await.unwrap();
}

// The bound is exact: the queue holds fewer bytes than `read_ahead` and one message together.
#[apply(browser_test)]
async fn no_more_is_read_than_read_ahead_and_a_message() {
    let mut stream = connect_with("/echo", &Options::new().read_ahead(35)).await;
    assert_eq!(stream.transport(), Transport::Streams);
    let arrived = arrival(&stream, 4);
    send_all(&mut stream, 100).await;
    arrived.await;
    turn(50).await;
    // These are taken within one turn of the event loop, so that no more messages can arrive.
    for number in 0..4 {
        assert_eq!(stream.next().now_or_never(), Some(Some(Ok(Message::Binary(vec![number; 10])))));
    }
    assert!(stream.next().now_or_never().is_none());
    for number in 4..100 {
        assert_eq!(next(&mut stream).await, Message::Binary(vec![number; 10]));
    }
    assert!(stream.close().await.unwrap().was_clean);
}

#[apply(browser_test)]
async fn by_default_2_mib_are_read_ahead() {
    let mut stream = connect("/echo").await;
    let arrived = arrival(&stream, 21);
    for _ in 0..22 {
        stream.send(vec![0; 100_000]).await.unwrap();
    }
    arrived.await;
    turn(50).await;
    // 20 of these messages are less than 2 MiB, and 21 are more.
    let mut taken = 0;
    while let Some(Some(Ok(_))) = stream.next().now_or_never() {
        taken += 1;
    }
    assert_eq!(taken, 21);
    assert!(stream.close().await.unwrap().was_clean);
}

// With a `read_ahead` of 0, or a receive limit of one message, messages still arrive, one by one.
#[apply(browser_test)]
async fn a_read_ahead_of_zero_is_one_message_at_a_time() {
    for options in [Options::new().read_ahead(0), Options::new().receive_limit_messages(1)] {
        let mut stream = connect_with("/echo", &options).await;
        send_all(&mut stream, 50).await;
        for number in 0..50 {
            assert_eq!(next(&mut stream).await, Message::Binary(vec![number; 10]));
        }
        assert!(stream.close().await.unwrap().was_clean);
    }
}

// The last message fills the queue, so that reading pauses, but the reader takes it at once. Nothing can be missing.
#[apply(browser_test)]
async fn an_end_behind_a_message_that_is_taken_at_once_is_clean() {
    for (path, read_ahead) in [("/flood/1/10", 0), ("/flood/1/3000000", 2 << 20)] {
        for _ in 0..10 {
            let mut stream = connect_with(path, &Options::new().read_ahead(read_ahead)).await;
            next(&mut stream).await;
            assert_eq!(stream.next().await, None, "{path}");
        }
    }
}

// M22: if the peer closes while nobody reads, Chromium drops messages that it has buffered. Such an end is not clean.
#[apply(browser_test)]
async fn an_end_that_may_have_lost_messages_is_an_error() {
    for (path, pause) in [("/flood/100/10", 100), ("/flood/100/10000", 5), ("/flood/3/10", 100)] {
        let mut stream = connect_with(path, &Options::new().read_ahead(0)).await;
        let (mut taken, mut end) = (0, None);
        while let Some(item) = stream.next().await {
            match item {
                Ok(message) => assert_eq!(message.as_bytes().unwrap()[0], taken),
                Err(error) => end = Some(error),
            }
            taken += u8::from(end.is_none());
            turn(pause).await;
        }
        let all = path.split('/').nth(2).unwrap().parse().unwrap();
        let event = stream.close_event().unwrap();
        assert_eq!((event.code, event.was_clean), (1000, end.is_none()));
        assert!(taken == all || end == Some(Error::Unclean(event)), "{taken} of {path}: {end:?}");
        if taken < all {
            deviation("M22", "over streams, drops unread messages when the peer closes");
        }
    }
}

#[apply(browser_test)]
async fn a_policy_that_drops_keeps_reading() {
    let options = Options::new().read_ahead(0).receive_limit_messages(1).overflow(Overflow::DropOldest);
    let mut stream = connect_with("/flood/100/4", &options).await;
    stream.closed().await.unwrap();
    assert_eq!(next(&mut stream).await.as_bytes().unwrap()[0], 99);
    assert_eq!((stream.next().await, stream.dropped()), (None, 99));
}

// C01, L01: the peer's Close frame comes after messages that nobody reads.
#[apply(browser_test)]
async fn a_close_does_not_wait_for_what_is_unread() {
    let count = &mut Count::new().await;
    for is_dropped in [false, true] {
        let path = count.path("/flood/1000/10000");
        let mut stream = connect_with(&path, &Options::new().read_ahead(0)).await;
        arrival(&stream, 1).await;
        if is_dropped {
            drop(stream);
        } else {
            assert!(stream.close().await.unwrap().was_clean);
            // Messages that arrived before the close can still be taken.
            assert_eq!(next(&mut stream).await.len(), 10_000);
            assert_eq!(stream.next().await, None);
        }
        count.becomes(0).await;
    }
}

// C17: the server stops reading while nobody takes its answers. The page has to read them, so that its messages go out.
#[apply(browser_test)]
async fn a_close_sends_what_waits_for_a_peer_that_is_not_read_from() {
    let count = &mut Count::new().await;
    let mut stream = connect_with(&count.path("/echo"), &Options::new().read_ahead(0)).await;
    let mut sent = 0;
    while let Either::Left((result, _)) = select(pin!(stream.send(vec![0; CHUNK])), pin!(turn(500))).await {
        result.unwrap();
        sent += 1;
        // The simulated server does not stop reading.
        if sent == 1000 && cfg!(not(target_arch = "wasm32")) {
            break;
        }
    }
    assert!(stream.close().await.unwrap().was_clean);
    assert_eq!(count.ended().await, format!("{sent} received, closed with 1005"));
}

thread_local!(static TASK: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>> = const { RefCell::new(None) });

/// Polls [`TASK`] in the call that wakes it, as some executors do.
struct AtOnce;

impl Wake for AtOnce {
    fn wake(self: Arc<Self>) {
        if let Some(mut task) = TASK.take() {
            if task.as_mut().poll(&mut Context::from_waker(&Waker::from(self))).is_pending() {
                TASK.set(Some(task));
            }
        }
    }
}

// L01: the call that tells a sender that its last message was sent may send another one, and drop the connection.
#[apply(browser_test)]
async fn a_connection_that_is_dropped_in_a_wake_is_closed() {
    let count = &mut Count::new().await;
    let mut stream = connect(&count.path("/sink")).await;
    TASK.set(Some(Box::pin(async move {
        for _ in 0..3 {
            stream.send(vec![0; 1 << 20]).await.unwrap();
        }
    })));
    Waker::from(Arc::new(AtOnce)).wake();
    assert_eq!(count.ended().await, "3 received, closed with 1005");
}

/// Sends slices to a peer that does not read, in a task that is polled in the call that wakes it. Returns a future of the error with
/// which the slices end.
async fn slices_that_wait(stream: &WebSocketStream) -> impl Future<Output = Error> + use<> {
    let (end, ended) = futures_channel::oneshot::channel();
    let mut slices = stream.send_slices(Blob::new(&vec![0; 32 << 20], ""), 64 << 10);
    TASK.set(Some(Box::pin(async move {
        while let Some(slice) = slices.next().await {
            if let Err(error) = slice {
                return end.send(error).unwrap();
            }
        }
    })));
    Waker::from(Arc::new(AtOnce)).wake();
    turn(300).await;
    async { ended.await.unwrap() }
}

#[apply(browser_test)]
async fn slices_of_a_preamble_end_with_its_connection() {
    let ended = Rc::new(RefCell::new(None));
    let slot = ended.clone();
    let options = ReconnectOptions::new().connection(Options::new().transport(crate::TRANSPORT));
    let options = options.on_open(async move |stream, _| {
        let waiting = slices_that_wait(stream).await;
        slot.borrow_mut().get_or_insert(waiting);
        Ok(())
    });
    let feed = Reconnecting::new(options, async || Ok(Target::new(url("/stall"))));
    feed.states().any(async |state| state == State::Open).await;
    drop(feed);
    let ended = ended.take().unwrap();
    assert!(matches!(ended.await, Error::NotOpen(_)));
}

#[cfg(target_arch = "wasm32")] // the object is the browser's
#[apply(browser_test)]
async fn slices_end_when_the_object_is_given_away() {
    let stream = connect("/stall").await;
    let ended = slices_that_wait(&stream).await;
    let raw = stream.into_raw();
    assert_eq!(ended.await, Error::NotOpen(ReadyState::Closed));
    drop(raw);
}

#[apply(browser_test)]
async fn a_flush_waits_for_an_empty_blob() {
    let mut stream = connect("/echo").await;
    stream.send(Blob::new(b"", "")).await.unwrap();
    // The simulated browser has the bytes at once.
    if cfg!(target_arch = "wasm32") {
        assert!(stream.flush().now_or_never().is_none());
    }
    stream.flush().await.unwrap();
    assert_eq!(stream.buffered_amount(), 0);
    assert_eq!(next(&mut stream).await, Message::Binary(Vec::new()));
}

#[cfg(target_arch = "wasm32")] // the object is the browser's
#[apply(browser_test)]
async fn what_was_sent_before_the_object_is_given_away_goes_out() {
    let mut stream = connect("/echo").await;
    stream.send(Blob::new(b"blob", "")).await.unwrap();
    stream.send("behind it").await.unwrap();
    let new_owner = super::suite::guard::js_function(
        "async stream => {
            const { readable, writable } = await stream.opened;
            const reader = readable.getReader();
            const echoes = [new TextDecoder().decode((await reader.read()).value), (await reader.read()).value];
            writable.getWriter().write('new owner');
            echoes.push((await reader.read()).value);
            stream.close();
            return echoes.join();
        }",
    );
    let echoes = new_owner.call1(&wasm_bindgen::JsValue::NULL, &stream.into_raw()).unwrap();
    let echoes = wasm_bindgen::JsCast::unchecked_into::<js_sys::Promise>(echoes).await.unwrap();
    assert_eq!(echoes.as_string().unwrap(), "blob,behind it,new owner");
}

// Chromium crashes if a stream is closed while messages wait in it.
#[apply(browser_test)]
async fn a_blob_that_cannot_be_read_does_not_drop_the_messages_before_it() {
    let Some(blob) = unreadable_blob().await else { return deviation("S24", "has no files to remove here") };
    let count = &mut Count::new().await;
    let mut stream = connect_with(&count.path("/late/2000"), &Options::new()).await;
    let mut sent = 0;
    while let Either::Left((result, _)) = select(pin!(stream.send(vec![0; 8 << 10])), pin!(turn(100))).await {
        result.unwrap();
        sent += 1;
    }
    Pin::new(&mut stream).start_send(Message::Blob(blob)).unwrap();
    turn(200).await;
    assert_eq!(stream.ready_state(), ReadyState::Closed);
    drop(stream);
    let received = count.ended().await;
    // The simulated browser loses the connection at once, as over events.
    if cfg!(target_arch = "wasm32") {
        assert_eq!(received, format!("{sent} received, closed with 1005"));
    }
}

// The code of a `close_with` after a Blob would tell the peer that the Blob was sent.
#[apply(browser_test)]
async fn a_blob_that_cannot_be_read_is_not_followed_by_the_code_of_a_close() {
    let Some(blob) = unreadable_blob().await else { return deviation("S24", "has no files to remove here") };
    let count = &mut Count::new().await;
    let mut stream = connect(&count.path("/echo")).await;
    stream.send("one").await.unwrap();
    assert_eq!(next(&mut stream).await, "one".into());
    stream.send(blob).await.unwrap();
    let event = stream.close_with(4000, "complete").await.unwrap();
    assert!(!event.was_clean);
    let received = count.ended().await;
    // The simulated browser loses the connection at once, as over events.
    if cfg!(target_arch = "wasm32") {
        assert_eq!(received, "1 received, closed with 1005");
    }
}

// C26: the loss is reported before the queue is read, since nothing more can arrive.
#[apply(browser_test)]
async fn a_loss_is_reported_although_nobody_reads() {
    let key = random();
    let mut stream = connect_with(&format!("/fault/reset-by/{key}"), &Options::new().read_ahead(0)).await;
    let arrived = arrival(&stream, 1);
    stream.send("one").await.unwrap();
    arrived.await;
    stream.flush().await.unwrap();
    drop(connect(&format!("/fault/reset-now/{key}")).await);
    assert!(!stream.closed().await.unwrap().was_clean);
    assert_eq!(next(&mut stream).await, "one".into());
    assert!(matches!(stream.next().await, Some(Err(Error::Unclean(_)))));
}

#[apply(browser_test)]
async fn a_receiver_that_is_dropped_lets_the_browser_read_on() {
    let (sender, receiver) = connect_with("/flood/1000/1000", &Options::new().read_ahead(0)).await.split();
    drop(receiver);
    assert!(sender.closed().await.unwrap().was_clean);
}

#[apply(browser_test)]
async fn a_reconnecting_makes_the_peer_wait_too() {
    let key = random();
    let url = url(&format!("/flood/{}/{CHUNK}?{key}", (64 << 20) / CHUNK));
    let options = Options::new().transport(crate::TRANSPORT).read_ahead(100_000);
    let options = ReconnectOptions::new().connection(options);
    let mut feed = Reconnecting::new(options, async move || Ok(Target::new(&url)));
    for number in 0..10_u32 {
        let message = feed.next().await.unwrap().unwrap();
        assert_eq!(message.as_bytes().unwrap()[..4], number.to_le_bytes());
    }
    turn(300).await;
    assert!(sent(key).await <= BUFFERS + (20 * CHUNK) as u64);
    for number in 10..500_u32 {
        let message = feed.next().await.unwrap().unwrap();
        assert_eq!(message.as_bytes().unwrap()[..4], number.to_le_bytes());
    }
    assert_eq!(feed.dropped(), 0);
}

// `WebSocket` connects over events only.
#[apply(browser_test)]
async fn a_socket_of_events_does_not_connect_by_streams() {
    let by = |transport| WebSocket::with_options(&url("/echo"), &Options::new().transport(transport)).map(drop);
    assert_eq!((by(Transport::Streams), by(Transport::Best)), (Err(Error::Unsupported), Ok(())));
}

// C20, N35: a dropped attempt is aborted. The server sees this, and the next attempt need not wait.
#[apply(browser_test)]
async fn an_attempt_that_is_dropped_is_aborted() {
    let options = Options::new().transport(Transport::Streams);
    for _ in 0..3 {
        assert!(options.connect(&url("/hang")).now_or_never().is_none());
    }
    // Chromium connects to a server one connection after the other: behind an attempt that was not aborted, this one times out.
    drop(connect("/echo").await);
    let timeout = Duration::from_millis(20);
    let error = options.connect_timeout(timeout).connect(&url("/hang")).await.unwrap_err();
    assert_eq!(error, Error::ConnectTimeout { url: url("/hang"), timeout });
}

//! Sending messages.

use std::borrow::Cow;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::join;
use futures_util::{SinkExt, StreamExt, TryStreamExt, poll};
use macro_rules_attribute::apply;
use wasm_websocket::{BinaryType, Blob, Error, Message, Options, Payload, ReadyState, WebSocket, WebSocketStream};

use super::events::{Event, events};
use super::guard::{
    Clock, block, browsers_amount, deviation, is_webkit, random, skipped, stop_task, turn, unreadable_blob,
};
use super::peer::{connect, connect_with, crashes_with_unsent, next, settled, url};

pub async fn assert_echo(stream: &mut WebSocketStream, payload: impl Payload, expected: impl Into<Message>) {
    stream.send(payload).await.unwrap();
    assert_eq!(next(stream).await, expected.into());
}

// S02, S03, L18: the build with shared memory runs this test, too.
#[apply(browser_test)]
async fn everything_that_a_browser_can_send_arrives() {
    let stream = &mut connect("/echo").await;
    let bytes = vec![1, 2, 3, 255];

    assert_echo(stream, "text", "text").await;
    assert_echo(stream, "", "").await;
    assert_echo(stream, String::from("owned"), "owned").await;
    assert_echo(stream, &bytes, bytes.clone()).await;
    assert_echo(stream, bytes.as_slice(), bytes.clone()).await;
    assert_echo(stream, b"bytes", b"bytes".to_vec()).await;
    assert_echo(stream, Message::from("message"), "message").await;
    assert_echo(stream, Blob::new(&bytes, ""), bytes.clone()).await;
    assert_echo(stream, Message::Blob(Blob::new(&bytes, "")), bytes.clone()).await;
    assert_echo(stream, Blob::new(b"", ""), Vec::new()).await;
    assert_echo(stream, Cow::Borrowed("text"), "text").await;
    assert_echo(stream, Box::<str>::from("text"), "text").await;
    assert_echo(stream, Rc::<[u8]>::from(&*bytes), bytes.clone()).await;
    assert_echo(stream, Arc::<str>::from("text"), "text").await;
    assert_echo(stream, bytes::Bytes::from(bytes.clone()), bytes.clone()).await;
}

// S08
#[apply(browser_test)]
async fn what_is_sent_after_a_blob_arrives_after_it() {
    let stream = &mut connect("/echo").await;
    assert!(poll!(pin!(stream.send(Blob::new(&vec![9; 500_000], "")))).is_ready());
    assert_eq!(stream.buffered_amount(), 500_000);
    stream.send("after").await.unwrap();
    assert_eq!(next(stream).await, vec![9; 500_000].into());
    assert_eq!(next(stream).await, "after".into());
}

// S05, S06, S17, S18, S21: each message adds the bytes of its payload at once, and the amount never falls within the same task.
#[apply(browser_test)]
async fn the_buffered_amount_counts_bytes() {
    let mut stream = connect("/echo").await;
    let mut expected = 0;
    for (text, len) in [("¥¥¥¥¥¥", 12), ("", 0), (&*"x".repeat(65_000), 65_000)] {
        assert!(poll!(pin!(stream.send(text))).is_ready());
        expected += len;
        assert_eq!(stream.buffered_amount(), expected);
    }
    // A synchronous request, for which the browser stops the task, does not change the amount, either.
    stop_task();
    assert_eq!(stream.buffered_amount(), expected);
    // The amount falls in a later task.
    stream.flush().await.unwrap();
    assert_eq!(stream.buffered_amount(), 0);
}

// S01
#[apply(browser_test)]
async fn sending_while_connecting_hands_the_message_back() {
    let socket = WebSocket::new(&url("/hang")).unwrap();
    let unsent = socket.send(String::from("early")).unwrap_err();
    assert_eq!((unsent.message.as_str(), unsent.error), ("early", Error::NotOpen(ReadyState::Connecting)));
    assert_eq!(socket.buffered_amount(), 0);
    socket.close();
    settled().await;
}

// S15: browsers themselves would accept the message and discard it.
#[apply(browser_test)]
async fn sending_after_close_hands_the_message_back() {
    let mut stream = connect("/echo").await;
    assert!(poll!(pin!(stream.close())).is_pending());
    let unsent = stream.send(vec![1, 2]).await.unwrap_err();
    assert_eq!((unsent.message, unsent.error), (vec![1, 2], Error::NotOpen(ReadyState::Closing)));
    stream.close().await.unwrap();
    let unsent = stream.send("late").await.unwrap_err();
    assert_eq!((unsent.message, unsent.error), ("late", Error::NotOpen(ReadyState::Closed)));
}

// S16: a page cannot know that the peer has already closed. So a message is "handed over", not "delivered".
#[apply(browser_test)]
async fn a_message_that_crosses_the_peers_close_is_accepted_and_lost() {
    let mut stream = connect("/frames/close").await;
    stream.send("now").await.unwrap();
    block(200.0);
    assert_eq!(stream.ready_state(), ReadyState::Open);
    assert!(matches!(poll!(pin!(stream.send("too late"))), Poll::Ready(Ok(()))));
    assert!(stream.buffered_amount() >= 8, "{}", stream.buffered_amount());
    // The message that crossed the close is lost. WebKit may call such a close unclean.
    let event = match stream.next().await {
        Some(Err(Error::Unclean(event))) if is_webkit() => event,
        end => {
            assert_eq!(end, None);
            stream.close_event().unwrap()
        }
    };
    assert!(event.code == 4000 || !event.was_clean, "{event}");
}

/// Returns a connection that was reset while nearly all of 20 MiB was unsent.
async fn lost() -> WebSocketStream {
    let mut stream = connect("/reset").await;
    stream.send(vec![0; 20 << 20]).await.unwrap();
    assert!(!stream.closed().await.unwrap().was_clean);
    stream
}

// S19: some browsers forget the unsent bytes instead: Chromium does most of the time.
#[apply(browser_test)]
async fn unsent_bytes_stay_counted_after_the_end() {
    if crashes_with_unsent() {
        return skipped(TEST);
    }
    for _ in 0..8 {
        let stream = lost().await;
        assert_eq!(stream.ready_state(), ReadyState::Closed);
        let amount = stream.buffered_amount();
        if amount == 0 {
            deviation("S19", "forgets unsent bytes");
        }
        settled().await;
        assert_eq!(stream.buffered_amount(), amount);
    }
}

// S19, S27: flush fails whether or not the browser still counts the unsent bytes.
#[apply(browser_test)]
async fn flush_fails_if_messages_are_lost() {
    if crashes_with_unsent() {
        return skipped(TEST);
    }
    for _ in 0..3 {
        let mut stream = lost().await;
        assert_eq!(stream.flush().await, Err(Error::NotOpen(ReadyState::Closed)));

        let mut stream = connect("/reset").await;
        stream.send(vec![0; 20 << 20]).await.unwrap();
        let result = stream.flush().await;
        assert!(result == Err(Error::NotOpen(ReadyState::Closed)) || is_webkit() && result.is_ok(), "{result:?}");
    }
}

// S27: messages that had left the page before the end are not lost.
#[apply(browser_test)]
async fn flush_succeeds_after_the_end_if_nothing_was_unsent() {
    let mut stream = connect("/close/1000").await;
    stream.closed().await.unwrap();
    assert_eq!(stream.flush().await, Ok(()));

    let key = random();
    for text in ["something", ""] {
        let mut stream = connect(&format!("/fault/reset-by/{key}")).await;
        stream.send("flushed").await.unwrap();
        assert_eq!(stream.flush().await, Ok(()));
        assert_eq!(next(&mut stream).await, "flushed".into());
        let mut other = connect(&format!("/fault/reset-by/{key}")).await;
        other.send(text).await.unwrap();
        assert_eq!(next(&mut other).await, text.into());
        drop(connect(&format!("/fault/reset-now/{key}")).await);
        assert!(!stream.closed().await.unwrap().was_clean);
        assert_eq!(stream.flush().await, Ok(()));
        // Nobody looked at the unsent bytes of this connection while it was open, so the message may be lost.
        other.closed().await.unwrap();
        assert_eq!(other.flush().await, Err(Error::NotOpen(ReadyState::Closed)));
    }
}

// S20: the number of unsent bytes exceeds 32 bits. The browser holds at most one copy, since all messages are the same Blob.
#[apply(browser_test)]
async fn the_buffered_amount_has_64_bits() {
    // WebKit counts in 32 bits. It reads each of these Blobs into memory, also after the end of the test: on a busy machine, the next
    // test had to wait too long for that.
    if is_webkit() {
        return skipped(TEST);
    }
    let socket = WebSocket::new(&url("/stall/10000")).unwrap();
    assert_eq!(events(&socket).next().await, Some(Event::Open));
    let part = Blob::new(&vec![0; 64 << 20], "");
    for _ in 0..65 {
        socket.send(&part).unwrap();
    }
    let amount = browsers_amount(&socket);
    assert_eq!(socket.buffered_amount(), amount);
    if amount <= u32::MAX.into() {
        deviation("S20", "counts in 32 bits");
    }
}

// S23
#[apply(browser_test)]
async fn many_messages_to_a_peer_that_reads_later_arrive() {
    let mut stream = connect("/late/300").await;
    for _ in 0..50 {
        stream.send(vec![1; 65_536]).await.unwrap();
    }
    stream.send("report").await.unwrap();
    let Message::Text(report) = next(&mut stream).await else { panic!("no report") };
    assert!(report.starts_with(r#"{"count":50,"bytes":3276800,"#), "{report}");
}

// S24: no error reports this in time. But nothing hangs, and a later message arrives or is an error.
#[apply(browser_test)]
async fn a_blob_that_cannot_be_read_does_not_hang_the_connection() {
    let Some(blob) = unreadable_blob().await else { return deviation("S24", "has no files to remove here") };
    let mut stream = connect("/echo").await;
    stream.send(&blob).await.unwrap();
    turn(200).await;
    match stream.send("after").await {
        Ok(()) => {
            let message = stream.try_next().await;
            deviation("S24", &format!("goes on, with {message:?}"));
        }
        Err(unsent) => {
            assert_eq!((unsent.message, unsent.error), ("after", Error::NotOpen(ReadyState::Closed)));
            let event = stream.close_event().unwrap();
            assert_eq!(stream.next().await, Some(Err(Error::Unclean(event.clone()))));
            deviation("S24", &format!("ends the connection with {event}"));
        }
    }
}

// S25
#[apply(browser_test)]
async fn large_messages_go_round() {
    let mut stream = connect_with("/echo", &Options::new().binary_type(BinaryType::Blob)).await;
    for len in [16 << 20, 64 << 20] {
        stream.send(Blob::new(&vec![3; len as usize], "")).await.unwrap();
        let Message::Blob(blob) = next(&mut stream).await else { panic!("no blob") };
        assert_eq!(blob.len(), len);
        assert_eq!(blob.slice(len - 2..).bytes().await.unwrap(), [3, 3]);
    }
}

// S26
#[apply(browser_test)]
async fn senders_wait_above_the_high_water_mark_and_fail_when_the_connection_closes() {
    if crashes_with_unsent() {
        return skipped(TEST);
    }
    // While the clock stands still, no timer counts as late. Late timers would raise the high water mark.
    let _clock = Clock::stopped();
    let key = random();
    let mut stream = connect_with(&format!("/fault/stall-by/{key}"), &Options::new().high_water_mark(100_000)).await;
    let chunk = vec![0; 100_000];
    let send = async {
        loop {
            match stream.send(&chunk).await {
                Ok(()) => assert!(stream.buffered_amount() <= 200_000),
                Err(unsent) => break unsent,
            }
        }
    };
    // The server never reads, and resets the connection while `send` waits.
    let (unsent, _) = join(send, connect(&format!("/fault/reset-now/{key}"))).await;
    assert_eq!((unsent.message, unsent.error), (&chunk, Error::NotOpen(ReadyState::Closed)));
}

// S26: the `Sink` is not ready above the high water mark, either.
#[apply(browser_test)]
async fn the_sink_waits_above_the_high_water_mark() {
    if crashes_with_unsent() {
        return skipped(TEST);
    }
    let _clock = Clock::stopped();
    let key = random();
    let mut stream = connect_with(&format!("/fault/stall-by/{key}"), &Options::new().high_water_mark(100_000)).await;
    let feed = async {
        loop {
            match stream.feed(Message::Binary(vec![0; 100_000])).await {
                Ok(()) => assert!(stream.buffered_amount() <= 200_000),
                Err(error) => break error,
            }
        }
    };
    let (error, _) = join(feed, connect(&format!("/fault/reset-now/{key}"))).await;
    assert_eq!(error, Error::NotOpen(ReadyState::Closed));
}

// S26: the sender continues when the peer has read.
#[apply(browser_test)]
async fn a_waiting_sender_goes_on_when_there_is_room() {
    let stream = &mut connect_with("/sink", &Options::new().high_water_mark(10_000).low_water_mark(0)).await;
    for _ in 0..50 {
        stream.send(&vec![5; 65_536]).await.unwrap();
    }
    stream.send("report").await.unwrap();
    let Message::Text(report) = next(stream).await else { panic!("no report") };
    assert!(report.starts_with(r#"{"count":50,"bytes":3276800,"#), "{report}");
}

// S18, S27, S28: the `Sink` has no queue of its own, so it waits for the network only when it is closed.
#[apply(browser_test)]
async fn the_sink_sends_flushes_and_closes() {
    let mut stream = connect("/echo").await;
    assert!(matches!(poll!(SinkExt::send(&mut stream, Message::Binary(vec![3; 300_000]))), Poll::Ready(Ok(()))));
    assert!(stream.buffered_amount() > 0);
    stream.flush().await.unwrap();
    assert_eq!(stream.buffered_amount(), 0);
    // Sending does not wait after `flush` has waited, either.
    for _ in 0..100 {
        assert!(matches!(poll!(SinkExt::send(&mut stream, "x".into())), Poll::Ready(Ok(()))));
    }
    SinkExt::close(&mut stream).await.unwrap();
    assert_eq!(stream.ready_state(), ReadyState::Closed);
    assert_eq!(SinkExt::send(&mut stream, "late".into()).await, Err(Error::NotOpen(ReadyState::Closed)));
    SinkExt::close(&mut stream).await.unwrap();
    stream.for_each(|_| async {}).await;
}

//! Blobs of any size in slices and chunks, and connections as byte streams.

use std::io::ErrorKind;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, StreamExt, TryStreamExt};
use macro_rules_attribute::apply;
use wasm_websocket::{BinaryType, Blob, Error, Message, Options, Overflow, ReadyState};

use super::guard::{arrival, is_webkit, skipped, turn, unreadable_blob};
use super::peer::{connect, connect_with, crashes_with_unsent, is_by_streams, next};

#[apply(browser_test)]
async fn lines_are_read_from_bytes_and_messages_follow() {
    let mut bytes = connect("/echo").await.into_byte_stream();
    bytes.write_all(b"one\ntw").await.unwrap();
    bytes.write_all(b"o\nrest").await.unwrap();
    let mut line = String::new();
    for expected in ["one\n", "two\n"] {
        line.clear();
        bytes.read_line(&mut line).await.unwrap();
        assert_eq!(line, expected);
    }
    assert_eq!(bytes.fill_buf().await.unwrap(), b"rest");
    // `consume` takes no more than the buffer holds, whatever the caller says.
    bytes.consume_unpin(usize::MAX);
    let mut stream = bytes.into_inner();
    stream.send("a message").await.unwrap();
    assert_eq!(next(&mut stream).await, "a message".into());
}

#[apply(browser_test)]
async fn slices_cover_the_blob_and_can_be_cancelled() {
    let mut stream = connect("/echo").await;
    let blob = Blob::new(b"0123456789", "");
    let progress: Vec<_> =
        stream.send_slices(blob.clone(), 4).map_ok(|progress| progress.sent).try_collect().await.unwrap();
    assert_eq!(progress, [4, 8, 10]);
    for part in ["0123", "4567", "89"] {
        assert_eq!(next(&mut stream).await, Message::Binary(part.into()));
    }
    // An empty Blob has no slices, and a length of 0 counts as 1.
    assert!(stream.send_slices(Blob::new(b"", ""), 4).next().await.is_none());
    assert_eq!(stream.send_slices(Blob::new(b"ab", ""), 0).count().await, 2);
    assert_eq!((next(&mut stream).await, next(&mut stream).await), (vec![b'a'].into(), vec![b'b'].into()));

    let mut slices = stream.send_slices(blob, 4);
    assert_eq!(slices.try_next().await.unwrap().unwrap().sent, 4);
    drop(slices);
    stream.send("go on").await.unwrap();
    assert_eq!((next(&mut stream).await, next(&mut stream).await), (Message::Binary("0123".into()), "go on".into()));
}

#[apply(browser_test)]
async fn slices_end_with_the_connection() {
    if crashes_with_unsent() || is_webkit() {
        return skipped(TEST);
    }
    let stream = connect_with("/stall/100", &Options::new().high_water_mark(100_000)).await;
    let mut slices = stream.send_slices(Blob::new(&vec![0; 40 << 20], ""), 1 << 20);
    let mut handed_over = 0;
    let error = loop {
        match slices.next().await.unwrap() {
            Ok(progress) => handed_over = progress.sent,
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::NotOpen(ReadyState::Closed));
    assert!((1 << 20..40 << 20).contains(&handed_over), "{handed_over}");
    assert!(slices.next().await.is_none());
}

#[apply(browser_test)]
async fn slices_are_cancelled_while_nothing_moves() {
    if crashes_with_unsent() || is_webkit() {
        return skipped(TEST);
    }
    let options = Options::new().high_water_mark(100_000).close_timeout(Duration::from_millis(50));
    let mut stream = connect_with("/stall", &options).await;
    let mut slices = stream.send_slices(Blob::new(&vec![0; 40 << 20], ""), 1 << 20);
    let mut handed_over = 0;
    while let Either::Left((progress, _)) = select(slices.try_next(), pin!(turn(100))).await {
        handed_over = progress.unwrap().unwrap().sent;
    }
    drop(slices);
    assert!((1 << 20..40 << 20).contains(&handed_over), "{handed_over}");
    // Now only the connection waits for the peer, and only until the close timeout.
    assert_eq!(stream.try_send("more").unwrap_err().error, Error::Full);
    assert_eq!(stream.close().await, Err(Error::CloseTimeout(Duration::from_millis(50))));
}

#[apply(browser_test)]
async fn a_blob_is_read_in_chunks() {
    let chunks: Vec<_> = Blob::new(b"0123456789", "").chunks(4).try_collect().await.unwrap();
    assert_eq!(chunks, [b"0123".to_vec(), b"4567".to_vec(), b"89".to_vec()]);
    assert!(Blob::new(b"", "").chunks(4).next().await.is_none());
    if let Some(blob) = unreadable_blob().await {
        let mut chunks = blob.chunks(4);
        assert!(matches!(chunks.next().await, Some(Err(Error::UnreadableBlob(_)))));
        assert!(chunks.next().await.is_none());
    }
}

#[apply(browser_test)]
async fn bytes_are_echoed_whatever_the_messages_are() {
    let mut bytes = connect("/echo").await.into_byte_stream();
    let written: Vec<u8> = (0..1_000_000).map(|index| (index * 7) as u8).collect();
    let mut read = vec![0; written.len()];
    let (mut reader, mut writer) = (&mut bytes).split();
    let write = async {
        writer.write_all(&written).await.unwrap();
        // An empty write sends no message.
        assert_eq!(writer.write(b"").await.unwrap(), 0);
        writer.flush().await.unwrap();
    };
    let (_, result) = futures_util::future::join(write, reader.read_exact(&mut read)).await;
    result.unwrap();
    drop((reader, writer));
    assert!(read == written, "other bytes came back");
    bytes.close().await.unwrap();
    // A page that closes first does not know whether the peer was still sending.
    assert_eq!(bytes.read(&mut read).await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    assert_eq!(bytes.write(b"late").await.unwrap_err().kind(), ErrorKind::NotConnected);
}

#[apply(browser_test)]
async fn an_empty_message_is_not_the_end_of_the_bytes() {
    let mut stream = connect_with("/echo", &Options::new().binary_type(BinaryType::Blob)).await;
    let all = arrival(&stream, 3);
    for message in [&b"ab"[..], b"", b"c"] {
        stream.send(message).await.unwrap();
    }
    // Blobs that arrived before `into_byte_stream` are read in order, too.
    all.await;
    let mut bytes = stream.into_byte_stream();
    let mut read = [0; 3];
    bytes.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"abc");
    bytes.write_all(b"d").await.unwrap();
    bytes.read_exact(&mut read[..1]).await.unwrap();
    assert_eq!(read[0], b'd');
}

#[apply(browser_test)]
async fn text_and_a_lost_connection_are_errors_of_a_byte_stream() {
    let mut bytes = connect("/ping").await.into_byte_stream();
    bytes.write_all(b"begin").await.unwrap();
    assert_eq!(bytes.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::InvalidData);

    let mut bytes = connect("/reset").await.into_byte_stream();
    bytes.write_all(b"now").await.unwrap();
    assert_eq!(bytes.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
}

// If bytes may be missing, for whatever reason, every read fails, not just the first.
#[apply(browser_test)]
async fn bytes_that_may_be_missing_are_an_error_for_ever() {
    let read = &mut [0; 8];
    // Over streams nothing overflows.
    if !is_by_streams() {
        let limited = Options::new().receive_limit(10).receive_limit_messages(1);
        let mut stream = connect_with("/echo", &limited).await;
        for message in [b"ab", b"cd"] {
            stream.send(message).await.unwrap();
        }
        drop(stream.closed().await);
        let mut bytes = stream.into_byte_stream();
        assert_eq!(bytes.read(read).await.unwrap(), 2);
        for _ in 0..2 {
            assert_eq!(bytes.read(read).await.unwrap_err().to_string(), Error::Overflow.to_string());
        }
    }

    for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
        let limited = Options::new().receive_limit(10).receive_limit_messages(1).overflow(overflow);
        let stream = connect_with("/flood/10/4", &limited).await;
        stream.closed().await.unwrap();
        let mut bytes = stream.into_byte_stream();
        for _ in 0..2 {
            assert_eq!(bytes.read(read).await.unwrap_err().to_string(), Error::Overflow.to_string());
        }
    }

    let silent = Options::new().close_timeout(Duration::from_millis(50));
    let mut bytes = connect_with("/stall", &silent).await.into_byte_stream();
    assert_eq!(bytes.close().await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(bytes.read(read).await.unwrap_err().kind(), ErrorKind::TimedOut);
}

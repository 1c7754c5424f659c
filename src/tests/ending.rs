//! Ends of connections in the simulated page: a possible loss is always an error.

use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::future::{Either, poll_fn, select};
use futures_util::stream::FusedStream;
use futures_util::{AsyncReadExt, FutureExt, Sink, SinkExt, StreamExt, join};

use super::in_pages;
use crate::testing::{Network, Page, Peer};
use crate::{
    Blob, CloseEvent, Error, Message, Options, Overflow, ReadyState, Receiver, SendError, Transport, WebSocket,
    WebSocketStream,
};

const URL: &str = "ws://example.com/";

async fn connect(page: &Page, options: &Options) -> (WebSocketStream, Peer) {
    let server = page.server(URL);
    let (stream, peer) = join!(options.connect(URL), server.accept());
    (stream.unwrap(), peer)
}

/// Receives messages and answers the Close frame, until the connection ends.
async fn read_on(mut peer: Peer) -> Vec<Message> {
    let mut received = Vec::new();
    while let Some(message) = peer.receive().await {
        received.push(message);
    }
    received
}

fn event(code: u16, was_clean: bool) -> CloseEvent {
    CloseEvent { code, reason: String::new(), was_clean }
}

/// Takes all items of a stream, and checks that it stays ended. Returns the number of messages and the error, the last item.
async fn items(receiver: &mut Receiver) -> (usize, Option<Error>) {
    let (mut messages, mut error) = (0, None);
    while let Some(item) = receiver.next().await {
        assert_eq!(error, None, "an item follows an error");
        match item {
            Ok(_) => messages += 1,
            Err(last) => error = Some(last),
        }
    }
    assert!(receiver.is_terminated());
    assert_eq!(receiver.next().now_or_never(), Some(None));
    (messages, error)
}

#[test]
fn a_stream_ends_with_an_error_if_the_connection_was_lost() {
    in_pages(async |page| {
        let (stream, mut peer) = connect(page, &Options::new()).await;
        let (_sender, mut receiver) = stream.split();
        (0..3).for_each(|_| peer.send("x"));
        page.sleep(Duration::from_millis(50)).await;
        peer.reset();
        assert_eq!(items(&mut receiver).await, (3, Some(Error::Unclean(event(1006, false)))));
        assert_eq!(receiver.close_event(), Some(event(1006, false)));
    });
}

#[test]
fn a_raw_message_stream_ends_with_the_same_error() {
    in_pages(async |page| {
        let (mut stream, peer) = connect(page, &Options::new()).await;
        peer.reset();
        assert_eq!(stream.next_raw().await, Some(Err(Error::Unclean(event(1006, false)))));
        assert_eq!(stream.next_raw().await, None);
    });
}

#[test]
fn a_stream_ends_without_an_error_if_the_close_was_clean() {
    in_pages(async |page| {
        let (stream, mut peer) = connect(page, &Options::new()).await;
        let (_sender, mut receiver) = stream.split();
        (0..3).for_each(|_| peer.send("x"));
        peer.close_with(4001, "");
        let (taken, _) = join!(items(&mut receiver), read_on(peer));
        assert_eq!(taken, (3, None));
        assert_eq!(receiver.close_event(), Some(event(4001, true)));

        let (stream, peer) = connect(page, &Options::new()).await;
        let (mut sender, mut receiver) = stream.split();
        let (taken, closed, _) = join!(items(&mut receiver), sender.close(), read_on(peer));
        assert_eq!((taken, closed), ((0, None), Ok(event(1005, true))));
    });
}

#[test]
fn a_stream_ends_with_the_timeout_of_a_close_that_was_not_answered() {
    in_pages(async |page| {
        let (stream, mut peer) = connect(page, &Options::new()).await;
        let (mut sender, mut receiver) = stream.split();
        peer.vanish();
        let timeout = Error::CloseTimeout(Duration::from_secs(5));
        let (taken, closed) = join!(items(&mut receiver), sender.close());
        assert_eq!((taken, closed), ((0, Some(timeout.clone())), Err(timeout)));
    });
}

#[test]
fn an_overflow_is_an_error_for_every_handle() {
    in_pages(async |page| {
        let options = Options::new().receive_limit(1000).receive_limit_messages(3).high_water_mark(1000);
        let (stream, mut peer) = connect(page, &options).await;
        let (mut sender, mut receiver) = stream.split();
        peer.set_stalled(true);
        sender.send(vec![0; 500_000]).await.unwrap();
        (0..5).for_each(|_| peer.send("x"));
        let (mut waits, mut flushes) = (sender.clone(), sender.clone());
        let mut slices = sender.send_slices(crate::Blob::new(b"z", ""), 1);
        let (waited, flushed, sliced, closed) =
            join!(waits.send("y"), flushes.flush(), slices.next(), receiver.closed(),);
        assert_eq!(waited, Err(SendError { message: "y", error: Error::Overflow }));
        assert_eq!((flushed, sliced), (Err(Error::Overflow), Some(Err(Error::Overflow))));
        assert_eq!(closed, Err(Error::Overflow));
        assert_eq!(sender.try_send("y").unwrap_err().error, Error::Overflow);
        assert_eq!(sender.ready().await, Err(Error::Overflow));
        assert_eq!(sender.feed("y".into()).await, Err(Error::Overflow));
        assert_eq!(sender.close().await, Err(Error::Overflow));
        assert_eq!(SinkExt::<Message>::close(&mut sender).await, Err(Error::Overflow));
        assert_eq!(items(&mut receiver).await, (3, Some(Error::Overflow)));
        peer.set_stalled(false);
        while peer.receive().await.is_some() {}
        assert_eq!(peer.closed_with(), Some((1005, "")));
        drop(peer);
        // The later end of the socket has no effect.
        page.sleep(Duration::from_millis(50)).await;
        assert_eq!(sender.ready_state(), ReadyState::Closed);
        assert_eq!((receiver.closed().await, receiver.close_event()), (Err(Error::Overflow), None));
    });
}

/// Reads to the end. Returns the number of bytes, and the kind of the error if reading fails.
async fn read_all(stream: WebSocketStream) -> (usize, Option<ErrorKind>) {
    let mut bytes = stream.into_byte_stream();
    let mut read = Vec::new();
    let error = bytes.read_to_end(&mut read).await.err().map(|error| error.kind());
    let again = bytes.read(&mut [0; 8]).await;
    assert_eq!(again.map_err(|error| error.kind()), error.map_or(Ok(0), Err), "another end, when asked again");
    (read.len(), error)
}

#[test]
fn a_complete_byte_stream_ends_without_an_error() {
    in_pages(async |page| {
        let (stream, mut peer) = connect(page, &Options::new()).await;
        (0..100).for_each(|_| peer.send(vec![0; 1000]));
        peer.close();
        let (read, _) = join!(read_all(stream), read_on(peer));
        assert_eq!(read, (100_000, None));
    });
}

#[test]
fn a_byte_stream_that_has_lost_messages_to_a_limit_is_an_error() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Close] {
        in_pages(async |page| {
            let options = Options::new().receive_limit(1000).receive_limit_messages(100).overflow(overflow);
            let (stream, mut peer) = connect(page, &options).await;
            (0..100).for_each(|_| peer.send(vec![0; 1000]));
            peer.close();
            let reads_late = async {
                page.sleep(Duration::from_secs(1)).await;
                read_all(stream).await
            };
            let ((read, error), _) = join!(reads_late, read_on(peer));
            assert_eq!(error, Some(ErrorKind::Other), "{read} of 100,000 bytes");
        });
    }
}

#[test]
fn a_byte_stream_that_waits_reports_messages_that_were_dropped() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
        in_pages(async |page| {
            let options = Options::new().receive_limit_messages(0).overflow(overflow);
            let (stream, mut peer) = connect(page, &options).await;
            let mut bytes = stream.into_byte_stream();
            peer.send(vec![0; 10]);
            // The peer neither sends more nor closes.
            let mut buffer = [0; 8];
            match select(pin!(bytes.read(&mut buffer)), pin!(page.sleep(Duration::from_secs(1)))).await {
                Either::Left((read, _)) => assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::Other)),
                Either::Right(_) => panic!("it waits for ever"),
            }
        });
    }
}

#[test]
fn a_sink_that_was_ready_reports_an_overflow() {
    in_pages(async |page| {
        let (stream, mut peer) = connect(page, &Options::new().receive_limit_messages(1)).await;
        let (mut sender, _receiver) = stream.split();
        poll_fn(|context| Pin::new(&mut sender).poll_ready(context)).await.unwrap();
        (0..2).for_each(|_| peer.send("x"));
        page.sleep(Duration::from_millis(50)).await;
        assert_eq!(Pin::new(&mut sender).start_send("y".into()), Err(Error::Overflow));
    });
}

#[test]
fn a_byte_stream_that_this_page_has_closed_first_is_an_error() {
    in_pages(async |page| {
        let (mut stream, mut peer) = connect(page, &Options::new()).await;
        (0..200).for_each(|_| peer.send(vec![0; 10_000]));
        page.sleep(Duration::from_millis(20)).await;
        let ((closed, read), _) = join!(
            async {
                let closed = stream.close().await;
                (closed, read_all(stream).await)
            },
            read_on(peer),
        );
        assert!(closed.is_ok_and(|event| event.was_clean) && read.0 < 2_000_000);
        assert_eq!(read.1, Some(ErrorKind::ConnectionAborted), "{} of 2,000,000 bytes", read.0);
    });
}

#[test]
fn a_byte_stream_that_the_peer_closes_first_ends_without_an_error() {
    in_pages(async |page| {
        let (mut stream, mut peer) = connect(page, &Options::new()).await;
        peer.send(vec![0; 1000]);
        peer.close();
        let until_closing = async {
            while stream.ready_state() == ReadyState::Open {
                page.sleep(Duration::from_millis(1)).await;
            }
            stream.close().await.unwrap();
            read_all(stream).await
        };
        let (read, _) = join!(until_closing, read_on(peer));
        assert_eq!(read, (1000, None));
    });
}

#[test]
fn a_socket_that_never_opened_has_not_lost_its_connection() {
    in_pages(async |page| {
        let _server = page.server(URL);
        let failed = || Error::ConnectFailed { url: URL.into(), code: 1006 };
        for listens_first in [true, false] {
            let socket = WebSocket::new(URL).unwrap();
            let (told, is_told) = futures_channel::oneshot::channel();
            let mut told = Some(told);
            let mut listen = || {
                let told = told.take().unwrap();
                socket.on_error(move |error| drop(told.send(error)))
            };
            let guard = if listens_first { Some(listen()) } else { None };
            socket.close();
            let guard = guard.unwrap_or_else(listen);
            assert_eq!(is_told.await, Ok(failed()), "{listens_first}");
            drop(guard);
        }
    });
}

// In Firefox, and over streams, one message is unsent until all of it has left.
#[test]
fn a_close_waits_for_an_upload_that_progresses() {
    in_pages(async |page| {
        for (as_sink, transport) in [(true, Transport::Events), (false, Transport::Events), (false, Transport::Best)] {
            page.set_network(Network { bandwidth: 400_000, ..Network::default() });
            let (mut stream, peer) = connect(page, &Options::new().transport(transport)).await;
            stream.send(vec![0; 4 << 20]).await.unwrap();
            let close = async {
                match as_sink {
                    true => SinkExt::close(&mut stream).await,
                    false => stream.close().await.map(|closed| assert_eq!(closed, event(1005, true))),
                }
            };
            let (closed, received) = join!(close, read_on(peer));
            assert_eq!((closed, received), (Ok(()), vec![vec![0; 4 << 20].into()]));
        }
    });
}

#[test]
fn a_close_times_out_if_no_unsent_bytes_leave() {
    in_pages(async |page| {
        // The timeout starts over once for each 512 KiB that are unsent.
        let lengths = [(500_000, 5), (0, 5), (1_500_000, 15)];
        for (as_sink, (unsent, seconds)) in [true, false].into_iter().flat_map(|sink| lengths.map(|len| (sink, len))) {
            let (mut stream, mut peer) = connect(page, &Options::new()).await;
            peer.set_stalled(true);
            stream.send(vec![0; unsent]).await.unwrap();
            page.sleep(Duration::from_secs(1)).await;
            let begun = page.elapsed();
            let closed = match as_sink {
                true => SinkExt::close(&mut stream).await,
                false => stream.close().await.map(drop),
            };
            let took = (page.elapsed() - begun).as_secs();
            assert_eq!((closed, took), (Err(Error::CloseTimeout(Duration::from_secs(5))), seconds));
            assert_ne!(stream.ready_state(), ReadyState::Open);
        }
    });
}

#[test]
fn a_closing_sink_waits_for_messages_that_others_send_meanwhile() {
    in_pages(async |page| {
        page.set_network(Network { bandwidth: 400_000, ..Network::default() });
        let (stream, peer) = connect(page, &Options::new()).await;
        let (mut sender, _receiver) = stream.split();
        let mut other = sender.clone();
        sender.send(vec![0; 1 << 20]).await.unwrap();
        let more = async {
            for _ in 0..200 {
                other.send(vec![1; 40_000]).await.unwrap();
            }
        };
        let (closed, (), received) = join!(SinkExt::<Message>::close(&mut sender), more, read_on(peer));
        assert_eq!((closed, received.len()), (Ok(()), 201));
    });
}

#[test]
fn messages_that_arrive_do_not_delay_the_timeout_of_a_closing_sink() {
    in_pages(async |page| {
        page.set_network(Network { window: 35_000, ..Network::default() });
        let (stream, mut peer) = connect(page, &Options::new().transport(Transport::Best)).await;
        peer.set_stalled(true);
        let (mut sender, mut receiver) = stream.split();
        (0..6).for_each(|_| sender.try_send(vec![0; 10_000]).unwrap());
        let begun = page.elapsed();
        let close = async { (SinkExt::<Message>::close(&mut sender).await, (page.elapsed() - begun).as_secs()) };
        let ticks = async {
            for _ in 0..60 {
                peer.send("tick");
                page.sleep(Duration::from_secs(1)).await;
            }
        };
        let (closed, ..) = join!(close, items(&mut receiver), ticks);
        assert_eq!(closed, (Err(Error::CloseTimeout(Duration::from_secs(5))), 10));
    });
}

#[test]
fn messages_of_unknown_length_do_not_delay_the_timeout_of_a_closing_sink() {
    in_pages(async |page| {
        page.set_network(Network { window: 35_000, ..Network::default() });
        let (stream, mut peer) = connect(page, &Options::new()).await;
        peer.set_stalled(true);
        let (mut sender, _receiver) = stream.split();
        (0..6).for_each(|_| sender.try_send(vec![0; 10_000]).unwrap());
        let (other, begun) = (sender.clone(), page.elapsed());
        let close = async { (SinkExt::<Message>::close(&mut sender).await, (page.elapsed() - begun).as_secs()) };
        let more = async {
            for _ in 0..60 {
                let _ = (other.try_send(""), other.try_send(Blob::new(b"x", "")));
                page.sleep(Duration::from_secs(1)).await;
            }
        };
        let (closed, ()) = join!(close, more);
        assert_eq!(closed, (Err(Error::CloseTimeout(Duration::from_secs(5))), 10));
    });
}

#[test]
fn a_closing_sink_waits_while_bytes_leave_although_others_send_more() {
    in_pages(async |page| {
        page.set_network(Network { bandwidth: 50_000, ..Network::default() });
        let (stream, peer) = connect(page, &Options::new().transport(Transport::Best)).await;
        let (mut sender, _receiver) = stream.split();
        let other = sender.clone();
        (0..2).for_each(|_| sender.try_send([0; 2_000]).unwrap());
        let more = async {
            let until = page.elapsed() + Duration::from_secs(20);
            while page.elapsed() < until {
                while other.try_send([1; 2_000]).is_ok() {}
                page.sleep(Duration::from_millis(10)).await;
            }
        };
        let (closed, (), _) = join!(SinkExt::<Message>::close(&mut sender), more, read_on(peer));
        assert_eq!(closed, Ok(()));
    });
}

#[test]
fn a_cancelled_close_of_the_sink_does_not_shorten_the_next() {
    in_pages(async |page| {
        let (stream, mut peer) = connect(page, &Options::new()).await;
        let (mut sender, _receiver) = stream.split();
        peer.set_stalled(true);
        sender.send(vec![0; 500_000]).await.unwrap();
        page.sleep(Duration::from_secs(1)).await;
        assert!(SinkExt::<Message>::close(&mut sender).now_or_never().is_none());
        peer.set_stalled(false);
        let again = async {
            page.sleep(Duration::from_secs(60)).await;
            sender.feed(vec![0; 600_000].into()).await.unwrap();
            SinkExt::<Message>::close(&mut sender).await
        };
        let (closed, received) = join!(again, read_on(peer));
        assert_eq!((closed, received.len()), (Ok(()), 2));
    });
}

#[test]
fn a_closing_sink_loses_no_message_that_arrives_while_it_flushes() {
    in_pages(async |page| {
        page.set_network(Network { bandwidth: 400_000, ..Network::default() });
        let (stream, mut peer) = connect(page, &Options::new()).await;
        let (mut sender, mut receiver) = stream.split();
        sender.send(vec![0; 400_000]).await.unwrap();
        let close = SinkExt::<Message>::close(&mut sender);
        let answer = async {
            page.sleep(Duration::from_millis(200)).await;
            peer.send("half of it");
            read_on(peer).await
        };
        let (closed, taken, received) = join!(close, items(&mut receiver), answer);
        assert_eq!((closed, taken, received.len()), (Ok(()), (1, None), 1));
    });
}

#[test]
fn a_sink_that_could_not_flush_before_the_peer_closed_is_an_error() {
    in_pages(async |page| {
        page.set_network(Network { bandwidth: 400_000, ..Network::default() });
        let (mut stream, mut peer) = connect(page, &Options::new()).await;
        peer.set_stalled(true);
        stream.send(vec![0; 1 << 20]).await.unwrap();
        peer.close();
        let reads_late = async {
            page.sleep(Duration::from_secs(1)).await;
            peer.set_stalled(false);
            read_on(peer).await
        };
        let (closed, _) = join!(SinkExt::close(&mut stream), reads_late);
        assert_eq!(closed, Err(Error::NotOpen(ReadyState::Closing)));
    });
}

//! Senders that wait, in the simulated page. The peer checks the order of messages.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, join, join_all, select};
use futures_util::{AsyncWriteExt, FutureExt, SinkExt, StreamExt, TryStreamExt, join, poll};

use super::in_pages;
#[cfg(feature = "streams")]
use crate::Transport;
use crate::codec::{Binary, Text};
use crate::testing::{self, Network, Page, Peer};
use crate::{Blob, Error, Message, Options, ReadyState, Receiver, Sender, WebSocketStream};

const URL: &str = "ws://example.com/";
const KIB: usize = 1 << 10;

/// Connects with a high water mark of 64 KiB and a low water mark of 16 KiB.
async fn connect(page: &Page, bandwidth: u64) -> (WebSocketStream, Peer) {
    page.set_network(Network { bandwidth, ..Network::default() });
    let server = page.server(URL);
    let options = Options::new().high_water_mark(64 << 10).low_water_mark(16 << 10);
    let (stream, peer) = join!(options.connect(URL), server.accept());
    (stream.unwrap(), peer)
}

/// Returns a message of `len` bytes with a name.
fn message(name: u8, len: usize) -> Vec<u8> {
    vec![name; len]
}

/// Returns the list to which the peer adds the names of the messages that it receives, until the connection ends.
fn names(page: &Page, mut peer: Peer) -> Rc<RefCell<Vec<u8>>> {
    let names = Rc::<RefCell<Vec<u8>>>::default();
    let received = Rc::clone(&names);
    page.spawn(async move {
        while let Some(message) = peer.receive().await {
            received.borrow_mut().extend(message.as_bytes().unwrap().first());
        }
    });
    names
}

/// Sends more than the high water mark, so that the next sender waits.
fn fill(sender: &Sender) {
    while sender.try_send(message(b'.', 8 * KIB)).is_ok() {}
}

async fn in_time<F: Future>(page: &Page, seconds: u64, future: F) -> Option<F::Output> {
    match select(pin!(future), pin!(page.sleep(Duration::from_secs(seconds)))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

#[test]
fn sending_through_the_sink_is_not_slower_after_a_wait() {
    in_pages(async |page| {
        let (mut stream, mut peer) = connect(page, 1_000_000).await;
        page.spawn(async move { while peer.receive().await.is_some() {} });
        SinkExt::send(&mut stream, vec![0; 200 * KIB].into()).await.unwrap();
        stream.flush().await.unwrap();
        let begun = page.elapsed();
        for _ in 0..100 {
            SinkExt::send(&mut stream, "x".into()).await.unwrap();
            stream.flush().await.unwrap();
        }
        assert!(page.elapsed() - begun < Duration::from_millis(1500), "{:?}", page.elapsed() - begun);
        let begun = page.elapsed();
        for _ in 0..100 {
            SinkExt::send(&mut stream, "x".into()).await.unwrap();
        }
        assert_eq!(page.elapsed(), begun);
    });
}

#[test]
fn sinks_and_byte_streams_flush_at_once() {
    in_pages(async |page| {
        let (stream, mut peer) = connect(page, 1_000_000).await;
        peer.set_stalled(true);
        let mut typed = stream.typed::<String, String, Text>();
        for _ in 0..3 {
            SinkExt::<String>::feed(&mut typed, "x".repeat(30 * KIB)).await.unwrap();
            assert_eq!(SinkExt::<String>::flush(&mut typed).now_or_never(), Some(Ok(())));
        }
        let mut bytes = typed.into_inner().into_byte_stream();
        assert!(bytes.write(&[0; 8]).now_or_never().is_none(), "there is no room");
        bytes.flush().now_or_never().unwrap().unwrap();
        assert!(bytes.get_ref().buffered_amount() > 0);
    });
}

#[test]
fn a_flush_includes_messages_that_are_sent_before_it_is_polled_again() {
    in_pages(async |page| {
        let (stream, peer) = connect(page, 1_000_000).await;
        let _names = names(page, peer);
        let (mut sender, _receiver) = stream.split();
        fill(&sender);
        let other = sender.clone();
        let mut flushing = pin!(sender.flush());
        assert!(poll!(&mut flushing).is_pending());
        // The flush was woken, but is not polled.
        page.sleep(Duration::from_millis(500)).await;
        assert_eq!(other.buffered_amount(), 0);
        fill(&other);
        assert!(poll!(&mut flushing).is_pending());
        assert_eq!(flushing.await, Ok(()));
        assert_eq!(other.buffered_amount(), 0);
    });
}

#[test]
fn try_send_does_not_starve_a_waiting_sender() {
    in_pages(async |page| {
        let (stream, peer) = connect(page, 1_000_000).await;
        let names = names(page, peer);
        let (mut waits, _receiver) = stream.split();
        let tries = waits.clone();
        page.spawn(async move { while waits.send(message(b'w', 8 * KIB)).await.is_ok() {} });
        for _ in 0..3_000 {
            let _ = tries.try_send(message(b't', 8 * KIB));
            page.sleep(Duration::from_millis(1)).await;
        }
        let waited = names.borrow().iter().filter(|name| **name == b'w').count();
        assert!(waited > 100 && waited * 2 > names.borrow().len(), "{waited} of {}", names.borrow().len());
    });
}

#[test]
fn try_send_is_full_while_others_wait() {
    in_pages(async |page| {
        let (stream, peer) = connect(page, 1_000_000).await;
        let names = names(page, peer);
        let (mut waits, _receiver) = stream.split();
        let later = waits.clone();
        fill(&waits);
        let tries = waits.clone();
        let mut sending = pin!(waits.send(message(b'w', 1)));
        assert!(poll!(&mut sending).is_pending());
        let is_full = || matches!(tries.try_send(message(b't', 1)), Err(unsent) if unsent.error == Error::Full);
        while tries.buffered_amount() > 48 << 10 {
            assert!(is_full());
            page.sleep(Duration::from_millis(1)).await;
        }
        assert!(poll!(&mut sending).is_pending(), "the low water mark is not reached");
        assert!(is_full());
        assert!(poll!(pin!(later.ready())).is_pending(), "a newcomer is behind it");
        sending.await.unwrap();
        assert_eq!(later.ready().await, Ok(()));
        assert!(!is_full());
        tries.clone().flush().await.unwrap();
        page.sleep(Duration::from_millis(50)).await;
        assert!(names.borrow().ends_with(b"wt"), "{:?}", names.borrow());
    });
}

/// Sends a message in one of the ways that wait.
async fn send_somehow(mut sender: Sender, name: u8) {
    let message = message(name, 20 * KIB);
    match name % 4 {
        0 => sender.send(message).await.unwrap(),
        1 => SinkExt::<Message>::send(&mut sender, message.into()).await.unwrap(),
        2 => drop(sender.send_slices(Blob::new(&message, ""), 64 << 10).try_next().await.unwrap()),
        _ => sender.typed::<Vec<u8>, Binary>().send(message).await.unwrap(),
    }
}

#[test]
fn senders_are_served_in_the_order_in_which_they_began_to_wait() {
    in_pages(async |page| {
        let (stream, peer) = connect(page, 1_000_000).await;
        let names = names(page, peer);
        let (mut sender, _receiver) = stream.split();
        fill(&sender);
        let before = names.borrow().len();
        join_all((0..40).map(|name| send_somehow(sender.clone(), name))).await;
        sender.flush().await.unwrap();
        page.sleep(Duration::from_millis(50)).await;
        let names = names.borrow();
        let order: Vec<_> = names[before..].iter().copied().filter(|name| *name != b'.').collect();
        assert_eq!(order, (0..40).collect::<Vec<_>>());
    });
}

#[test]
fn ready_resolves_in_the_order_of_the_line_and_reserves_nothing() {
    in_pages(async |page| {
        let (stream, peer) = connect(page, 1_000_000).await;
        let _names = names(page, peer);
        let (sender, _receiver) = stream.split();
        fill(&sender);
        let order = RefCell::new(Vec::new());
        let ready = async |name: u8, sender: Sender| {
            sender.ready().await.unwrap();
            order.borrow_mut().push(name);
        };
        join_all((0..10).map(|name| ready(name, sender.clone()))).await;
        assert_eq!(*order.borrow(), (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn the_connect_timeout_begins_when_the_future_is_first_polled() {
    in_pages(async |page| {
        let server = page.server(URL);
        let connecting = Options::new().connect_timeout(Duration::from_secs(1)).connect(URL);
        page.sleep(Duration::from_secs(5)).await;
        let (stream, _peer) = join!(connecting, server.accept());
        assert!(stream.is_ok(), "{stream:?}");
    });
}

#[test]
fn a_sender_that_gives_up_lets_the_next_sender_continue() {
    in_pages(async |page| {
        let (stream, peer) = connect(page, 1_000_000).await;
        let names = names(page, peer);
        let (sender, _receiver) = stream.split();
        for round in 0..5 {
            fill(&sender);
            // Two thirds of the senders give up, each at another time: while they wait, or when they are called.
            let patience =
                |name: u8| Duration::from_micros(if name % 3 == 0 { 1 << 30 } else { u64::from(name) * 2_500 });
            let sends = (0..30).map(|name| {
                let (sender, give_up) = (sender.clone(), page.sleep(patience(name + round)));
                async move { _ = select(pin!(send_somehow(sender, name)), pin!(give_up)).await }
            });
            assert!(in_time(page, 60, join_all(sends)).await.is_some(), "somebody waits for ever");
            sender.clone().flush().await.unwrap();
            page.sleep(Duration::from_millis(50)).await;
            let order: Vec<_> = names.take().into_iter().filter(|name| *name != b'.').collect();
            assert!(order.is_sorted(), "{order:?}");
        }
    });
}

#[test]
fn a_sender_that_finds_room_before_it_is_called_lets_the_next_sender_continue() {
    in_pages(async |page| {
        let (stream, peer) = connect(page, 100_000).await;
        let (sender, _receiver) = stream.split();
        let _names = names(page, peer);
        fill(&sender);
        let send = async |mut sender: Sender| {
            sender.send(message(b'x', 20 * KIB)).await.unwrap();
            page.elapsed()
        };
        let senders = pin!(join(send(sender.clone()), send(sender.clone())));
        // Both are polled each millisecond, before most looks.
        let ticks = pin!(async {
            for _ in 0..10_000 {
                page.sleep(Duration::from_millis(1)).await;
            }
        });
        let Either::Left(((first, second), _)) = select(senders, ticks).await else { panic!("nobody sends") };
        assert_eq!(first, second);
    });
}

/// Returns a connection to a peer that reads nothing, with more unsent bytes than the high water mark.
async fn stalled(page: &Page) -> (Sender, Receiver, Peer) {
    let (stream, mut peer) = connect(page, 100_000_000).await;
    peer.set_network(Network { bandwidth: 100_000_000, delay: Duration::from_millis(1), ..Network::default() });
    peer.set_stalled(true);
    stream.try_send(message(b'.', 300 * KIB)).unwrap();
    let (sender, receiver) = stream.split();
    (sender, receiver, peer)
}

/// Waits until looks follow every 50 ms, and the next look is 45 ms away.
async fn looks_become_rare(page: &Page) {
    page.sleep(Duration::from_millis(1 + 2 + 4 + 8 + 16 + 32 + 18 * 50 + 5)).await;
}

#[test]
fn looks_become_rare_while_nothing_leaves() {
    in_pages(async |page| {
        let (mut sender, _receiver, _peer) = stalled(page).await;
        let begun = page.turns();
        let ticks = async {
            for _ in 0..1000 {
                page.sleep(Duration::from_millis(1)).await;
            }
        };
        // A poll each millisecond does not cause looks.
        let looks = match select(pin!(sender.flush()), pin!(ticks)).await {
            Either::Left(_) => panic!("it is flushed"),
            Either::Right(_) => page.turns() - begun,
        };
        // The looks are in 4 turns, a few times, since the network takes a few bytes at first; then after 1, 2, 4, 8, 16 and 32 ms,
        // and up to 18 times after 50 ms. Each of the latter is a timer and a turn.
        assert!((4 + 40..4 * 4 + 50).contains(&looks), "{looks} turns");
    });
}

// In Firefox a message counts as unsent until all of it has left, so the network idles.
#[test]
fn after_a_large_message_senders_continue_before_the_network_idles() {
    let page = &Page::new();
    page.run(async {
        let (mut stream, peer) = connect(page, 1_000_000).await;
        let _names = names(page, peer);
        // The marks are 64 KiB and 16 KiB.
        for (len, continues_at) in [(65, 17), (100, 52), (1024, 64)] {
            stream.try_send(message(b'.', len * KIB)).unwrap();
            stream.ready().await.unwrap();
            let unsent = stream.buffered_amount();
            // In 16 ms, the longest time between two looks after progress, 16 kB leave.
            let expected = (continues_at - 17) * KIB as u64..=continues_at * KIB as u64;
            assert!(expected.contains(&unsent), "{unsent} bytes, after {len} KiB");
            stream.flush().await.unwrap();
        }
    });
}

#[test]
fn a_sender_behind_a_large_message_continues_before_the_network_idles() {
    let page = &Page::new();
    page.run(async {
        let (stream, peer) = connect(page, 1_000_000).await;
        let _names = names(page, peer);
        let (mut large, _receiver) = stream.split();
        let next = large.clone();
        next.try_send(message(b'.', 72 * KIB)).unwrap();
        let unsent = async {
            next.ready().await.unwrap();
            next.buffered_amount()
        };
        let (_, unsent) = join!(large.send(message(b'x', 1024 * KIB)), unsent);
        // As behind every large message: at the high water mark of 64 KiB.
        assert!((47 * KIB as u64..=64 * KIB as u64).contains(&unsent), "{unsent} bytes");
    });
}

#[test]
fn without_a_waiting_task_there_are_no_looks() {
    in_pages(async |page| {
        let (mut sender, _receiver, mut peer) = stalled(page).await;
        looks_become_rare(page).await;
        peer.set_stalled(false);
        let _names = names(page, peer);
        sender.send(message(b'x', 1)).await.unwrap();
        page.sleep(Duration::from_secs(1)).await;
        let begun = page.turns();
        page.sleep(Duration::from_secs(10)).await;
        assert_eq!((page.turns(), page.leftovers().timers), (begun, 0));
    });
}

#[cfg(feature = "streams")]
#[test]
fn over_streams_there_are_no_looks_while_a_task_waits() {
    in_pages(async |page| {
        let server = page.server(URL);
        let options = Options::new().transport(Transport::Best).high_water_mark(64 << 10);
        let (stream, peer) = join!(options.connect(URL), server.accept());
        let (stream, mut peer) = (stream.unwrap(), peer);
        if stream.transport() == Transport::Events {
            return;
        }
        peer.set_stalled(true);
        stream.try_send(message(b'.', 300 * KIB)).unwrap();
        let (mut sender, _receiver) = stream.split();
        let mut sending = pin!(sender.send(message(b'x', 1)));
        assert!(in_time(page, 1, &mut sending).await.is_none());
        assert_eq!(page.leftovers().timers, 0);
        peer.set_stalled(false);
        let _names = names(page, peer);
        assert!(in_time(page, 1, sending).await.is_some());
    });
}

#[test]
fn a_look_follows_at_once_when_a_sender_begins_to_wait_behind_a_flush() {
    in_pages(async |page| {
        let (mut sender, _receiver, mut peer) = stalled(page).await;
        let mut flushes = sender.clone();
        page.spawn(async move { flushes.flush().await.unwrap() });
        looks_become_rare(page).await;
        peer.set_stalled(false);
        let _names = names(page, peer);
        let sent = page.elapsed();
        sender.send(message(b'x', 1)).await.unwrap();
        assert!(page.elapsed() - sent < Duration::from_millis(30), "{:?}", page.elapsed() - sent);
    });
}

#[test]
fn a_sender_that_is_not_polled_when_a_message_arrives_blocks_others_for_at_most_a_turn() {
    in_pages(async |page| {
        let (mut sender, mut receiver, mut peer) = stalled(page).await;
        let mut sleepy_sender = sender.clone();
        let mut sleepy = Box::pin(sleepy_sender.send(message(b's', 1)));
        assert!(poll!(&mut sleepy).is_pending());
        looks_become_rare(page).await;
        page.spawn(async move {
            peer.set_stalled(false);
            peer.receive().await.unwrap();
            peer.send("got it");
            while peer.receive().await.is_some() {}
        });
        let answered = Rc::new(Cell::new(Duration::MAX));
        let (arrives, clock) = (Rc::clone(&answered), page.clone());
        page.spawn(async move {
            receiver.next().await.unwrap().unwrap();
            arrives.set(clock.elapsed());
        });
        sender.send(message(b'x', 1)).await.unwrap();
        let sent = page.elapsed();
        page.sleep(Duration::from_secs(1)).await;
        // The message may be sent before the answer arrives, if a look was due.
        let late_by = sent.saturating_sub(answered.get());
        assert!(late_by < Duration::from_millis(1), "{late_by:?}");
    });
}

#[test]
fn a_woken_sender_that_is_not_polled_does_not_block_others() {
    in_pages(async |page| {
        let (stream, peer) = connect(page, 1_000_000).await;
        let names = names(page, peer);
        let (sender, _receiver) = stream.split();
        fill(&sender);
        // A sink that is no longer used, and a future that is not polled.
        let mut sink = sender.clone();
        assert!(SinkExt::<Message>::feed(&mut sink, "lost".into()).now_or_never().is_none());
        let mut sleepy_sender = sender.clone();
        let mut sleepy = Box::pin(sleepy_sender.send(message(b's', 1)));
        assert!(poll!(&mut sleepy).is_pending());
        for name in 0..20 {
            let sent = in_time(page, 1, send_somehow(sender.clone(), name)).await;
            assert!(sent.is_some(), "{name} waits for ever");
        }
        // It has missed its turn, but can send without another.
        sender.clone().flush().await.unwrap();
        fill(&sender);
        let mut waits = sender.clone();
        let mut waiting = pin!(waits.send(message(b'w', 1)));
        assert!(poll!(&mut waiting).is_pending());
        while sender.buffered_amount() > 40 << 10 {
            page.sleep(Duration::from_millis(1)).await;
        }
        assert!(matches!(poll!(&mut sleepy), Poll::Ready(Ok(()))));
        waiting.await.unwrap();
        sender.clone().flush().await.unwrap();
        page.sleep(Duration::from_millis(50)).await;
        assert!(names.borrow().ends_with(b"sw"), "{:?}", names.borrow());
        // No timer is left for tasks that may never be polled.
        drop(sleepy);
        assert_eq!(page.leftovers().timers, 0);
    });
}

/// Counts the polls of a future.
async fn counted<F: Future>(polls: &Cell<usize>, future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(context)
    })
    .await
}

#[test]
fn messages_that_arrive_wake_no_sender_that_cannot_continue() {
    in_pages(async |page| {
        let (stream, mut peer) = connect(page, 12_500_000).await;
        let (sender, mut receiver) = stream.split();
        peer.set_stalled(true);
        sender.clone().send(vec![0; 512 * KIB]).await.unwrap();
        let polls = Rc::<Cell<usize>>::default();
        for name in 0..8 {
            let (sender, polls) = (sender.clone(), Rc::clone(&polls));
            page.spawn(async move { counted(&polls, send_somehow(sender, name)).await });
        }
        (0..2_000).for_each(|_| peer.send("x"));
        for _ in 0..2_000 {
            receiver.next().await.unwrap().unwrap();
        }
        assert_eq!(polls.get(), 8, "each is polled once, to begin to wait");
        peer.set_stalled(false);
        for _ in 0..9 {
            peer.receive().await.unwrap();
        }
        assert!(polls.get() <= 8 * 3, "{} polls of 8 senders", polls.get());
    });
}

#[test]
fn in_a_hidden_page_an_answer_lets_the_next_sender_continue() {
    in_pages(async |page| {
        let (stream, mut peer) = connect(page, 12_500_000).await;
        page.hide();
        page.sleep(Duration::from_secs(600)).await;
        page.spawn(async move {
            while peer.receive().await.is_some() {
                peer.send("got it");
            }
        });
        let (mut sender, mut receiver) = stream.split();
        let begun = page.elapsed();
        // In a task of its own, so that received messages do not poll the sender.
        page.spawn(async move { while receiver.next().await.is_some() {} });
        for _ in 0..100 {
            sender.send(vec![0; 100 * KIB]).await.unwrap();
        }
        assert!(page.elapsed() - begun < Duration::from_secs(2), "{:?}", page.elapsed() - begun);
    });
}

/// Returns the number of bytes that can be sent without waiting.
fn room(sender: &Sender) -> u64 {
    while sender.try_send(vec![0; KIB]).is_ok() {}
    sender.buffered_amount()
}

#[test]
fn the_mark_that_a_hidden_page_has_raised_falls_when_it_is_shown() {
    in_pages(async |page| {
        let (stream, mut peer) = connect(page, 12_500_000).await;
        page.spawn(async move { while peer.receive().await.is_some() {} });
        let (mut sender, _receiver) = stream.split();
        page.hide();
        for _ in 0..100 {
            sender.send(vec![0; 32 * KIB]).await.unwrap();
        }
        assert!(room(&sender) > 128 << 10, "it was not raised");
        page.show();
        // No sender waits from now on.
        for _ in 0..100 {
            page.sleep(Duration::from_millis(10)).await;
            let _ = sender.try_send("x");
        }
        assert!(room(&sender) <= 66 << 10, "{} bytes", sender.buffered_amount());
        sender.flush().await.unwrap();
        page.sleep(Duration::from_secs(1)).await;
        drop(sender);
    });
}

#[test]
fn a_flush_in_a_hidden_page_does_not_raise_the_mark() {
    in_pages(async |page| {
        let (stream, mut peer) = connect(page, 12_500_000).await;
        page.spawn(async move { while peer.receive().await.is_some() {} });
        let (mut sender, _receiver) = stream.split();
        page.hide();
        for _ in 0..20 {
            sender.try_send(vec![0; 60 * KIB]).unwrap();
            sender.flush().await.unwrap();
        }
        assert!(room(&sender) <= 66 << 10, "{} bytes", sender.buffered_amount());
    });
}

#[test]
fn timeouts_of_zero_end_at_once_and_without_a_timeout_nothing_ends() {
    in_pages(async |page| {
        let server = page.server(URL);
        let hasty = Options::new().connect_timeout(Duration::ZERO).connect(URL).await;
        assert_eq!(hasty.unwrap_err(), Error::ConnectTimeout { url: URL.into(), timeout: Duration::ZERO });
        drop(server.handshake().await);

        let endless = Options::new().connect_timeout(Duration::MAX).close_timeout(Duration::MAX);
        let later = async {
            let handshake = server.handshake().await;
            page.sleep(Duration::from_secs(15)).await;
            handshake.accept().unwrap()
        };
        let (stream, mut peer) = join!(endless.connect(URL), later);
        let mut stream = stream.unwrap();
        peer.set_stalled(true);
        let later = async {
            page.sleep(Duration::from_secs(15)).await;
            peer.set_stalled(false);
            assert_eq!(peer.receive().await, None);
        };
        let (closed, ()) = join!(stream.close(), later);
        assert!(closed.unwrap().was_clean);

        let options = Options::new().close_timeout(Duration::ZERO);
        let (stream, _peer) = join!(options.connect(URL), server.accept());
        assert_eq!(stream.unwrap().close().await, Err(Error::CloseTimeout(Duration::ZERO)));
    });
}

#[test]
fn a_connection_that_has_opened_before_its_attempt_is_ended_is_a_stream_that_ends() {
    in_pages(async |page| {
        let server = page.server(URL);
        let connecting = WebSocketStream::connect(URL);
        let mut peer = server.accept().await;
        page.sleep(Duration::from_secs(1)).await;
        assert_eq!(connecting.ready_state(), ReadyState::Open);
        connecting.close();
        let (stream, received) = join!(connecting, peer.receive());
        let mut stream = stream.unwrap();
        assert_eq!(received, None);
        assert_eq!(stream.next().await, None);
        assert!(stream.close_event().unwrap().was_clean);
    });
}

#[test]
fn a_file_that_cannot_be_read_ends_the_connection_and_reading_a_byte_tells_why() {
    in_pages(async |page| {
        let server = page.server(URL);
        let (stream, mut peer) = join!(WebSocketStream::connect(URL), server.accept());
        let (mut stream, file) = (stream.unwrap(), testing::unreadable_blob(1 << 20));
        let mut slices = stream.send_slices(file.clone(), 64 << 10);
        let send = async {
            while slices.try_next().await?.is_some() {
                page.sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        };
        let (sent, received) = join!(send, peer.receive());
        assert_eq!((sent, received), (Err(Error::NotOpen(ReadyState::Closed)), None));
        assert!(matches!(stream.next().await, Some(Err(Error::Unclean(_)))));
        assert!(matches!(file.slice(..1).bytes().await, Err(Error::UnreadableBlob(_))));
    });
}

//! Both halves of a connection: senders and their clones, slices, and the receiver.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::stream::FusedStream;
use futures_util::{FutureExt, SinkExt, StreamExt};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest_derive::Arbitrary;
use wasm_websocket::{BinaryType, Blob, Error, RawMessage, Receiver, Sender};

use crate::account::{Account, connect};
use crate::dialect::{Dialect, numbered};
use crate::peer::PeerPlan;
use crate::plan::{Letter, OptionsPlan, close_timeout, delay, limit, memory, page_code};
use crate::seeds::{hold, note};
use crate::waiting::flush_at_once;
use crate::world::{World, WorldPlan};

#[derive(Arbitrary, Clone, Debug)]
struct Plan {
    world: WorldPlan,
    options: OptionsPlan,
    #[proptest(strategy = "close_timeout()")]
    close_timeout: u32,
    peer: PeerPlan,
    #[proptest(strategy = "vec(vec(any::<Send>(), 0..8), 1..4)")]
    senders: Vec<Vec<Send>>,
    #[proptest(strategy = "vec(any::<Read>(), 0..6)")]
    reader: Vec<Read>,
    #[proptest(strategy = "memory()")]
    memory: Vec<(u64, u32)>,
    finally: Finally,
}

/// A step of a sender.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Send {
    /// Waits for something, with a time limit.
    #[proptest(weight = 10)]
    Await(Await, #[proptest(strategy = "limit()")] Option<u32>),
    #[proptest(weight = 3)]
    Try(Letter),
    /// Continues with a clone instead.
    Clone,
    #[proptest(weight = 2)]
    Pause(#[proptest(strategy = "delay()")] u32),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Await {
    #[proptest(weight = 6)]
    Send(Letter),
    /// Sends through the sink, without a flush.
    #[proptest(weight = 4)]
    Feed(Letter),
    #[proptest(weight = 2)]
    Flush,
    #[proptest(weight = 2)]
    FlushSink,
    Ready,
    Slices(Cut),
    Close(#[proptest(strategy = "page_code()")] Option<u16>),
    CloseSink,
}

/// How a Blob is cut into slices.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Cut {
    #[proptest(strategy = "1..6_u8")]
    slices: u8,
    #[proptest(strategy = "8..3000_u16")]
    len: u16,
    #[proptest(strategy = "8..3000_u16")]
    last_len: u16,
    /// Whether each wait for a slice is cancelled after a millisecond, and begun again.
    is_hasty: bool,
}

/// A step of the reader, before it reads to the end.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Read {
    #[proptest(weight = 4)]
    Next(#[proptest(strategy = "1..40_u8")] u8, #[proptest(strategy = "limit()")] Option<u32>),
    /// The same with raw messages.
    Raw(#[proptest(strategy = "1..40_u8")] u8, #[proptest(strategy = "limit()")] Option<u32>),
    #[proptest(weight = 4)]
    Pause(#[proptest(strategy = "delay()")] u32),
    Blobs(bool),
    Drop,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Finally {
    Drop,
    #[proptest(weight = 2)]
    Close,
}

const URL: &str = "ws://example.com/halves";

#[test]
fn the_halves_of_a_connection_keep_their_promises() {
    hold(|plan: &Plan| World::run(&plan.world, |world| run(world, plan.clone())));
}

async fn run(world: Rc<World>, plan: Plan) {
    let account = Account::new(&world, &plan.options, Dialect::Plain);
    Rc::clone(&account.conversation).serve(&world, URL, &plan.peer);
    if let Some(stream) = connect(&account, URL, &plan.options, plan.close_timeout, &plan.peer).await {
        let (sender, receiver) = stream.split();
        use_them(&account, sender, receiver, &plan).await;
    }
    account.check().await;
}

async fn use_them(account: &Rc<Account>, sender: Sender, receiver: Receiver, plan: &Plan) {
    let world = &account.world;
    account.watch(sender.closed());
    world.limit_memory(&plan.memory);
    // The senders have a count of their own, since the peer continues to run.
    let running = Rc::new(RefCell::new(plan.senders.len()));
    for steps in plan.senders.clone() {
        let (account, sender, running) = (Rc::clone(account), sender.clone(), Rc::clone(&running));
        world.spawn(async move {
            send(&account, sender, steps).await;
            *running.borrow_mut() -= 1;
            account.world.changed();
        });
    }
    let reader = Rc::new(RefCell::new(true));
    let (reading, steps, is_reading) = (Rc::clone(account), plan.reader.clone(), Rc::clone(&reader));
    world.spawn(async move {
        read(&reading, receiver, steps).await;
        is_reading.replace(false);
        reading.world.changed();
    });
    let is_stuck = || account.conversation.is_stuck.get();
    let all_sent = || *running.borrow() == 0;
    let sent = world.in_calm(|| all_sent() || is_stuck()).await;
    assert!(sent, "a sender waits for ever");
    let mut sender = sender;
    if matches!(plan.finally, Finally::Close) || !all_sent() {
        close(account, &mut sender, None).await;
        assert!(world.in_calm(|| all_sent() && !*reader.borrow()).await, "somebody waits after the end");
    }
}

async fn send(account: &Rc<Account>, mut sender: Sender, steps: Vec<Send>) {
    let world = &account.world;
    // The place of the sink in the line.
    let mut place = Cell::new(None);
    for step in steps {
        match step {
            Send::Await(what, limit) => {
                note(&world.page, || format!("page: {what:?} within {limit:?}"));
                let done = world.within(limit, wait(account, &mut sender, &place, what)).await;
                note(&world.page, || format!("page: {what:?}: {done:?}"));
                done.and_then(Result::err).iter().for_each(|error| is_told_of_overflow(&sender, error));
            }
            Send::Try(letter) => {
                let (number, message) = account.write(letter);
                let len = message.len();
                match sender.try_send(message) {
                    Ok(()) => {
                        account.is_first(u64::MAX);
                        account.handed_over(number, len);
                    }
                    Err(unsent) => is_told_of_overflow(&sender, &unsent.error),
                }
            }
            Send::Clone => {
                sender = sender.clone();
                place = Cell::new(None);
            }
            Send::Pause(delay) => world.pause(delay).await,
        }
    }
}

/// Checks that a sender fails with `Error::Overflow` once the queue has overflowed.
fn is_told_of_overflow(sender: &Sender, error: &Error) {
    let has_overflowed = sender.closed().now_or_never() == Some(Err(Error::Overflow));
    assert!(!(has_overflowed && matches!(error, Error::NotOpen(_))), "{error}, though the queue has overflowed");
    assert!(has_overflowed || *error != Error::Overflow, "{error}, though the connection has not ended by that");
}

async fn wait(account: &Rc<Account>, sender: &mut Sender, place: &Cell<Option<u64>>, what: Await) -> Result<(), Error> {
    match what {
        Await::Send(letter) => {
            let (number, message) = account.write(letter);
            let bytes = message.len();
            account.wait("send", account.in_turn(sender.send(message))).await?;
            account.handed_over(number, bytes);
        }
        Await::Feed(letter) => {
            let (number, message) = account.write(letter);
            let bytes = message.len();
            account.wait("feed", account.in_turn_of(place, sender.feed(message))).await?;
            account.handed_over(number, bytes);
        }
        Await::Flush => account.wait("flush", account.flush(sender.flush())).await?,
        Await::FlushSink => flush_at_once(SinkExt::flush(sender))?,
        Await::Ready => account.wait("ready", account.look(sender.ready())).await?,
        Await::Slices(cut) => send_slices(account, sender, cut).await?,
        Await::Close(code) => close(account, sender, code).await,
        Await::CloseSink => {
            account.close_sink(SinkExt::close(sender)).await?;
        }
    }
    Ok(())
}

async fn send_slices(account: &Account, sender: &mut Sender, cut: Cut) -> Result<(), Error> {
    let (len, last_len) = (u64::from(cut.len), u64::from(cut.last_len.min(cut.len)));
    let lens = (1..cut.slices).map(|_| len).chain([last_len]);
    let slices: Vec<_> = lens.map(|len| (account.next_number(), len)).collect();
    let bytes: String = slices.iter().map(|(number, len)| numbered(*number, *len as usize)).collect();
    let total = bytes.len() as u64;
    let mut sending = sender.send_slices(Blob::new(bytes.as_bytes(), ""), len);
    let (place, mut sent) = (Cell::new(None), 0);
    for (number, len) in slices {
        let progress = loop {
            let next = async { sending.next().await.expect("there is one more slice") };
            let next = account.wait("a slice", account.in_turn_of(&place, next));
            if let Some(progress) = account.world.within(cut.is_hasty.then_some(1), next).await {
                break progress;
            }
        };
        let Ok(progress) = progress else {
            assert_eq!(sending.next().now_or_never(), Some(None), "something follows an error");
            return progress.map(drop);
        };
        account.handed_over(number, len);
        sent += len;
        assert_eq!((progress.sent, progress.total), (sent, total));
        assert!(progress.buffered == sender.buffered_amount() || account.world.polls_inline, "{}", progress.buffered);
    }
    assert_eq!(sending.next().now_or_never(), Some(None), "something follows the last slice");
    Ok(())
}

async fn close(account: &Account, sender: &mut Sender, code: Option<u16>) {
    let page = &account.world.page;
    note(page, || format!("page: closes with {code:?}"));
    let closing = match code {
        None => {
            account.closes(1005);
            sender.close().await
        }
        Some(1006) => {
            assert_eq!(sender.close_with(1006, "").await, Err(Error::InvalidCloseCode(1006)));
            return;
        }
        Some(code) => {
            account.closes(code);
            sender.close_with(code, "the page closes").await
        }
    };
    note(page, || format!("page: is closed: {closing:?}"));
    account.closings.borrow_mut().push(closing);
}

async fn read(account: &Rc<Account>, mut receiver: Receiver, steps: Vec<Read>) {
    let world = &account.world;
    for step in steps {
        note(&world.page, || format!("page: {step:?}"));
        match step {
            Read::Next(messages, limit) => {
                for _ in 0..messages {
                    next(account, &mut receiver, limit).await;
                }
            }
            Read::Raw(messages, limit) => {
                for _ in 0..messages {
                    next_raw(account, &mut receiver, limit).await;
                }
            }
            Read::Pause(delay) => world.pause(delay).await,
            Read::Blobs(are_blobs) => {
                receiver.set_binary_type(if are_blobs { BinaryType::Blob } else { BinaryType::ArrayBuffer });
            }
            Read::Drop => return,
        }
    }
    while next(account, &mut receiver, None).await == Some(true) {}
}

/// Takes the next message. Returns false after the end, and `None` if no message arrives in time.
async fn next(account: &Account, receiver: &mut Receiver, limit: Option<u32>) -> Option<bool> {
    let world = &account.world;
    let is_over = account.reading.is_over();
    assert_eq!(receiver.is_terminated(), is_over, "the stream says of itself that it is over");
    let received = world.until_end(world.within(limit, receiver.next())).await??;
    match received {
        Some(Ok(message)) => account.received(message).await,
        Some(Err(error)) => account.failed(error),
        None => {
            account.ended(receiver.dropped());
            return Some(false);
        }
    }
    Some(true)
}

/// Takes the next message as the browser delivered it, which needs no memory.
async fn next_raw(account: &Account, receiver: &mut Receiver, limit: Option<u32>) {
    let world = &account.world;
    match world.until_end(world.within(limit, receiver.next_raw())).await.flatten() {
        Some(Some(Ok(raw))) => account.reading.received_unread(matches!(raw, RawMessage::Text(_))),
        Some(Some(Err(error))) => {
            assert!(!matches!(error, Error::OutOfMemory(_)), "{error}, though nothing is copied");
            account.failed(error);
        }
        Some(None) => account.ended(receiver.dropped()),
        None => {}
    }
}

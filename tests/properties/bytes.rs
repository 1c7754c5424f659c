//! A connection as a byte stream.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest_derive::Arbitrary;
use wasm_websocket::{ByteStream, Error};

use crate::account::{Account, connect};
use crate::dialect::{Dialect, bytes};
use crate::peer::PeerPlan;
use crate::plan::{OptionsPlan, close_timeout, delay, limit, memory};
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
    #[proptest(strategy = "vec((any::<Step>(), limit()), 0..12)")]
    steps: Vec<(Step, Option<u32>)>,
    #[proptest(strategy = "memory()")]
    memory: Vec<(u64, u32)>,
    is_closed: bool,
}

/// A step of the task.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    #[proptest(weight = 6)]
    Write(#[proptest(strategy = "len()")] usize),
    #[proptest(weight = 2)]
    Flush,
    #[proptest(weight = 4)]
    Read(#[proptest(strategy = "len()")] usize),
    #[proptest(weight = 2)]
    Pause(#[proptest(strategy = "delay()")] u32),
    Close,
}

fn len() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..64_usize, 4 => 0..8192_usize, 1 => 0..400_000_usize]
}

const URL: &str = "ws://example.com/bytes";

#[test]
fn a_byte_stream_keeps_its_promises() {
    hold(|plan: &Plan| World::run(&plan.world, |world| run(world, plan.clone())));
}

async fn run(world: Rc<World>, plan: Plan) {
    let account = Account::new(&world, &plan.options, Dialect::Bytes);
    Rc::clone(&account.conversation).serve(&world, URL, &plan.peer);
    if let Some(stream) = connect(&account, URL, &plan.options, plan.close_timeout, &plan.peer).await {
        account.watch(stream.closed());
        account.give_up_when_stuck();
        world.limit_memory(&plan.memory);
        let stream = stream.into_byte_stream();
        Task {
            account: Rc::clone(&account),
            stream,
            written: Rc::default(),
            read: 0,
            has_little_memory: !plan.memory.is_empty(),
            end: None,
        }
        .run(&plan)
        .await;
    }
    account.check().await;
}

/// The task that uses a connection.
struct Task {
    account: Rc<Account>,
    stream: ByteStream,
    written: Rc<Cell<u64>>,
    read: u64,
    has_little_memory: bool,
    /// The result of the last read, if it was the end.
    end: Option<Result<(), String>>,
}

impl Task {
    async fn run(mut self, plan: &Plan) {
        let world = Rc::clone(&self.account.world);
        for (step, limit) in plan.steps.clone() {
            // A read has a time limit, since the peer may have nothing more to send.
            let limit = if matches!(step, Step::Read(_)) { limit.or(Some(2000)) } else { limit };
            note(&world.page, || format!("page: {step:?} within {limit:?}"));
            let done = world.until_end(world.within(limit, self.step(step))).await;
            note(&world.page, || format!("page: {step:?}: {done:?}"));
        }
        if plan.is_closed {
            let _ = self.close().await;
            while self.end.is_none() {
                self.read(1000).await;
            }
            self.read(1000).await;
        }
        let (account, written) = (Rc::clone(&self.account), self.written.get());
        drop(self);
        world.end();
        assert!(world.settle().await, "the peer does not come to an end");
        check_received(&account, written);
    }

    async fn step(&mut self, step: Step) -> io::Result<()> {
        match step {
            Step::Write(len) => {
                let written = self.written.get();
                let bytes = bytes(written, len);
                let write = self.stream.write(&bytes);
                let len = self.account.wait("write", self.account.in_turn(write)).await?;
                self.written.set(written + len as u64);
            }
            Step::Flush => flush_at_once(self.stream.flush())?,
            Step::Read(len) => self.read(len).await,
            Step::Pause(delay) => self.account.world.pause(delay).await,
            Step::Close => self.close().await?,
        }
        Ok(())
    }

    async fn close(&mut self) -> io::Result<()> {
        self.account.close_sink(self.stream.close()).await
    }

    /// Checks that reading fails only if bytes may be missing.
    fn is_justified(&self, error: &io::Error) {
        let account = &self.account;
        let error = error.get_ref().and_then(|error| error.downcast_ref()).expect("it is one of the crate's");
        let is_justified = match error {
            Error::Overflow => self.stream.get_ref().dropped() > 0,
            Error::Unclean(event) => !event.was_clean && self.stream.get_ref().close_event().as_ref() == Some(event),
            Error::CloseTimeout(_) | Error::ClosedHere => account.sink_closes.get(),
            Error::UnexpectedText => account.conversation.are_texts.borrow().contains(&true),
            Error::OutOfMemory(_) => self.has_little_memory,
            _ => false,
        };
        assert!(is_justified, "{error}, for no reason");
    }

    async fn read(&mut self, len: usize) {
        let mut buffer = vec![0; len.max(1)];
        let read = self.stream.read(&mut buffer).await;
        note(&self.account.world.page, || format!("page: reads {read:?}"));
        let end = match read {
            Ok(0) => Ok(()),
            Ok(len) => {
                assert_eq!(self.end, None, "there are bytes after the end");
                let is_right = buffer[..len] == bytes(self.read, len);
                assert!(is_right, "the bytes after {} are others", self.read);
                self.read += len as u64;
                return;
            }
            Err(error) => {
                self.is_justified(&error);
                Err(error.to_string())
            }
        };
        assert!(self.end.as_ref().is_none_or(|last| *last == end), "after {:?} comes {end:?}", self.end);
        let sent = self.account.conversation.sent_bytes.get();
        if end.is_ok() {
            assert_eq!(self.read, sent, "bytes are lost, and the end looks as if none were");
        }
        self.end = Some(end);
    }
}

/// Checks that the peer has received the bytes that were written: all of them, if neither side ended the connection before.
fn check_received(account: &Account, written: u64) {
    let received = account.conversation.received.borrow();
    let received: Vec<u8> = received.iter().flat_map(|message| message.as_bytes().expect("bytes")).copied().collect();
    assert!(received == bytes(0, received.len()), "the peer has received other bytes");
    assert!(received.len() as u64 <= written, "the peer has received more than was written");
    if account.conversation.is_whole() {
        assert_eq!(received.len() as u64, written, "the peer has not received all");
    }
}

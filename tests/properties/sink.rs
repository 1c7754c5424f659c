//! A connection as a sink and stream, of messages or of typed values, or as two typed halves, used by one task.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, SinkExt, Stream};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest_derive::Arbitrary;
use wasm_websocket::codec::{Decode, Encode, Json, Postcard};
use wasm_websocket::{CloseEvent, Error, Message, ReceiveError, Receiver, SendError, Sender, Typed, WebSocketStream};

use crate::account::{Account, connect};
use crate::dialect::{Dialect, Value};
use crate::peer::PeerPlan;
use crate::plan::{Letter, OptionsPlan, close_timeout, delay, limit, memory};
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
    finally: Finally,
}

/// A step of the task.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    #[proptest(weight = 4)]
    Feed(Letter),
    #[proptest(weight = 4)]
    Send(Letter),
    /// Sends with the method of the type, not as a sink.
    SendOwn(Letter),
    Flush,
    #[proptest(weight = 2)]
    Next(#[proptest(strategy = "1..40_u8")] u8),
    /// Sends, and receives all messages that arrive meanwhile.
    #[proptest(weight = 4)]
    Both(Letter),
    #[proptest(weight = 2)]
    Pause(#[proptest(strategy = "delay()")] u32),
    Close,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Finally {
    Drop,
    #[proptest(weight = 2)]
    Close,
    CloseSink,
}

/// A sink and a stream over a connection.
trait Face: Sink<Self::Out, Error = Error> + Stream<Item = Self::Item_> + Unpin {
    type Out;
    type Item_;

    fn out(number: u32, message: Message, letter: Letter) -> Self::Out;
    fn len(out: &Self::Out) -> u64;
    fn item(item: Self::Item_) -> Item;
    /// Sends with the method of the type, whose error returns the message.
    fn send_own(&mut self, out: Self::Out) -> impl Future<Output = Result<(), SendError<Self::Out>>>;
    fn close_now(&mut self) -> impl Future<Output = Result<CloseEvent, Error>>;
    fn dropped_so_far(&self) -> u64;
}

enum Item {
    Message(Message),
    Number(u32),
    Error(Error),
}

impl Face for WebSocketStream {
    type Out = Message;
    type Item_ = Result<Message, Error>;

    fn out(_: u32, message: Message, _: Letter) -> Message {
        message
    }

    fn len(message: &Message) -> u64 {
        message.len()
    }

    fn item(item: Result<Message, Error>) -> Item {
        item.map_or_else(Item::Error, Item::Message)
    }

    fn send_own(&mut self, out: Message) -> impl Future<Output = Result<(), SendError<Message>>> {
        self.send(out)
    }

    fn close_now(&mut self) -> impl Future<Output = Result<CloseEvent, Error>> {
        self.close()
    }

    fn dropped_so_far(&self) -> u64 {
        self.dropped()
    }
}

impl<C: Encode<Value> + Decode<Value>> Face for Typed<WebSocketStream, Value, Value, C> {
    type Out = Value;
    type Item_ = Result<Value, ReceiveError>;

    fn out(number: u32, _: Message, letter: Letter) -> Value {
        Value::any(number, letter)
    }

    fn len(value: &Value) -> u64 {
        encoded_len::<C>(value)
    }

    fn item(item: Result<Value, ReceiveError>) -> Item {
        decoded(item)
    }

    fn send_own(&mut self, out: Value) -> impl Future<Output = Result<(), SendError<Value>>> {
        self.send(out)
    }

    fn close_now(&mut self) -> impl Future<Output = Result<CloseEvent, Error>> {
        self.get_mut().close()
    }

    fn dropped_so_far(&self) -> u64 {
        self.get_ref().dropped()
    }
}

fn encoded_len<C: Encode<Value>>(value: &Value) -> u64 {
    C::encode(value).map_or(0, |message| message.len())
}

fn decoded(item: Result<Value, ReceiveError>) -> Item {
    match item {
        Ok(value) => Item::Number(value.check()),
        Err(ReceiveError { message: Some(message), error: Error::Decode(_) }) => Item::Message(message),
        Err(ReceiveError { error, .. }) => Item::Error(error),
    }
}

/// The typed halves of a connection.
struct Halves<C> {
    sender: Typed<Sender, Value, (), C>,
    receiver: Typed<Receiver, (), Value, C>,
}

impl<C> Halves<C> {
    fn new(stream: WebSocketStream) -> Self {
        let (sender, receiver) = stream.split();
        Self { sender: sender.typed(), receiver: receiver.typed() }
    }
}

impl<C: Decode<Value>> Stream for Halves<C> {
    type Item = Result<Value, ReceiveError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.receiver).poll_next(context)
    }
}

impl<C: Encode<Value>> Sink<Value> for Halves<C> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.sender).poll_ready(context)
    }

    fn start_send(mut self: Pin<&mut Self>, value: Value) -> Result<(), Error> {
        Pin::new(&mut self.sender).start_send(value)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.sender).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.sender).poll_close(context)
    }
}

impl<C: Encode<Value> + Decode<Value>> Face for Halves<C> {
    type Out = Value;
    type Item_ = Result<Value, ReceiveError>;

    fn out(number: u32, _: Message, letter: Letter) -> Value {
        Value::any(number, letter)
    }

    fn len(value: &Value) -> u64 {
        encoded_len::<C>(value)
    }

    fn item(item: Result<Value, ReceiveError>) -> Item {
        decoded(item)
    }

    fn send_own(&mut self, out: Value) -> impl Future<Output = Result<(), SendError<Value>>> {
        self.sender.send(out)
    }

    fn close_now(&mut self) -> impl Future<Output = Result<CloseEvent, Error>> {
        self.sender.get_mut().close()
    }

    fn dropped_so_far(&self) -> u64 {
        self.receiver.get_ref().dropped()
    }
}

const URL: &str = "ws://example.com/sink";

#[test]
fn a_sink_and_stream_of_messages_keeps_its_promises() {
    hold(|plan: &Plan| World::run(&plan.world, |world| run(world, plan.clone(), Dialect::Plain, |stream| stream)));
}

#[test]
fn a_sink_and_stream_of_values_in_json_keeps_its_promises() {
    let face = |stream: WebSocketStream| stream.typed::<Value, Value, Json>();
    hold(move |plan: &Plan| World::run(&plan.world, |world| run(world, plan.clone(), Dialect::Json, face)));
}

#[test]
fn a_sink_and_stream_of_values_in_postcard_keeps_its_promises() {
    let face = |stream: WebSocketStream| stream.typed::<Value, Value, Postcard>();
    hold(move |plan: &Plan| World::run(&plan.world, |world| run(world, plan.clone(), Dialect::Postcard, face)));
}

#[test]
fn the_typed_halves_of_a_connection_keep_their_promises() {
    hold(move |plan: &Plan| {
        World::run(&plan.world, |world| run(world, plan.clone(), Dialect::Json, Halves::<Json>::new));
    });
}

async fn run<F: Face>(world: Rc<World>, plan: Plan, dialect: Dialect, face: impl Fn(WebSocketStream) -> F) {
    let account = Account::new(&world, &plan.options, dialect);
    Rc::clone(&account.conversation).serve(&world, URL, &plan.peer);
    if let Some(stream) = connect(&account, URL, &plan.options, plan.close_timeout, &plan.peer).await {
        account.watch(stream.closed());
        account.give_up_when_stuck();
        world.limit_memory(&plan.memory);
        Task { account: Rc::clone(&account), face: face(stream), unread: None }.run(&plan).await;
    }
    account.check().await;
}

/// The task that uses a connection.
struct Task<F> {
    account: Rc<Account>,
    face: F,
    unread: Option<Message>,
}

impl<F: Face> Task<F> {
    async fn run(mut self, plan: &Plan) {
        let world = Rc::clone(&self.account.world);
        for (step, limit) in plan.steps.clone() {
            // Receiving has a time limit, since the peer may have nothing more to send.
            let limit = if matches!(step, Step::Next(_)) { limit.or(Some(2000)) } else { limit };
            note(&world.page, || format!("page: {step:?} within {limit:?}"));
            let done = world.until_end(world.within(limit, self.step(step))).await;
            note(&world.page, || format!("page: {step:?}: {done:?}"));
        }
        match plan.finally {
            Finally::Drop => return,
            Finally::Close => {
                self.account.closes(1005);
                let closing = self.face.close_now().await;
                self.account.closings.borrow_mut().push(closing);
            }
            Finally::CloseSink => {
                let _ = self.close().await;
            }
        }
        while self.next().await {}
    }

    async fn step(&mut self, step: Step) -> Result<(), Error> {
        match step {
            Step::Feed(letter) => self.feed(letter).await?,
            Step::Send(letter) => {
                self.feed(letter).await?;
                flush_at_once(SinkExt::flush(&mut self.face))?;
            }
            Step::SendOwn(letter) => self.send_own(letter).await?,
            Step::Flush => flush_at_once(SinkExt::flush(&mut self.face))?,
            Step::Next(messages) => {
                for _ in 0..messages {
                    if !self.next().await {
                        break;
                    }
                }
            }
            Step::Both(letter) => self.both(letter).await?,
            Step::Pause(delay) => self.account.world.pause(delay).await,
            Step::Close => self.close().await?,
        }
        Ok(())
    }

    async fn feed(&mut self, letter: Letter) -> Result<(), Error> {
        let Self { account, face, .. } = self;
        let (number, message) = account.write(letter);
        let value = F::out(number, message, letter);
        let len = F::len(&value);
        account.wait("feed", account.in_turn(face.feed(value))).await?;
        account.handed_over(number, len);
        Ok(())
    }

    async fn send_own(&mut self, letter: Letter) -> Result<(), Error> {
        let Self { account, face, .. } = self;
        let (number, message) = account.write(letter);
        let value = F::out(number, message, letter);
        let len = F::len(&value);
        let sent = account.wait("send", account.in_turn(face.send_own(value))).await;
        if let Err(unsent) = &sent {
            assert_eq!(F::len(&unsent.message), len, "another message is handed back");
        }
        sent?;
        account.handed_over(number, len);
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Error> {
        let Self { account, face, .. } = self;
        account.close_sink(SinkExt::close(face)).await
    }

    /// Takes the next message. Returns false after the end.
    async fn next(&mut self) -> bool {
        self.read().await;
        let Self { account, face, .. } = self;
        let item = poll_fn(|context| Pin::new(&mut *face).poll_next(context)).await;
        let Some(item) = item else {
            account.ended(face.dropped_so_far());
            return false;
        };
        self.received(item).await;
        true
    }

    /// Handles a received item. If the future is dropped while it reads a Blob, the Blob is read later.
    async fn received(&mut self, item: F::Item_) {
        match F::item(item) {
            Item::Message(message) => {
                self.unread = Some(message);
                self.read().await;
            }
            Item::Number(number) => self.account.reading.received_number(number),
            Item::Error(error) => self.account.failed(error),
        }
    }

    async fn read(&mut self) {
        if let Some(unread) = self.unread.clone() {
            self.account.received(unread).await;
            self.unread = None;
        }
    }

    /// Sends and receives like `select!` in a loop.
    async fn both(&mut self, letter: Letter) -> Result<(), Error> {
        self.read().await;
        let (number, message) = self.account.write(letter);
        let value = F::out(number, message, letter);
        let (len, mut value) = (F::len(&value), Some(value));
        loop {
            let Self { account, face, .. } = self;
            let step = poll_fn(|context| poll_both(face, context, &mut value)).await;
            match step {
                Both::Sent(sent) => {
                    sent?;
                    account.handed_over(number, len);
                    return Ok(());
                }
                Both::Received(Some(item)) => self.received(item).await,
                Both::Received(None) => {
                    account.ended(face.dropped_so_far());
                    return Ok(());
                }
            }
        }
    }
}

enum Both<T> {
    Sent(Result<(), Error>),
    Received(Option<T>),
}

fn poll_both<F: Face>(face: &mut F, context: &mut Context<'_>, value: &mut Option<F::Out>) -> Poll<Both<F::Item_>> {
    let mut face = Pin::new(face);
    match face.as_mut().poll_ready(context) {
        Poll::Ready(Ok(())) => {
            let sent = value.take().map_or(Ok(()), |value| face.start_send(value));
            return Poll::Ready(Both::Sent(sent));
        }
        Poll::Ready(Err(error)) => return Poll::Ready(Both::Sent(Err(error))),
        Poll::Pending => {}
    }
    Poll::Ready(Both::Received(ready!(face.poll_next(context))))
}

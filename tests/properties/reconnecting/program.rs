//! The program that uses a connection that comes back.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;

use futures_util::{FutureExt, Sink, SinkExt, StreamExt};
use wasm_websocket::reconnect::{Counts, ReconnectingSender, State, WhenFull, WhenLost};
use wasm_websocket::{CloseEvent, Error, Message, ReadyState, Reconnecting};

use super::plan::{Await, Finally, Provide, Read, Step};
use super::setup::Setup;
use crate::dialect::{Dialect, read};
use crate::plan::{Kind, Letter, milliseconds};
use crate::seeds::note;

pub async fn run(setup: &Rc<Setup>) {
    let feed = setup.connect();
    let sender = feed.sender();
    let (states, listening) = (sender.states(), Rc::clone(setup));
    setup.world.spawn(async move { listening.story.listen(states).await });
    let running = Rc::new(Cell::new(setup.plan.senders.len()));
    for steps in setup.plan.senders.clone() {
        let (setup, sender, running) = (Rc::clone(setup), sender.clone(), Rc::clone(&running));
        setup.world.clone().spawn(async move {
            Sender { setup: Rc::clone(&setup), sender, place: None }.run(steps).await;
            running.set(running.get() - 1);
            setup.world.changed();
        });
    }
    let (reading, is_reading) = (Rc::clone(setup), Rc::new(Cell::new(true)));
    let reads = Rc::clone(&is_reading);
    setup.world.spawn(async move {
        let steps = reading.plan.reader.clone();
        read_all(&reading, feed, steps).await;
        reads.set(false);
        reading.world.changed();
    });
    until(setup, &sender, "a sender waits for ever", || running.get() == 0).await;
    finish(setup, sender, &is_reading).await;
}

/// Waits until a condition holds, and replaces connections that are stuck or paused.
async fn until(setup: &Setup, sender: &ReconnectingSender, what: &str, is_true: impl Fn() -> bool) {
    let world = &setup.world;
    // One round for each connection that may be stuck, for each pause, and for attempts that fail for hours. Without such a reason
    // there is none, since a round also wakes a waiting task whose wake-up was lost.
    let pauses = setup.plan.senders.iter().flatten().filter(|step| matches!(step, Step::PauseAll)).count();
    let fails_often = setup.plan.provider.iter().any(|provide| matches!(provide, Provide::FailOften(_)));
    for _ in 0..setup.plan.peers.len() + pauses + usize::from(fails_often) {
        if world.in_calm(&is_true).await {
            return;
        }
        note(&world.page, || "page: connects again, as nothing goes on".into());
        setup.provides_from_now_on();
        sender.resume();
        setup.story.commands();
        sender.reconnect_now();
    }
    assert!(world.in_calm(&is_true).await, "{what}");
}

async fn finish(setup: &Rc<Setup>, sender: ReconnectingSender, is_reading: &Cell<bool>) {
    let (world, book) = (&setup.world, &setup.book);
    book.check_counts(&sender.counts());
    setup.story.commands();
    sender.resume();
    let closed = match setup.plan.finally {
        Finally::Drop => return,
        Finally::CloseNow => close(setup, &sender, None).await,
        Finally::CloseQueued(messages) => {
            sender.pause();
            let queues = Sender { setup: Rc::clone(setup), sender: sender.clone(), place: None };
            (0..messages).for_each(|_| drop(queues.try_send(Letter { len: 4000, kind: Kind::Binary })));
            sender.resume();
            world.within(Some(2000), world.until(|| sender.state() == State::Open)).await;
            close(setup, &sender, None).await
        }
        Finally::Close(code) => {
            check_interval(setup, &sender).await;
            flush(setup, &sender).await;
            book.took_in_doubt(&sender.take_in_doubt());
            let before = book.in_doubt();
            let is_flushed = sender.counts().queued == 0;
            let closed = close(setup, &sender, code).await;
            book.took_in_doubt(&sender.take_in_doubt());
            if is_flushed && matches!(closed, Ok(Some(CloseEvent { was_clean: true, .. }))) && setup.is_last_whole() {
                book.check_sent_again(&before);
            }
            closed
        }
        Finally::CloseSink => {
            let (mut sink, done) = (sender.clone(), Rc::new(Cell::new(None)));
            let (result, changed) = (Rc::clone(&done), Rc::clone(world));
            world.spawn(async move {
                result.set(Some(SinkExt::close(&mut sink).await));
                changed.changed();
            });
            let is_done = || {
                let closed = done.take();
                let is_some = closed.is_some();
                done.set(closed);
                is_some
            };
            until(setup, &sender, "the sink waits for ever to close", is_done).await;
            let is_pending = sender.counts().queued > 0;
            assert!(!is_pending || matches!(done.take(), Some(Err(_))), "a sink has closed, and something is queued");
            sender.closed().await
        }
    };
    note(&world.page, || format!("page: is closed: {closed:?}"));
    assert!(world.in_calm(|| !is_reading.get()).await, "the reader waits after the end");
    // The stream of states also reports the end.
    assert!(world.in_calm(|| setup.story.cause().is_some()).await, "the end is not reported as a state");
    let queued = sender.take_queued();
    book.took_back(&queued);
    book.took_in_doubt(&sender.take_in_doubt());
    book.check_fates(&sender.counts());
    setup.story.check_in_doubt(&sender.counts());
}

/// Connects to a peer that answers each ping at once, and checks that pings follow at their interval.
async fn check_interval(setup: &Setup, sender: &ReconnectingSender) {
    let (world, page) = (&setup.world, &setup.world.page);
    let Some((interval, _)) = setup.plan.options.heartbeat.filter(|(interval, _)| *interval >= 500) else { return };
    setup.are_benign.set(true);
    setup.story.commands();
    sender.reconnect_now();
    if !world.in_calm(|| sender.state() == State::Open).await {
        return;
    }
    let connections = || setup.book.conversations.borrow().len();
    let (began, before, pings) = (page.elapsed(), connections(), world.pings.get());
    page.sleep(milliseconds(3 * interval + 1000)).await;
    // While the page reads nothing, it gets no answer.
    let is_calm = world.was_undisturbed_since(began) && !world.clock_was_set.get();
    let is_same = connections() == before && sender.state() == State::Open;
    let is_clear = is_calm && is_same && !setup.plan.connection.may_stop_reading(&setup.plan.world);
    let seen = world.pings.get() - pings;
    assert!(!is_clear || seen >= 2, "{seen} pings in three intervals of {interval} ms");
}

/// Waits until everything has left, which must happen, since all later peers receive.
async fn flush(setup: &Rc<Setup>, sender: &ReconnectingSender) {
    let done = Rc::new(Cell::new(false));
    let (flushing, resolved, world) = (sender.clone(), Rc::clone(&done), Rc::clone(&setup.world));
    let plan = Rc::clone(&setup.plan);
    setup.world.spawn(async move {
        let flushed = flushing.flush().await;
        note(&world.page, || format!("page: the last flush: {flushed:?}"));
        // Messages in doubt that are sent again are pending, too.
        let (counts, when_lost) = (flushing.counts(), plan.options.when_lost);
        let is_pending = counts.queued > 0 || (when_lost == WhenLost::Resend && counts.in_doubt > 0);
        match flushed {
            Ok(()) => assert_eq!(counts.queued, 0, "it is flushed, and something is queued"),
            Err(error) => assert!(is_pending && error == Error::NotOpen(ReadyState::Closed), "{error:?}: {counts:?}"),
        }
        resolved.set(true);
        world.changed();
    });
    until(setup, sender, "a flush waits for ever", || done.get()).await;
}

async fn close(setup: &Setup, sender: &ReconnectingSender, code: Option<u16>) -> Result<Option<CloseEvent>, Error> {
    setup.story.commands();
    if code == Some(1006) {
        assert_eq!(sender.close_with(1006, "").await, Err(Error::InvalidCloseCode(1006)));
    }
    let page = &setup.world.page;
    let is_watched = setup.plan.connection.sees_bytes_leave(&setup.plan.world) && page.sockets().len() == 1;
    let closing = match code {
        Some(1006) | None => sender.close().boxed_local(),
        Some(code) => sender.close_with(code, "the page closes").boxed_local(),
    };
    let (unsent, began) = (page.unsent(), page.elapsed());
    let closed = closing.await;
    if let (Err(Error::CloseTimeout(timeout)), true) = (&closed, is_watched) {
        // Later, the timeout has started over because bytes had left.
        let is_first = page.elapsed() - began < *timeout * 3 / 2 && setup.world.was_undisturbed_since(began);
        assert!(!is_first || page.unsent() >= unsent, "it gives up while bytes leave");
    }
    closed
}

/// The largest number of slices that go out before a sender which waits: one for each turn, and if a turn is missed, as many as the
/// high water mark allows.
const MOST_SLICES: u32 = 60;

/// The task that uses one handle.
struct Sender {
    setup: Rc<Setup>,
    sender: ReconnectingSender,
    /// The place of the sink, which the sink keeps when a future that waited for room is dropped.
    place: Option<Place>,
}

/// Counts a sender that waits for room, until it is dropped.
struct Place(Rc<Cell<usize>>);

impl Place {
    fn new(waiting: &Rc<Cell<usize>>) -> Self {
        waiting.set(waiting.get() + 1);
        Self(Rc::clone(waiting))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Sender {
    async fn run(mut self, steps: Vec<Step>) {
        let setup = Rc::clone(&self.setup);
        let (world, book, story) = (&setup.world, &setup.book, &setup.story);
        for step in steps {
            note(&world.page, || format!("page: {step:?}"));
            match step {
                Step::Await(what, limit) => {
                    let done = world.within(limit, self.wait(what)).await;
                    note(&world.page, || format!("page: {what:?}: {done:?}"));
                }
                Step::Try(letter) => drop(self.try_send(letter)),
                Step::Clone => (self.sender, self.place) = (self.sender.clone(), None),
                Step::Pause(delay) => world.pause(delay).await,
                Step::ReconnectNow => self.reconnect_now(),
                Step::PauseAll => {
                    story.commands();
                    self.sender.pause();
                }
                Step::Resume => {
                    story.commands();
                    let sockets = world.page.sockets();
                    self.sender.resume();
                    assert_eq!(world.page.sockets(), sockets, "resuming touches a connection");
                }
                Step::Confirm => self.confirm(),
                Step::TakeInDoubt => book.took_in_doubt(&self.sender.take_in_doubt()),
                Step::TakeQueued => book.took_back(&self.sender.take_queued()),
            }
            // If tasks are polled inline, another may be about to note what it has just sent or taken.
            if !world.polls_inline {
                book.check_counts(&self.sender.counts());
            }
        }
    }

    fn message(&self, letter: Letter) -> (u32, Message) {
        let id = self.setup.book.next_id();
        let kind = if let Kind::Blob = letter.kind { Kind::Binary } else { letter.kind };
        (id, Dialect::Plain.message(id, Letter { kind, ..letter }))
    }

    /// Sends without waiting. Returns the error if that fails.
    fn try_send(&self, letter: Letter) -> Option<Error> {
        let (id, message) = self.message(letter);
        match self.sender.try_send(message) {
            Ok(number) => {
                self.setup.book.took(id, Some(number), letter.len);
                None
            }
            Err(unsent) => {
                self.setup.book.rejected();
                self.is_full(&unsent.error);
                Some(unsent.error)
            }
        }
    }

    /// Checks that `Error::Full` is justified: the queue is not empty or takes nothing, or a connection is open, or other senders
    /// wait.
    fn is_full(&self, error: &Error) {
        let (bytes, messages) = self.setup.plan.options.queue;
        let takes_messages = bytes > 0 && messages > 0;
        let is_open = self.setup.world.page.sockets().contains(&ReadyState::Open);
        let is_empty = self.sender.counts().queued == 0 && !is_open && self.setup.waiting.get() == 0;
        assert!(*error != Error::Full || !is_empty || !takes_messages, "it is full, with nothing in it");
    }

    /// Checks the error of a sender that may wait: `Error::Full` needs `WhenFull::Reject`.
    fn is_rejected(&self, error: &Error) {
        let rejects = self.setup.plan.options.when_full == WhenFull::Reject;
        assert!(*error != Error::Full || rejects, "a full queue rejects a message, though `WhenFull` says otherwise");
        self.is_full(error);
    }

    async fn wait(&mut self, what: Await) -> Result<(), Error> {
        match what {
            Await::Send(letter) | Await::SendLate(letter, _) => {
                let (id, message) = self.message(letter);
                let _place = Place::new(&self.setup.waiting);
                let send = self.sender.send(message);
                let sent = match what {
                    Await::SendLate(_, delay) => self.late(send, delay).await,
                    _ => self.in_turn(send).await,
                };
                match sent {
                    Ok(number) => self.setup.book.took(id, Some(number), letter.len),
                    Err(unsent) => {
                        self.setup.book.rejected();
                        self.is_rejected(&unsent.error);
                        return Err(unsent.error);
                    }
                }
            }
            Await::Feed(letter) => {
                let (id, message) = self.message(letter);
                self.place = Some(Place::new(&self.setup.waiting));
                let ready = poll_fn(|context| Pin::new(&mut self.sender).poll_ready(context)).await;
                self.place = None;
                ready.inspect_err(|error| self.is_rejected(error))?;
                match Pin::new(&mut self.sender).start_send(message) {
                    Ok(()) => self.setup.book.took(id, None, letter.len),
                    Err(error) => {
                        self.setup.book.rejected();
                        return Err(error);
                    }
                }
            }
            Await::Ready(letter) => {
                let place = Place::new(&self.setup.waiting);
                let ready = self.in_turn(self.sender.ready()).await;
                drop(place);
                ready.inspect_err(|error| self.is_rejected(error))?;
                let setup = &self.setup;
                let is_alone = setup.waiting.get() == 0 && !setup.has_slices() && !setup.world.polls_inline;
                let error = self.try_send(letter);
                assert!(!is_alone || error != Some(Error::Full), "it is ready, and then full");
            }
            Await::Flush => {
                self.sender.flush().await?;
                // Bytes that were unsent at the end of a connection still count.
                let page = &self.setup.world.page;
                let is_first = self.setup.attempts.get() <= 1 && page.sockets() == [ReadyState::Open];
                let may_be_unsent = !is_first || self.setup.world.polls_inline;
                assert!(may_be_unsent || page.unsent() == 0, "it is flushed, and something is unsent");
            }
            Await::FlushSink => {
                SinkExt::flush(&mut self.sender).await?;
                assert_eq!(self.sender.counts().queued, 0, "the sink is flushed, and something is queued");
            }
        }
        Ok(())
    }

    /// Waits for a sender, and checks that few slices of a preamble go out before it.
    async fn in_turn<T>(&self, send: impl Future<Output = T>) -> T {
        let (setup, mut send) = (&self.setup, pin!(send));
        let (attempts, slices, mut is_in_line) = (setup.attempts.get(), setup.slices.get(), true);
        poll_fn(|context| {
            let polled = send.as_mut().poll(context);
            // Queued messages, and those that are sent again, go first.
            let Counts { queued, in_doubt, .. } = self.sender.counts();
            let is_open = self.sender.state() == State::Open && setup.attempts.get() == attempts;
            is_in_line &= is_open && setup.world.undisturbed() == Some(0) && (queued, in_doubt) == (0, 0);
            let slices = setup.slices.get() - slices;
            assert!(!is_in_line || slices <= MOST_SLICES, "a sender waits for {slices} slices");
            polled
        })
        .await
    }

    /// Polls a sender once, and again after a delay.
    async fn late<T>(&self, send: impl Future<Output = T>, delay: u32) -> T {
        let mut send = pin!(send);
        if let Some(sent) = (&mut send).now_or_never() {
            return sent;
        }
        self.setup.world.pause(delay).await;
        send.await
    }

    fn confirm(&self) {
        let book = &self.setup.book;
        let last = book.conversations.borrow().values().rev().find_map(|last| book.last_received(last));
        if let Some(number) = last {
            let before = self.sender.counts().confirmed;
            let confirmed = self.sender.confirm(number);
            note(&self.setup.world.page, || format!("page: confirms {number}, which are {confirmed} more"));
            assert_eq!(self.sender.counts().confirmed, before + confirmed);
        }
    }

    /// Calls `reconnect_now`, and checks that it connects within half a second, in every state.
    fn reconnect_now(&self) {
        let setup = Rc::clone(&self.setup);
        let (attempts, undisturbed, command) =
            (setup.attempts.get(), setup.world.undisturbed(), setup.story.commands());
        let is_over = matches!(self.sender.state(), State::Closed { .. });
        self.sender.reconnect_now();
        if is_over {
            return;
        }
        setup.world.clone().spawn(async move {
            setup.world.page.sleep(std::time::Duration::from_millis(600)).await;
            let is_undisturbed = undisturbed.is_some() && undisturbed == setup.world.undisturbed();
            let is_commanded =
                setup.story.commanded() != command || setup.world.is_over() || setup.story.cause().is_some();
            let has_connected = setup.attempts.get() > attempts;
            assert!(has_connected || is_commanded || !is_undisturbed, "it does not connect now");
        });
    }
}

async fn read_all(setup: &Setup, mut feed: Reconnecting, steps: Vec<Read>) {
    let world = &setup.world;
    let is_prepared = || setup.prepared.get() >= setup.plan.read_after;
    world.within(Some(20_000), world.until_end(world.until(is_prepared))).await;
    for step in steps {
        match step {
            Read::Next(messages, limit) => {
                for _ in 0..messages {
                    next(setup, &mut feed, limit).await;
                }
            }
            Read::Pause(delay) => world.pause(delay).await,
            Read::Drop => return,
        }
    }
    while next(setup, &mut feed, None).await == Some(true) {}
    if !setup.reading.is_over() {
        // The program has ended before the stream.
        return;
    }
    if setup.story.cause().is_none() && !world.is_over() {
        world.until(|| setup.story.cause().is_some() || world.is_over()).await;
    }
    if setup.story.cause().is_some() {
        let closed = feed.closed().await;
        setup.story.check_end(&closed, &setup.reading.last_error());
        setup.reading.check_complete(&setup.story.closed.borrow(), feed.dropped());
    }
}

/// Takes the next message. Returns false after the end, and `None` if no message arrives in time.
async fn next(setup: &Setup, feed: &mut Reconnecting, limit: Option<u32>) -> Option<bool> {
    let world = &setup.world;
    let received = world.until_end(world.within(limit, feed.next())).await??;
    match received {
        Some(Ok(message)) => {
            setup.reading.is_limited(world.page.turns());
            setup.reading.received(&read(message).await);
        }
        Some(Err(error)) => setup.reading.failed(error),
        None => {
            setup.reading.ended();
            return Some(false);
        }
    }
    Some(true)
}

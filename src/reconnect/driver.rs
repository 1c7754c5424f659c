//! Does what the machine decides, and tells it what happens.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::attempt::{Provider, attempt};
use super::event::{Action, Command, Event, NO_CODE, Signal};
use super::link::{Arrival, Link};
use super::options::BoxFuture;
use super::shared::{Item, Shared};
use crate::queue::{Overfull, Wake};
use crate::sys::{Data, Timer, WakeUps, in_next_turn, now};
use crate::{AfterClose, Cause, CloseEvent, Error, ReconnectOptions, State, WebSocketStream};

/// What drives one connection that comes back. When this is dropped, nothing of it is left with the browser but the
/// connection itself.
pub(crate) struct Driver {
    options: ReconnectOptions,
    provider: Rc<dyn Provider>,
    attempt: Option<(u64, BoxFuture<'static, Result<WebSocketStream, Signal>>)>,
    /// A timer, and when it is due.
    timer: Option<(Duration, Timer)>,
    _wake_ups: WakeUps,
}

/// Timers for times that are no further apart than this are the same.
const SAME: Duration = Duration::from_millis(1);

impl Driver {
    pub fn new(shared: &Rc<Shared>, options: ReconnectOptions, provider: Rc<dyn Provider>) -> Self {
        let woken = Rc::downgrade(shared);
        let wake_ups = WakeUps::new(move || {
            if let Some(shared) = woken.upgrade() {
                shared.handle(Event::WakeUp);
                shared.wake();
            }
        });
        Self { options, provider, attempt: None, timer: None, _wake_ups: wake_ups }
    }

    /// Resolves when it is over for good.
    pub fn poll(&mut self, shared: &Rc<Shared>, context: &mut Context<'_>) -> Poll<()> {
        // First of all what has arrived: it may be older than the timer that has fired.
        loop {
            self.poll_attempt(shared, context);
            self.receive(shared, context);
            shared.handle(Event::Tick);
            self.hand_over(shared, context);
            if !self.act(shared) && !self.is_due(shared, context) {
                break;
            }
        }
        if shared.machine.borrow().is_closed() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn poll_attempt(&mut self, shared: &Shared, context: &mut Context<'_>) {
        let Some((generation, attempt)) = &mut self.attempt else { return };
        let Poll::Ready(outcome) = attempt.as_mut().poll(context) else { return };
        let generation = *generation;
        self.attempt = None;
        let signal = match outcome {
            Ok(stream) => {
                let last = shared.link.replace(Some(Link::new(stream, generation)));
                drop(last);
                Signal::Opened
            }
            Err(signal) => signal,
        };
        shared.handle(Event::Connection(generation, signal));
        shared.notify.wake_all();
    }

    /// Takes what has arrived, so that answers of the peer are seen though the caller takes nothing.
    fn receive(&self, shared: &Rc<Shared>, context: &mut Context<'_>) {
        loop {
            let arrival = shared.link.borrow().as_ref().map(|link| (link.generation, link.poll_arrival(context)));
            let Some((generation, Poll::Ready(arrival))) = arrival else { return };
            let signal = match arrival {
                Arrival::Data(data) => match self.received(shared, generation, data) {
                    Some(signal) => signal,
                    None => continue,
                },
                Arrival::End(end) => self.ended(end),
            };
            let is_end = matches!(signal, Signal::Ended(..));
            shared.handle(Event::Connection(generation, signal));
            if is_end {
                // What it was comes with the actions.
                return;
            }
        }
    }

    fn ended(&self, end: Result<CloseEvent, Error>) -> Signal {
        let after = match &end {
            Ok(event) => (self.options.after_close)(event),
            Err(error) => AfterClose::of_failure(error),
        };
        Signal::Ended(end, after)
    }

    /// None for what no browser delivers.
    fn received(&self, shared: &Rc<Shared>, generation: u64, data: Data) -> Option<Signal> {
        let len = data.len();
        let heartbeat = self.options.heartbeat.as_ref().filter(|_| shared.machine.borrow().outbox.awaits_pong());
        let item = match heartbeat {
            None => Item::Data(data),
            Some(heartbeat) => match data.decode()? {
                Ok(message) if (heartbeat.is_pong)(&message) => return Some(Signal::Received { is_pong: true }),
                decoded => Item::Decoded(decoded),
            },
        };
        let pushed = shared.inbox.borrow_mut().push(generation, item, len);
        match pushed {
            Ok(None) => {}
            Ok(Some(Wake::Now(reader))) => reader.wake(),
            Ok(Some(Wake::NextTurn)) => {
                let shared = Rc::downgrade(shared);
                in_next_turn(move || {
                    let reader = shared.upgrade().and_then(|shared| shared.inbox.borrow_mut().turn());
                    if let Some(reader) = reader {
                        reader.wake();
                    }
                });
            }
            Err(Overfull(reader)) => {
                reader.into_iter().for_each(Waker::wake);
                return Some(Signal::Ended(Err(Error::Overflow), AfterClose::Stop));
            }
        }
        Some(Signal::Received { is_pong: false })
    }

    /// Hands over what is queued, as far as there is room.
    fn hand_over(&self, shared: &Shared, context: &mut Context<'_>) {
        let mut has_sent = false;
        while shared.machine.borrow().is_open() && !shared.machine.borrow().outbox.is_empty() {
            let room = shared.link.borrow_mut().as_mut().map(|link| link.poll_room(context));
            if !matches!(room, Some(Poll::Ready(Ok(())))) || !shared.send_front() {
                break;
            }
            has_sent = true;
        }
        if has_sent {
            shared.notify.wake_all();
        }
    }

    /// Does what is to be done. Whether there was anything.
    fn act(&mut self, shared: &Shared) -> bool {
        let mut has_acted = false;
        loop {
            let action = shared.machine.borrow_mut().next_action();
            let Some(action) = action else { return has_acted };
            has_acted = true;
            match action {
                Action::Connect(generation) => {
                    let attempt = attempt(Rc::clone(&self.provider), self.options.clone());
                    self.attempt = Some((generation, Box::pin(attempt)));
                }
                Action::Disconnect => {
                    self.attempt = None;
                    let link = shared.link.take();
                    drop(link);
                    shared.notify.wake_all();
                }
                Action::Close => shared.close(),
                Action::Ping => self.ping(shared),
                Action::Tell(state) => shared.tell(state),
                Action::InDoubt(before, messages) => {
                    let reader = shared.inbox.borrow_mut().push_doubt(before, messages);
                    reader.into_iter().for_each(Waker::wake);
                }
                Action::End(cause, closing) => end(shared, cause, closing),
            }
        }
    }

    fn ping(&self, shared: &Shared) {
        let Some(heartbeat) = &self.options.heartbeat else { return };
        let pinged = shared.link.borrow_mut().as_mut().map(|link| link.send(&heartbeat.ping));
        // Of one that is closing the end will be heard.
        if let Some(Ok(())) = pinged {
            shared.machine.borrow_mut().outbox.pinged();
        }
    }

    /// Sets the timer for what comes next. Whether it is due already.
    fn is_due(&mut self, shared: &Shared, context: &mut Context<'_>) -> bool {
        let now = now();
        let Some(remaining) = shared.machine.borrow_mut().remaining(now) else {
            self.timer = None;
            return false;
        };
        let due_at = now.saturating_add(remaining);
        if self.timer.as_ref().is_none_or(|(set_for, _)| set_for.abs_diff(due_at) > SAME) {
            self.timer = Some((due_at, Timer::new(remaining)));
        }
        let has_fired = self.timer.as_mut().is_some_and(|(_, timer)| Pin::new(timer).poll(context).is_ready());
        if has_fired {
            self.timer = None;
        }
        has_fired
    }
}

fn end(shared: &Shared, cause: Cause, closing: Option<Result<CloseEvent, Error>>) {
    let end = match (closing, &cause) {
        (Some(end), _) => end.map(Some),
        (None, Cause::Requested) => Ok(None),
        (None, Cause::Closed(event)) => Ok(Some(event.clone())),
        (None, Cause::Failed(error)) => Err(error.clone()),
    };
    shared.end.replace(Some(end));
    let reader = shared.inbox.borrow_mut().end(cause.into_error());
    reader.into_iter().for_each(Waker::wake);
    shared.notify.wake_all();
}

/// Ends before it has begun.
pub(crate) fn fail(shared: &Shared, error: Error) {
    let cause = Cause::Failed(error);
    shared.handle(Event::Command(Command::Close(NO_CODE)));
    shared.tell(State::Closed { cause: cause.clone() });
    end(shared, cause, None);
}

//! The driver: runs the actions of the machine, and passes events to it.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::attempt::attempt;
use super::deadline::Deadline;
use super::event::{Action, Event, Signal};
use super::link::Link;
use super::options::BoxFuture;
use super::receiving::Receiving;
use super::shared::Shared;
use super::target::Provider;
use crate::send::backpressure::Wait;
use crate::sys::{Timer, WakeUps, now};
use crate::trace::trace;
use crate::wake::wake_each;
use crate::{AfterClose, Cause, CloseEvent, Error, ReconnectOptions, State};

/// Drives one connection that comes back. Dropping the driver drops the connection, the timer and all listeners.
pub(crate) struct Driver {
    shared: Rc<Shared>,
    options: Rc<ReconnectOptions>,
    provider: Rc<dyn Provider>,
    attempt: Option<(u64, BoxFuture<'static, Result<Link, Signal>>)>,
    /// The place of the driver in the connection's line, where it waits for the end.
    end: Wait,
    /// The timer, and the deadline for which it is set.
    timer: Option<(Deadline, Timer)>,
    /// Whether [`poll`](Self::poll) runs.
    is_polled: bool,
    _wake_ups: WakeUps,
}

impl Driver {
    pub fn new(shared: Rc<Shared>, options: ReconnectOptions, provider: Rc<dyn Provider>) -> Self {
        let woken = Rc::downgrade(&shared);
        let wake_ups = WakeUps::new(move || {
            if let Some(shared) = woken.upgrade() {
                shared.handle(Event::WakeUp);
                shared.wake();
            }
        });
        let (options, end) = (Rc::new(options), Wait::default());
        Self { shared, options, provider, attempt: None, end, timer: None, is_polled: false, _wake_ups: wake_ups }
    }

    /// Resolves when the connection is closed for good.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.is_polled = true;
        let last = self.shared.task.replace(Some(context.waker().clone()));
        drop(last);
        // Events first: they may be older than the timer that has fired.
        loop {
            self.poll_attempt(context);
            self.poll_end(context);
            self.shared.handle(Event::Tick);
            self.hand_over(context);
            if !self.act() && !self.is_due(context) {
                break;
            }
        }
        self.is_polled = false;
        if self.shared.machine.borrow().is_closed() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn poll_attempt(&mut self, context: &mut Context<'_>) {
        let Some((generation, attempt)) = &mut self.attempt else { return };
        // An attempt that was given up does not run once more before it is dropped.
        if !self.shared.machine.borrow().is_connecting(*generation) {
            return;
        }
        let Poll::Ready(outcome) = attempt.as_mut().poll(context) else { return };
        let generation = *generation;
        self.attempt = None;
        match outcome {
            Ok(link) => self.adopt(link),
            Err(signal) => self.shared.handle(Event::Connection(generation, signal)),
        }
    }

    /// Makes an open connection the current one.
    fn adopt(&self, link: Link) {
        let (shared, generation) = (&self.shared, link.generation);
        let queued = link.start(Receiving { shared: Rc::downgrade(shared), generation });
        #[cfg(feature = "streams")]
        shared.reading.start_over(link.socket());
        shared.link.replace(Some(Rc::new(link)));
        shared.handle(Event::Connection(generation, Signal::Opened));
        queued.into_iter().for_each(|data| shared.received(generation, data));
        shared.pace_reading();
        shared.notify.wake_all();
    }

    fn poll_end(&mut self, context: &mut Context<'_>) {
        let Some(link) = self.shared.link() else { return };
        let Poll::Ready(end) = link.poll_ended(context, &mut self.end) else { return };
        let is_open = self.shared.machine.borrow().is_open();
        // A session learns of each end: even if the caller has paused meanwhile, the peer's code may be the end of the session.
        let is_asked = is_open || self.shared.is_of_session();
        let signal = if is_asked { self.options.ended(end) } else { Signal::Ended(end, AfterClose::Stop) };
        if is_asked && !is_open && matches!(signal, Signal::Ended(_, AfterClose::Stop)) {
            self.shared.close(None);
        }
        self.shared.handle(Event::Connection(link.generation, signal));
    }

    /// Hands over pending messages while there is room, and then calls a waiting sender.
    fn hand_over(&mut self, context: &mut Context<'_>) {
        let mut has_sent = false;
        while self.is_pending() {
            let room = self.shared.link().map(|link| self.shared.poll_link(context, &link));
            if !matches!(room, Some(Poll::Ready(Ok(())))) || !self.shared.hand_over_next() {
                break;
            }
            has_sent = true;
        }
        if has_sent && !self.is_pending() {
            // Gives the turn to the next sender in the connection's line.
            drop(self.shared.room.take());
        }
        if has_sent {
            self.shared.notify.wake_all();
        }
        self.shared.poll_line(context);
    }

    /// Returns whether a message is pending and a connection is open.
    fn is_pending(&self) -> bool {
        let machine = self.shared.machine.borrow();
        machine.is_open() && machine.outbox.is_pending()
    }

    /// Runs all actions. Returns whether there were any.
    pub fn act(&mut self) -> bool {
        let mut has_acted = false;
        loop {
            let action = self.shared.machine.borrow_mut().next_action();
            let Some(action) = action else { return has_acted };
            has_acted = true;
            match action {
                Action::Connect(begin) => {
                    let (generation, shared) = (begin.generation, Rc::downgrade(&self.shared));
                    let attempt = attempt(begin, shared, Rc::clone(&self.provider), Rc::clone(&self.options));
                    self.attempt = Some((generation, Box::pin(attempt)));
                }
                Action::Disconnect => self.disconnect(),
                Action::Ping => self.ping(),
                Action::Announce(state) => self.announce(state),
                Action::End(cause, closing) => self.finish(cause, closing),
            }
        }
    }

    /// Drops the connection, or the attempt.
    fn disconnect(&mut self) {
        self.attempt = None;
        self.end = Wait::default();
        drop(self.shared.room.take());
        let link = self.shared.link.take();
        drop(link);
        self.shared.notify.wake_all();
    }

    fn ping(&self) {
        let (Some(heartbeat), Some(link)) = (&self.options.heartbeat, self.shared.link()) else { return };
        let flow = link.flow();
        let mut machine = self.shared.machine.borrow_mut();
        machine.note_bytes_before_ping(flow);
        let handed = machine.outbox.handed_over();
        drop(machine);
        // A connection that is closing refuses the ping. The event of its end follows.
        if link.send(&heartbeat.ping).is_ok() {
            self.shared.machine.borrow_mut().outbox.pinged(handed);
        }
    }

    /// Sends a state to the listeners.
    fn announce(&self, state: State) {
        trace!(INFO, %state, "reconnecting");
        let wakers = self.shared.announcer.borrow_mut().announce(state);
        wake_each(wakers);
    }

    /// Ends the stream and all waits, since the connection is closed for good.
    fn finish(&self, cause: Cause, closing: Option<Result<CloseEvent, Error>>) {
        let end = match (closing, &cause) {
            (Some(end), _) => end.map(Some),
            (None, Cause::Requested) => Ok(None),
            (None, Cause::Closed(event)) => Ok(Some(event.clone())),
            (None, Cause::Failed(error)) => Err(error.clone()),
        };
        // Set only once, since the machine returns this action once.
        let _set = self.shared.end.set(end);
        let reader = self.shared.inbox.borrow_mut().end(cause.into_error());
        reader.into_iter().for_each(Waker::wake);
        self.shared.notify.wake_all();
    }

    /// Sets the timer for the next look at the clock. Returns whether it has fired.
    fn is_due(&mut self, context: &mut Context<'_>) -> bool {
        let now = now();
        let Some(deadline) = self.shared.machine.borrow_mut().deadline(now) else {
            self.timer = None;
            return false;
        };
        if self.timer.as_ref().is_none_or(|(set_for, _)| *set_for != deadline) {
            self.timer = Some((deadline, Timer::new(deadline.remaining(now))));
        }
        let has_fired = self.timer.as_mut().is_some_and(|(_, timer)| Pin::new(timer).poll(context).is_ready());
        if has_fired {
            self.timer = None;
        }
        has_fired
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Where panics unwind, a panic of the app's code drops the driver, and nothing would end the waits.
        if cfg!(panic = "unwind") && self.is_polled {
            let panic = Error::Thrown { name: "PanicError".into(), message: "code of the app has panicked".into() };
            self.shared.machine.borrow_mut().give_up(panic);
            self.act();
            self.shared.line.release();
        }
        self.disconnect();
        let wakers = self.shared.announcer.borrow_mut().end();
        wake_each(wakers);
        // Polls the task once more, so that it ends.
        self.shared.wake();
    }
}

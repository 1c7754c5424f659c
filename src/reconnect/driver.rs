//! The driver: runs the actions of the machine, and tells it the events.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::attempt::attempt;
use super::deadline::Deadline;
use super::event::{Action, Event, Signal};
use super::options::BoxFuture;
use super::shared::Shared;
use super::target::Provider;
use crate::send::backpressure::Wait;
use crate::sys::{Timer, WakeUps, now};
use crate::{AfterClose, ReconnectOptions, WebSocketStream};

/// Drives one connection that comes back. Dropping it removes its timer and its listeners for wake-ups.
pub(crate) struct Driver {
    options: Rc<ReconnectOptions>,
    provider: Rc<dyn Provider>,
    attempt: Option<(u64, BoxFuture<'static, Result<WebSocketStream, Signal>>)>,
    /// The places of the driver in the connection's line: for room, and for the end.
    room: Wait,
    end: Wait,
    /// A timer, and what it was set for.
    timer: Option<(Deadline, Timer)>,
    _wake_ups: WakeUps,
}

impl Driver {
    pub fn new(shared: &Rc<Shared>, provider: Rc<dyn Provider>) -> Self {
        let woken = Rc::downgrade(shared);
        let wake_ups = WakeUps::new(move || {
            if let Some(shared) = woken.upgrade() {
                shared.handle(Event::WakeUp);
                shared.wake();
            }
        });
        let (room, end) = (Wait::default(), Wait::default());
        let options = Rc::clone(&shared.options);
        Self { options, provider, attempt: None, room, end, timer: None, _wake_ups: wake_ups }
    }

    /// Resolves when the connection is closed for good.
    pub fn poll(&mut self, shared: &Rc<Shared>, context: &mut Context<'_>) -> Poll<()> {
        // Events come first: they may be older than the timer that has fired.
        loop {
            self.poll_attempt(shared, context);
            self.poll_end(shared, context);
            shared.handle(Event::Tick);
            self.hand_over(shared, context);
            if !self.act(shared) && !self.is_due(shared, context) {
                break;
            }
        }
        if shared.machine.borrow().is_closed() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn poll_attempt(&mut self, shared: &Rc<Shared>, context: &mut Context<'_>) {
        let Some((generation, attempt)) = &mut self.attempt else { return };
        let Poll::Ready(outcome) = attempt.as_mut().poll(context) else { return };
        let generation = *generation;
        self.attempt = None;
        match outcome {
            Ok(stream) => shared.adopt(stream, generation),
            Err(signal) => shared.handle(Event::Connection(generation, signal)),
        }
    }

    fn poll_end(&mut self, shared: &Shared, context: &mut Context<'_>) {
        let Some(link) = shared.link() else { return };
        let Poll::Ready(end) = link.poll_ended(context, &mut self.end) else { return };
        let is_open = shared.machine.borrow().is_open();
        let signal = if is_open { self.options.ended(end) } else { Signal::Ended(end, AfterClose::Stop) };
        shared.handle(Event::Connection(link.generation, signal));
    }

    /// Hands over pending messages while there is room, and then lets waiting senders have room.
    fn hand_over(&mut self, shared: &Rc<Shared>, context: &mut Context<'_>) {
        let mut has_sent = false;
        let is_pending = || {
            let machine = shared.machine.borrow();
            machine.is_open() && machine.outbox.is_pending()
        };
        while is_pending() {
            let room = shared.link().map(|link| link.poll_room(context, &mut self.room));
            if !matches!(room, Some(Poll::Ready(Ok(())))) || !shared.send_next() {
                break;
            }
            has_sent = true;
        }
        if !is_pending() {
            // The next sender in the connection's line has its turn.
            self.room = Wait::default();
        }
        if has_sent {
            shared.notify.wake_all();
        }
        shared.poll_line(context);
    }

    /// Runs all actions. Returns whether there were any.
    fn act(&mut self, shared: &Rc<Shared>) -> bool {
        let mut has_acted = false;
        loop {
            let action = shared.machine.borrow_mut().next_action();
            let Some(action) = action else { return has_acted };
            has_acted = true;
            match action {
                Action::Connect(begin) => {
                    let generation = begin.generation;
                    let provider = Rc::clone(&self.provider);
                    let attempt = attempt(begin, Rc::downgrade(shared), provider, Rc::clone(&self.options));
                    self.attempt = Some((generation, Box::pin(attempt)));
                }
                Action::Disconnect => {
                    self.attempt = None;
                    (self.room, self.end) = Default::default();
                    shared.drop_link();
                }
                Action::Ping => ping(shared),
                Action::Tell(state) => shared.tell(state),
                Action::End(cause, closing) => shared.finish(cause, closing),
            }
        }
    }

    /// Sets the timer for the next look at the clock. Returns whether it has fired.
    fn is_due(&mut self, shared: &Shared, context: &mut Context<'_>) -> bool {
        let now = now();
        let Some(deadline) = shared.machine.borrow_mut().deadline(now) else {
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

fn ping(shared: &Shared) {
    let (Some(heartbeat), Some(link)) = (&shared.options.heartbeat, shared.link()) else { return };
    let handed = shared.machine.borrow().outbox.handed_over();
    // A connection that is closing refuses the ping; its end follows.
    if link.send(&heartbeat.ping).is_ok() {
        shared.machine.borrow_mut().outbox.pinged(handed);
    }
}

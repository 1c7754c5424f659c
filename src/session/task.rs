//! The task of a session: it hands over what waits for room, and acknowledges in time.

use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use super::core::Core;
use crate::reconnect::event::Command;
use crate::reconnect::shared::Shared;
use crate::reconnect::{State, States};
use crate::send::backpressure::Wait;
use crate::sys::Timer;

pub(crate) struct Task {
    core: Rc<Core>,
    shared: Weak<Shared>,
    states: States,
    room: Wait,
    /// Until what was processed is acknowledged.
    acknowledgement: Option<Timer>,
    /// Until a complete session tries another connection, and until it gives up.
    answer: Option<Countdown>,
    completion: Option<Countdown>,
}

/// A time in parts. A page that is frozen, or whose timers are late, loses one of them at most: what arrived meanwhile is read
/// before the next one is over.
struct Countdown {
    parts: u32,
    timer: Timer,
}

/// Half of what the protocol allows, since timers are late.
const SOON: Duration = Duration::from_millis(50);
/// A part of the times of a complete session.
const PART: Duration = Duration::from_secs(5);
/// How long it waits for the server to close, before it takes the connection for lost.
const ANSWER: u32 = 2;
/// How long it goes on, at most: longer than before a full server is asked again.
const COMPLETION: u32 = 6;

impl Task {
    pub fn new(core: Rc<Core>, shared: Weak<Shared>, states: States) -> Self {
        Self { core, shared, states, room: Wait::default(), acknowledgement: None, answer: None, completion: None }
    }

    /// Resolves when there will be no more connection.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.core.set_task(context.waker());
        loop {
            match Pin::new(&mut self.states).poll_next(context) {
                Poll::Ready(Some(State::Closed { cause })) => {
                    self.core.stopped(cause);
                    self.core.end_connection();
                }
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        self.hand_over(context);
        if self.is_time_to_acknowledge(context) {
            self.core.client.borrow_mut().acknowledge();
            self.hand_over(context);
        }
        self.complete(context);
        Poll::Pending
    }

    fn hand_over(&mut self, context: &mut Context<'_>) {
        let mut waits = false;
        while let Some(link) = self.core.link() {
            let room = link.poll_room(context, &mut self.room);
            waits = room.is_pending();
            if !matches!(room, Poll::Ready(Ok(()))) || !self.core.hand_over_next(&link) {
                break;
            }
        }
        if !waits {
            self.room = Wait::default();
        }
        self.core.waits_for_room.set(waits);
    }

    fn is_time_to_acknowledge(&mut self, context: &mut Context<'_>) -> bool {
        let is_pending = self.core.client.borrow().is_ack_pending();
        if !is_pending {
            self.acknowledgement = None;
        }
        let is_due = is_pending && {
            let timer = self.acknowledgement.get_or_insert_with(|| Timer::new(SOON));
            Pin::new(timer).poll(context).is_ready()
        };
        if is_due {
            self.acknowledgement = None;
        }
        self.core.waits_to_acknowledge.set(self.acknowledgement.is_some());
        is_due
    }

    /// Sees to it that the server knows that the session is complete, or gives up.
    fn complete(&mut self, context: &mut Context<'_>) {
        if !self.core.client.borrow().is_complete() {
            return;
        }
        let is_connected = self.core.link().is_some();
        if !is_connected {
            self.answer = None;
        }
        let is_hopeless = Countdown::is_over(&mut self.completion, COMPLETION, context);
        let is_unanswered = is_connected && Countdown::is_over(&mut self.answer, ANSWER, context);
        if is_hopeless {
            self.command(Command::Close);
            self.core.end_connection();
        } else if is_unanswered {
            self.answer = None;
            self.command(Command::ReconnectNow);
        }
    }

    fn command(&self, command: Command) {
        if let Some(shared) = self.shared.upgrade() {
            shared.command(command);
        }
    }
}

impl Countdown {
    /// Begins a time of so many parts, and returns whether it is over.
    fn is_over(countdown: &mut Option<Self>, parts: u32, context: &mut Context<'_>) -> bool {
        let Self { parts, timer } = countdown.get_or_insert_with(|| Self { parts, timer: Timer::new(PART) });
        while Pin::new(&mut *timer).poll(context).is_ready() {
            *parts = parts.saturating_sub(1);
            if *parts == 0 {
                return true;
            }
            *timer = Timer::new(PART);
        }
        false
    }
}

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
    /// Until a complete session closes: on a connection without an answer of the server, and without a connection.
    answer: Option<Timer>,
    completion: Option<Timer>,
}

/// Half of what the protocol allows, since timers are late.
const SOON: Duration = Duration::from_millis(50);
/// How long a complete session waits for the server to close.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a complete session goes on, at most: longer than before a full server is asked again.
const COMPLETION: Duration = Duration::from_secs(30);

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
        let is_due = is_pending && is_over(&mut self.acknowledgement, SOON, context);
        if is_due {
            self.acknowledgement = None;
        }
        self.core.waits_to_acknowledge.set(self.acknowledgement.is_some());
        is_due
    }

    fn complete(&mut self, context: &mut Context<'_>) {
        if !self.core.client.borrow().is_complete() {
            return;
        }
        if self.core.link().is_none() {
            self.answer = None;
        }
        let is_unanswered = self.core.link().is_some() && is_over(&mut self.answer, ANSWER, context);
        if is_over(&mut self.completion, COMPLETION, context) || is_unanswered {
            if let Some(shared) = self.shared.upgrade() {
                shared.command(Command::Close);
            }
            self.core.end_connection();
        }
    }
}

/// Begins a time, and returns whether it is over.
fn is_over(timer: &mut Option<Timer>, time: Duration, context: &mut Context<'_>) -> bool {
    Pin::new(timer.get_or_insert_with(|| Timer::new(time))).poll(context).is_ready()
}

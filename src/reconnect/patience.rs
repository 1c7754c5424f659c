//! Waiting for a connection that comes back: for room in it, for a flush, and for the end.

use std::task::{Context, Poll, ready};

use super::link::Link;
use super::machine::Machine;
use super::shared::Shared;
use crate::backpressure::Wait;
use crate::notify::Waiter;
use crate::{CloseEvent, Error, Message, ReadyState, WhenFull};

/// One who waits, also for room in a connection or for its buffer to be empty, as long as it is the same connection.
#[derive(Default)]
pub(crate) struct Patience {
    in_link: Option<(u64, Wait)>,
    waiter: Waiter,
}

impl Shared {
    /// Resolves when a message can be given, or with the error for which it cannot.
    pub fn poll_room(&self, context: &mut Context<'_>, patience: &mut Patience) -> Poll<Result<(), Error>> {
        if let Some(refusal) = self.look(Machine::refusal) {
            return Poll::Ready(Err(refusal));
        }
        let is_open = self.look(Machine::is_open) && self.link().is_some_and(|link| link.is_open());
        // What is pending goes first.
        let is_next = is_open && !self.look(|machine| machine.outbox.is_pending());
        let room = if is_next { self.poll_link(context, patience, Link::poll_room) } else { Poll::Pending };
        match room {
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            Poll::Pending if is_open => return self.wait(context, patience),
            // There is no connection, or there will be none.
            _ => {}
        }
        match self.look(|machine| (machine.outbox.has_room(), machine.outbox.when_full())) {
            (true, _) => Poll::Ready(Ok(())),
            (false, WhenFull::Wait) => self.wait(context, patience),
            (false, _) => Poll::Ready(Err(Error::Full)),
        }
    }

    /// Resolves when nothing is pending: everything was handed over.
    pub fn poll_handed_over(&self, context: &Context<'_>, patience: &mut Patience) -> Poll<Result<(), Error>> {
        match self.look(|machine| (machine.outbox.is_pending(), machine.is_closed())) {
            (false, _) => Poll::Ready(Ok(())),
            (true, true) => Poll::Ready(Err(Error::NotOpen(ReadyState::Closed))),
            (true, false) => self.wait(context, patience),
        }
    }

    /// Resolves when nothing is pending, and the browser holds nothing either.
    pub fn poll_flush(&self, context: &mut Context<'_>, patience: &mut Patience) -> Poll<Result<(), Error>> {
        ready!(self.poll_handed_over(context, patience))?;
        if self.look(Machine::is_open) && self.poll_link(context, patience, Link::poll_empty).is_pending() {
            return self.wait(context, patience);
        }
        // What has not left with a connection that is gone is in doubt, as is told.
        Poll::Ready(Ok(()))
    }

    /// Resolves when it is over for good.
    pub fn poll_end(&self, context: &Context<'_>, patience: &mut Patience) -> Poll<Result<Option<CloseEvent>, Error>> {
        if let Some(end) = &*self.end.borrow() {
            return Poll::Ready(end.clone());
        }
        self.wait(context, patience)
    }

    fn poll_link(
        &self,
        context: &mut Context<'_>,
        patience: &mut Patience,
        poll: impl Fn(&Link, &mut Context<'_>, &mut Wait) -> Poll<Result<(), ReadyState>>,
    ) -> Poll<Result<(), ReadyState>> {
        let Some(link) = self.link() else { return Poll::Ready(Err(ReadyState::Closed)) };
        let (_, wait) = match patience.in_link.take() {
            Some((of, wait)) if of == link.generation => patience.in_link.insert((of, wait)),
            _ => patience.in_link.insert((link.generation, Wait::default())),
        };
        let polled = poll(&link, context, wait);
        if polled.is_ready() {
            patience.in_link = None;
        }
        polled
    }

    fn look<T>(&self, look: impl Fn(&Machine<Message>) -> T) -> T {
        look(&self.machine.borrow())
    }

    fn wait<T>(&self, context: &Context<'_>, patience: &mut Patience) -> Poll<T> {
        self.notify.wait(&mut patience.waiter, context.waker());
        Poll::Pending
    }
}

//! Waiting for a connection that comes back: for room in it, for all to be sent, and for the end.

use std::task::{Context, Poll};

use super::link::Link;
use super::machine::Machine;
use super::shared::Shared;
use crate::backpressure::Wait;
use crate::connection::Connection;
use crate::notify::Waiter;
use crate::{CloseEvent, Error, Message, ReadyState, WhenFull};

/// One who waits for room, or for all to be sent: for that in a connection only as long as it is the same.
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
        // What is about to be sent goes first.
        let (is_open, is_empty) = self.look(|machine| (machine.is_open(), machine.outbox.is_empty()));
        let is_next = is_open && is_empty;
        let room = if is_next { self.poll_link(context, patience, Connection::poll_room) } else { Poll::Pending };
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

    /// Resolves when nothing waits to be sent, neither here nor with the browser.
    pub fn poll_flush(&self, context: &mut Context<'_>, patience: &mut Patience) -> Poll<Result<(), Error>> {
        let (is_empty, is_open) = self.look(|machine| (machine.outbox.is_empty(), machine.is_open()));
        if !is_empty {
            let is_over = self.look(Machine::is_closed);
            return if is_over {
                Poll::Ready(Err(Error::NotOpen(ReadyState::Closed)))
            } else {
                self.wait(context, patience)
            };
        }
        if is_open && self.poll_link(context, patience, Connection::poll_empty).is_pending() {
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
        poll: impl Fn(&Connection, &mut Context<'_>, &mut Wait) -> Poll<Result<(), ReadyState>>,
    ) -> Poll<Result<(), ReadyState>> {
        let sender = self.link.borrow().as_ref().map(Link::sender);
        let Some(sender) = sender else { return Poll::Ready(Err(ReadyState::Closed)) };
        let generation = self.look(Machine::generation);
        let (_, wait) = match patience.in_link.take() {
            Some((of, wait)) if of == generation => patience.in_link.insert((of, wait)),
            _ => patience.in_link.insert((generation, Wait::default())),
        };
        let polled = poll(sender.connection(), context, wait);
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

//! Receiving: from the current connection to the reader.

use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use super::event::{Event, Signal};
use super::inbox::{Content, Item, Next};
use super::shared::Shared;
use crate::receive::queue::{Overfull, Wake};
use crate::stream::connection::Owner;
use crate::sys::{Data, in_next_turn};
use crate::{Error, Message};

/// The owner of the connection with this generation.
pub(crate) struct Receiving {
    pub shared: Weak<Shared>,
    pub generation: u64,
}

impl Owner for Receiving {
    fn receive(&self, data: Data) {
        if let Some(shared) = self.shared.upgrade() {
            shared.received(self.generation, data);
        }
    }

    fn count_slice(&self, len: u64) {
        let link = self.shared.upgrade().and_then(|shared| shared.link());
        link.into_iter().filter(|link| link.generation == self.generation).for_each(|link| link.count(len));
    }
}

impl Shared {
    /// Returns whether a session takes the messages.
    pub fn is_of_session(&self) -> bool {
        #[cfg(feature = "session")]
        return self.inlet.get().is_some();
        #[cfg(not(feature = "session"))]
        false
    }

    /// Passes all messages to `inlet` from now on.
    #[cfg(feature = "session")]
    pub fn set_inlet(&self, inlet: impl Fn(Result<Message, Error>) + 'static) {
        // Called only once, so there is no inlet yet.
        let _set = self.inlet.set(Box::new(inlet));
    }

    /// Passes on a message of the connection with this generation, unless it answers the heartbeat.
    pub fn received(self: &Rc<Self>, generation: u64, data: Data) {
        let (is_live, awaits_pong) = {
            let machine = self.machine.borrow();
            (machine.is_live(generation), machine.outbox.awaits_pong())
        };
        if !is_live {
            return;
        }
        let len = data.len();
        let content = match self.heartbeat.as_ref().filter(|_| awaits_pong) {
            None => Content::Data(data),
            Some(heartbeat) => match data.decode() {
                Some(Ok(message)) if (heartbeat.is_pong)(&message) => return self.lives(generation, true),
                Some(decoded) => Content::Decoded(decoded),
                // Data that no browser delivers is dropped.
                None => return,
            },
        };
        self.lives(generation, false);
        #[cfg(feature = "session")]
        if let Some(inlet) = self.inlet.get() {
            return content.decode().into_iter().for_each(inlet);
        }
        self.push(Item { content, len });
    }

    /// Notes that the peer is alive.
    fn lives(&self, generation: u64, is_pong: bool) {
        if self.heartbeat.is_none() {
            return;
        }
        let event = Event::Connection(generation, Signal::Received { is_pong });
        let is_to_run = self.with_machine(|machine, at| {
            // The timer of the driver is set for the end of this wait, and the next ping may be due before it.
            let was_waiting = machine.waits_for_answer();
            machine.handle(event, at);
            was_waiting || machine.has_actions()
        });
        if is_to_run {
            self.wake();
        }
    }

    fn push(self: &Rc<Self>, item: Item) {
        let mut inbox = self.inbox.borrow_mut();
        let pushed = inbox.push(item);
        if pushed.is_err() {
            let _ = inbox.end(Some(Error::Overflow));
        }
        drop(inbox);
        self.pace_reading();
        match pushed {
            Ok(None) => {}
            Ok(Some(Wake::Now(reader))) => reader.wake(),
            Ok(Some(Wake::NextTurn)) => {
                let shared = Rc::downgrade(self);
                in_next_turn(move || {
                    let reader = shared.upgrade().and_then(|shared| shared.inbox.borrow_mut().turn());
                    reader.into_iter().for_each(Waker::wake);
                });
            }
            Err(Overfull(reader)) => {
                self.fail(Error::Overflow);
                reader.into_iter().for_each(Waker::wake);
            }
        }
    }

    /// Takes the next message, or registers the waker.
    pub fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        loop {
            let mut inbox = self.inbox.borrow_mut();
            match inbox.take() {
                Next::Message(item) => {
                    drop(inbox);
                    self.pace_reading();
                    match item.content.decode() {
                        Some(Err(error)) => {
                            self.cut(error.clone());
                            return Poll::Ready(Some(Err(error)));
                        }
                        Some(decoded) => return Poll::Ready(Some(decoded)),
                        // Data that no browser delivers is dropped.
                        None => {}
                    }
                }
                Next::Error(error) => return Poll::Ready(Some(Err(error))),
                Next::End => return Poll::Ready(None),
                Next::Empty => {
                    let last = inbox.wait(context.waker());
                    drop(inbox);
                    drop(last);
                    return Poll::Pending;
                }
                Next::Pause => {
                    drop(inbox);
                    let waker = context.waker().clone();
                    in_next_turn(move || waker.wake());
                    return Poll::Pending;
                }
            }
        }
    }

    /// Ends the stream after an error that the reader has taken.
    fn cut(&self, error: Error) {
        let waiting = self.inbox.borrow_mut().cut();
        drop(waiting);
        self.fail(error);
    }

    /// Drops all queued and later messages, since the reader was dropped.
    pub fn discard(&self) {
        let waiting = self.inbox.borrow_mut().discard();
        drop(waiting);
        self.pace_reading();
    }

    /// Pauses or resumes the browser's reading after the inbox has changed.
    pub fn pace_reading(&self) {
        #[cfg(feature = "streams")]
        if let Some(link) = self.link() {
            self.reading.pace(link.socket(), |read_ahead| self.inbox.borrow().is_full(read_ahead));
        }
    }
}

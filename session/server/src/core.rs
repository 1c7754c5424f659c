//! One session: the machine, and the wakers that wait for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use websocket_session::{End, Hello, Item, Mark, Payload, SendError, Server, code};

use crate::mailbox::Mailbox;
use crate::{Gone, Key, Lease, Message};

/// The state that the handler and the driver of a session share.
pub(crate) struct Shared {
    pub key: Key,
    /// The lease under which the session was made.
    pub first: Lease,
    /// The application's protocol.
    pub protocol: Option<String>,
    /// Whether an earlier handler of this session has run, here or elsewhere.
    pub is_restored: bool,
    pub mailbox: Arc<Mailbox>,
    core: Mutex<Core>,
}

/// Who owns the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// This server.
    Here,
    /// This server, but it is shutting down: the handler gets no more messages.
    Leaving,
    /// Another server, or none: nothing can be sent or processed.
    Elsewhere,
}

pub(crate) struct Core {
    pub machine: Server<Message>,
    pub place: Place,
    /// The largest message that the client accepts, in bytes.
    pub peer_max: u64,
    /// The message that the handler has taken and not finished processing.
    taken: Option<Mark>,
    /// The number of the message that the handler has taken last.
    pub number: Option<u64>,
    /// The code and reason of the peer's END, once the handler has received it.
    pub peer_end: Option<End>,
    /// Whether the handler has received the last item of this session.
    is_over: bool,
    /// Whether that item was [`Gone::Moved`], so that another handler continues.
    is_moved: bool,
    /// The number of this end's END, once this direction has ended.
    own_end: Option<u64>,
    pub is_finished: bool,
    /// Whether messages have arrived that no handler will take.
    is_unwanted: bool,
    /// Whether the driver has work to do.
    has_work: bool,
    waiting: Vec<Waker>,
}

impl Shared {
    pub fn new(key: Key, first: Lease, hello: &Hello, mailbox: Arc<Mailbox>, machine: Server<Message>) -> Self {
        // A fresh session has had no handler, also if a store has kept it.
        let is_restored = !machine.is_fresh();
        let snapshot = machine.snapshot();
        let core = Core {
            machine,
            place: Place::Here,
            peer_max: hello.max,
            taken: None,
            number: None,
            peer_end: None,
            // An earlier handler has received END, so the stream of this handler has ended, too.
            is_over: snapshot.peer_ended,
            is_moved: false,
            own_end: snapshot.ended.then_some(snapshot.last_sent()),
            is_finished: false,
            is_unwanted: false,
            has_work: false,
            waiting: Vec::new(),
        };
        let protocol = hello.protocol.clone();
        Self { key, first, protocol, is_restored, mailbox, core: Mutex::new(core) }
    }

    pub fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `change`, wakes the driver if it has work to do, and returns the result.
    pub fn change<T>(&self, change: impl FnOnce(&mut Core) -> T) -> T {
        let mut core = self.core();
        let returned = change(&mut core);
        if std::mem::take(&mut core.has_work) {
            self.mailbox.wake();
        }
        returned
    }
}

impl Core {
    /// Returns whether a handler is to run: the client has shown that it received WELCOME, and the session is not complete.
    pub fn wants_handler(&self) -> bool {
        !self.machine.is_fresh() && !self.machine.is_complete()
    }

    /// Wakes all tasks that wait for this session.
    pub fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }

    fn wait<T>(&mut self, context: &Context<'_>) -> Poll<T> {
        if !self.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            self.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// Marks the message that the handler has taken as processed.
    pub fn finish_taken(&mut self) {
        if let Some(mark) = self.taken.take().filter(|_| self.place != Place::Elsewhere) {
            self.machine.processed(mark);
            self.has_work = true;
        }
    }

    /// Takes the next message, and marks the previous one as processed. After the last item: the loss, if it comes later.
    pub fn poll_take(&mut self, context: &Context<'_>) -> Poll<Option<Result<Message, Gone>>> {
        self.finish_taken();
        if self.is_over {
            return Poll::Ready(self.take_late_loss().map(Err));
        }
        if self.place != Place::Here {
            self.is_over = true;
            self.is_moved = true;
            return Poll::Ready(Some(Err(Gone::Moved)));
        }
        match self.machine.take() {
            Some(Item::Message { mark, payload }) => {
                self.taken = Some(mark);
                self.number = Some(mark.number);
                Poll::Ready(Some(Ok(payload)))
            }
            Some(Item::End { mark, end }) => {
                self.machine.processed(mark);
                self.has_work = true;
                self.peer_end = Some(end);
                self.is_over = true;
                Poll::Ready(None)
            }
            Some(Item::Lost(lost)) => {
                self.is_over = true;
                Poll::Ready(Some(Err(Gone::Lost(lost))))
            }
            None if self.machine.is_lost() || self.machine.is_complete() => Poll::Ready(None),
            None => self.wait(context),
        }
    }

    /// Takes the loss that has followed the peer's END.
    fn take_late_loss(&mut self) -> Option<Gone> {
        // Messages that are left to another handler stay.
        if !self.is_over || self.is_moved {
            return None;
        }
        match self.machine.take() {
            Some(Item::Lost(lost)) => Some(Gone::Lost(lost)),
            _ => None,
        }
    }

    /// Sends all messages when there is room for all of them, and calls `also` in the same change of the session.
    pub fn poll_send(
        &mut self,
        messages: &mut Vec<Message>,
        also: impl FnOnce(&mut Self),
        context: &Context<'_>,
    ) -> Poll<Result<(), SendError<Message>>> {
        if self.place == Place::Elsewhere {
            return Poll::Ready(messages.pop().map_or(Ok(()), |message| Err(SendError::Ended(message))));
        }
        if let Some(index) = messages.iter().position(|message| message.payload_len() > self.peer_max) {
            return Poll::Ready(Err(SendError::TooLarge(messages.swap_remove(index))));
        }
        let weight = messages.iter().map(websocket_session::weight).sum::<u64>();
        let fits = weight <= self.machine.limits().replay || messages.len() <= 1;
        if fits && !messages.is_empty() {
            ready!(self.poll_room(weight - websocket_session::OVERHEAD, context));
        }
        match messages.pop() {
            Some(message) if !fits => return Poll::Ready(Err(SendError::Full(message))),
            last => messages.extend(last),
        }
        self.has_work = true;
        for message in messages.drain(..) {
            if let Err(error) = self.machine.send(message) {
                return Poll::Ready(Err(error));
            }
        }
        also(self);
        Poll::Ready(Ok(()))
    }

    /// Sends a message, also above the limit of the replay buffer.
    pub fn send_above_limit(&mut self, message: Message) -> Result<(), SendError<Message>> {
        if self.place == Place::Elsewhere {
            return Err(SendError::Ended(message));
        }
        self.has_work = true;
        self.machine.send_above_limit(message).map(drop)
    }

    /// Waits until the replay buffer has room for `len` bytes, or nothing can be sent any more.
    pub fn poll_room(&mut self, len: u64, context: &Context<'_>) -> Poll<()> {
        let is_closed = self.own_end.is_some() || self.machine.is_lost() || self.machine.is_complete();
        if is_closed || self.place == Place::Elsewhere || self.machine.has_room(len) {
            return Poll::Ready(());
        }
        self.wait(context)
    }

    /// Waits until the peer has processed all sent messages.
    pub fn poll_acknowledged(&mut self, context: &Context<'_>) -> Poll<Result<(), Gone>> {
        match () {
            () if self.machine.is_complete() => Poll::Ready(Ok(())),
            () if self.place == Place::Elsewhere || self.machine.is_lost() => {
                Poll::Ready(Err(self.take_late_loss().unwrap_or(Gone::Moved)))
            }
            () if self.machine.unacknowledged_bytes() == 0 && self.own_end.is_none() => Poll::Ready(Ok(())),
            () if self.is_end_acknowledged() => Poll::Ready(Ok(())),
            () => self.wait(context),
        }
    }

    fn is_end_acknowledged(&self) -> bool {
        self.own_end.is_some_and(|end| end <= self.machine.acknowledged_number())
    }

    /// Sends END, unless this direction has ended.
    pub fn end(&mut self, end: End) {
        if self.place != Place::Elsewhere {
            let mark = self.machine.end(end);
            self.own_end = self.own_end.or(mark.map(|mark| mark.number));
            self.has_work = true;
            // Senders that wait for room return an error now.
            self.wake();
        }
    }

    /// Ends the session after the handler has returned or panicked.
    pub fn finish(&mut self, has_panicked: bool) {
        self.is_finished = true;
        self.has_work = true;
        let is_moved = match self.place {
            Place::Here => false,
            // A panic while the server shuts down loses no session: its handler starts again elsewhere.
            Place::Leaving => self.is_moved || has_panicked,
            Place::Elsewhere => true,
        };
        if is_moved {
            return;
        }
        if has_panicked {
            self.machine.give_up();
            return;
        }
        self.finish_taken();
        // While the server shuts down, another handler gets the messages that wait.
        if self.place == Place::Leaving && self.machine.has_items() {
            return;
        }
        if let Ok(end) = End::new(code::COMPLETE, "") {
            self.end(end);
        }
    }

    /// Gives the session up for the application.
    pub fn give_up(&mut self) {
        self.machine.give_up();
        self.has_work = true;
        self.wake();
    }

    /// Takes messages that arrive after the handler has returned. They will never be processed, so the session is given up, as soon
    /// as the client is connected and has received all sent messages and acknowledgements.
    ///
    /// Returns whether there were any, so that the machine may have output.
    pub fn take_unwanted(&mut self) -> bool {
        if !self.is_finished || self.place != Place::Here {
            return false;
        }
        let had_items = self.machine.has_items();
        while let Some(item) = self.machine.take() {
            match item {
                Item::End { mark, .. } if !self.is_unwanted => self.machine.processed(mark),
                Item::Message { .. } => self.is_unwanted = true,
                _ => (),
            }
        }
        if !self.is_unwanted {
            return had_items;
        }
        // The client must know which messages are processed, so that it reports only the others as lost.
        self.machine.acknowledge();
        let has_told = self.machine.connection().is_some() && !self.machine.has_output();
        if has_told && self.is_end_acknowledged() {
            self.machine.give_up();
        }
        had_items
    }
}

//! What the handles of a session have in common with its task and its connections.

use std::cell::{Cell, OnceCell, RefCell};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use websocket_session::{
    AfterLoss, Client, Connection, Control, End, Event, Incoming, Item, Mark, Output, Payload, SendError as Refused,
    code,
};

use super::counts::SessionCounts;
use super::frame::Frame;
use super::lost::{Lost, LostCause};
use super::options::SessionOptions;
use super::receipt::{Receipt, Receipts};
use crate::receive::waking::{Waking, When};
use crate::reconnect::link::Link;
use crate::reconnect::notify::{Notify, Waiter};
use crate::reconnect::shared::Shared;
use crate::reconnect::{AfterClose, Cause, ReconnectingSender, State};
use crate::send::line::{Line, Turn};
use crate::sys::in_next_turn;
use crate::wake::wake_each;
use crate::{Blob, CloseEvent, Error, Message, ReadyState};

/// As in `reconnect::shared`, the borrows of its cells are never held while foreign code runs.
pub(crate) struct Core {
    pub client: RefCell<Client<Frame>>,
    /// The connection on which HELLO was said last.
    pub connection: Cell<Option<Connection>>,
    /// What the next HELLO says about who the client is.
    pub credentials: RefCell<Option<String>>,
    shared: OnceCell<Weak<Shared>>,
    /// Whether there is a name, which needs random numbers.
    pub has_name: bool,
    is_explicit: bool,
    /// The mark of what the application has taken and not processed.
    taken: Cell<Option<Mark>>,
    /// The end of the peer's messages, once it was taken.
    pub peer_end: RefCell<Option<End>>,
    /// Whether the stream has ended.
    pub is_over: Cell<bool>,
    /// The first message that was transmitted in vain, and how many Blobs from there on are read before they are transmitted again.
    in_vain: Cell<(Option<Mark>, usize)>,
    /// Why there will be no more connection.
    stopped: RefCell<Option<LostCause>>,
    /// Whether there was a WELCOME: the next one that does not resume has lost a session.
    is_welcomed: Cell<bool>,
    /// The marks of the last message of this session and of the end.
    sent: Cell<Option<Mark>>,
    ended: Cell<Option<Mark>>,
    /// The number up to which the peer has processed, of each session: the last one is the current one.
    acknowledged: RefCell<Vec<u64>>,
    receipts: RefCell<Receipts>,
    counts: Cell<SessionCounts>,
    /// How many lost messages the stream has yielded.
    told: Cell<u64>,
    line: Rc<Line>,
    /// Those who wait for acknowledgements.
    notify: Notify,
    reader: Cell<Option<Waker>>,
    waking: Cell<Waking>,
    /// The number of items that have arrived in a turn of the event loop, if the reader is woken at its end.
    gathered: Cell<Option<usize>>,
    task: RefCell<Option<Waker>>,
    /// Whether the task waits for room in the connection, or for the time of an ACK, and need not be woken for it.
    pub waits_for_room: Cell<bool>,
    pub waits_to_acknowledge: Cell<bool>,
    is_handing_over: Cell<bool>,
    /// What keeps the connection after the last handle is dropped.
    last_connection: Cell<Option<ReconnectingSender>>,
}

impl Core {
    /// Creates a session of this name.
    pub fn new(options: &SessionOptions, name: Option<String>) -> Self {
        let has_name = name.is_some();
        let mut client = Client::new(name.unwrap_or_default(), options.limits);
        if let Some(protocol) = &options.protocol {
            client = client.protocol(protocol.clone());
        }
        Self {
            client: RefCell::new(client),
            connection: Cell::default(),
            credentials: RefCell::default(),
            shared: OnceCell::new(),
            has_name,
            is_explicit: options.is_explicit,
            taken: Cell::default(),
            peer_end: RefCell::default(),
            is_over: Cell::default(),
            in_vain: Cell::default(),
            stopped: RefCell::default(),
            is_welcomed: Cell::default(),
            sent: Cell::default(),
            ended: Cell::default(),
            acknowledged: RefCell::new(vec![0]),
            receipts: RefCell::default(),
            counts: Cell::default(),
            told: Cell::default(),
            line: Rc::default(),
            notify: Notify::default(),
            reader: Cell::default(),
            waking: Cell::new(Waking::new()),
            gathered: Cell::default(),
            task: RefCell::default(),
            waits_for_room: Cell::default(),
            waits_to_acknowledge: Cell::default(),
            is_handing_over: Cell::default(),
            last_connection: Cell::default(),
        }
    }

    /// Uses the connections of this.
    pub fn set_shared(self: &Rc<Self>, shared: &Rc<Shared>) {
        let core = Rc::clone(self);
        shared.set_inlet(move |received| match received {
            Ok(message) => core.receive(message),
            Err(error) => core.fail(error),
        });
        // There was none.
        let _set = self.shared.set(Rc::downgrade(shared));
    }

    // What the application does.

    /// Resolves when it is the caller's turn to send a message of so many bytes, or when none is accepted any more.
    pub fn poll_room(&self, context: &Context<'_>, turn: &mut Turn, len: u64) -> Poll<()> {
        self.line.poll(context, turn, || self.refusal().is_some() || self.client.borrow().has_room(len))
    }

    /// Why no message is accepted any more.
    pub fn refusal(&self) -> Option<Error> {
        match () {
            () if self.client.borrow().is_lost() => Some(Error::SessionLost),
            () if self.ended.get().is_some() => Some(Error::NotOpen(ReadyState::Closing)),
            () => None,
        }
    }

    /// Whether others wait to send.
    pub fn is_waited_in(&self) -> bool {
        self.line.has_sender()
    }

    /// Keeps a message, and hands it over if there is a connection with room.
    pub fn send(&self, frame: Frame) -> Result<Receipt, (Frame, Error)> {
        self.send_by(|client| client.send(frame))
    }

    /// The same, also above the limit of the replay buffer.
    pub fn send_above_limit(&self, frame: Frame) -> Result<Receipt, (Frame, Error)> {
        self.send_by(|client| client.send_above_limit(frame))
    }

    fn send_by(
        &self,
        send: impl FnOnce(&mut Client<Frame>) -> Result<Mark, Refused<Frame>>,
    ) -> Result<Receipt, (Frame, Error)> {
        let sent = send(&mut self.client.borrow_mut());
        let mark = sent.map_err(|refused| {
            let error = match &refused {
                Refused::TooLarge(frame) => Error::TooLarge(frame.payload_len()),
                Refused::Ended(_) => self.refusal().unwrap_or(Error::NotOpen(ReadyState::Closed)),
                _ => Error::Full,
            };
            (refused.into_payload(), error)
        })?;
        let receipt = self.receipts.borrow_mut().issue(mark);
        self.sent.set(Some(mark));
        self.count(|counts| counts.unacknowledged += 1);
        self.hand_over();
        Ok(receipt)
    }

    /// Takes the next item of the stream.
    pub fn take(&self) -> Option<Option<Result<Message, Lost>>> {
        if self.is_over.get() {
            return Some(None);
        }
        if !self.is_explicit {
            self.processed();
        }
        let item = self.client.borrow_mut().take();
        match item {
            Some(Item::Message { mark, payload }) => {
                self.taken.set(Some(mark));
                self.count(|counts| counts.taken += 1);
                Some(Some(Ok(payload.into_message())))
            }
            Some(Item::End { mark, end }) => {
                // The end is processed with the last message, so that a loop that processes each message has finished with both.
                let waits = self.taken.replace(Some(mark)).is_some();
                self.is_over.set(true);
                self.peer_end.replace(Some(end));
                if !waits {
                    self.processed();
                }
                Some(None)
            }
            Some(Item::Lost(lost)) => {
                // What the application processes of a lost session does not matter any more.
                self.taken.set(None);
                let lost = Lost::new(lost, &self.stopped);
                self.told.set(self.told.get() + lost.unacknowledged.len() as u64);
                Some(Some(Err(lost)))
            }
            None if self.client.borrow().is_lost() => {
                self.is_over.set(true);
                Some(None)
            }
            None => None,
        }
    }

    /// Wakes the caller when there is something to take.
    pub fn wait_for_item(&self, context: &Context<'_>) {
        let last = self.reader.replace(Some(context.waker().clone()));
        drop(last);
    }

    /// The application has finished with what it has taken.
    pub fn processed(&self) {
        if let Some(mark) = self.taken.take() {
            self.client.borrow_mut().processed(mark);
            self.changed(false);
        }
    }

    /// Ends this direction.
    pub fn end(&self, end: End) {
        let mark = self.client.borrow_mut().end(end);
        if mark.is_some() {
            self.ended.set(mark);
            self.line.release();
            self.hand_over();
        }
    }

    /// Resolves when the peer has acknowledged the end.
    pub fn poll_ended(&self, context: &Context<'_>, waiter: &mut Waiter) -> Poll<Result<(), Error>> {
        match self.ended.get() {
            Some(end) => self.poll_acknowledged(context, waiter, Some(end)),
            // It was lost before.
            None => Poll::Ready(Err(Error::SessionLost)),
        }
    }

    /// The mark of the last message that was sent.
    pub fn last_sent(&self) -> Option<Mark> {
        self.sent.get()
    }

    /// Resolves when the peer has acknowledged everything up to a mark; nothing before the first mark. Fails if an earlier message
    /// is lost, and the stream has not yielded it.
    pub fn poll_acknowledged(
        &self,
        context: &Context<'_>,
        waiter: &mut Waiter,
        mark: Option<Mark>,
    ) -> Poll<Result<(), Error>> {
        let told = || if self.told.get() == self.counts.get().lost { Ok(()) } else { Err(Error::SessionLost) };
        let Some(Mark { epoch, number }) = mark else { return Poll::Ready(told()) };
        let (of_this, sessions) = {
            let acknowledged = self.acknowledged.borrow();
            (acknowledged.get(epoch as usize).copied(), acknowledged.len())
        };
        if of_this >= Some(number) {
            return Poll::Ready(told());
        }
        if sessions > epoch as usize + 1 || self.client.borrow().is_lost() {
            return Poll::Ready(Err(Error::SessionLost));
        }
        self.notify.wait(waiter, context.waker());
        Poll::Pending
    }

    pub fn counts(&self) -> SessionCounts {
        SessionCounts { unacknowledged_bytes: self.client.borrow().unacknowledged_bytes(), ..self.counts.get() }
    }

    /// The last handle is dropped. A session that is not complete is given up, so that the server need not keep it. A complete
    /// one lives on until the server knows that, or some seconds have passed.
    pub fn leave(&self, connection: &ReconnectingSender) {
        self.give_up();
        let (is_complete, is_over) = {
            let client = self.client.borrow();
            (client.is_complete(), client.is_over())
        };
        if let Some(link) = self.link() {
            while self.hand_over_next(&link) {}
        }
        if is_complete && !is_over && !matches!(connection.state(), State::Closed { .. }) {
            self.last_connection.set(Some(connection.clone()));
            self.wake_task();
        }
        self.changed(false);
    }

    /// Gives the session up, unless it is complete.
    fn give_up(&self) {
        let mut client = self.client.borrow_mut();
        if !client.is_complete() {
            client.give_up();
        }
    }

    /// Nothing more is to be told to the server.
    pub fn end_connection(&self) {
        let last = self.last_connection.take();
        drop(last);
    }

    // What connections do.

    /// A message has arrived.
    pub fn receive(self: &Rc<Self>, message: Message) {
        let Some(connection) = self.connection.get() else { return };
        let read = Frame::read(message);
        let is_item = !matches!(read, Ok(Incoming::Control(Control::Ack(_) | Control::Ping)));
        self.client.borrow_mut().receive(connection, read);
        self.changed(false);
        if is_item {
            self.call_reader();
        }
    }

    /// Wakes the reader for an item that has arrived.
    fn call_reader(self: &Rc<Self>) {
        if let Some(gathered) = self.gathered.get() {
            return self.gathered.set(Some(gathered + 1));
        }
        let Some(reader) = self.reader.take() else { return };
        let mut waking = self.waking.get();
        let when = waking.when();
        self.waking.set(waking);
        if when == When::Now {
            return reader.wake();
        }
        self.reader.set(Some(reader));
        self.gathered.set(Some(1));
        let core = Rc::downgrade(self);
        in_next_turn(move || core.upgrade().into_iter().for_each(|core| core.call_reader_of_turn()));
    }

    fn call_reader_of_turn(&self) {
        let mut waking = self.waking.get();
        waking.gathered(self.gathered.take().unwrap_or_default());
        self.waking.set(waking);
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    /// The connection has ended with a close event. Says what follows.
    pub fn disconnected(&self, event: &CloseEvent) -> AfterClose {
        let Some(connection) = self.connection.take() else { return AfterClose::Retry };
        let after = self.client.borrow_mut().disconnected(connection, Some(event.code));
        if let AfterLoss::Refused(code) = after {
            self.stopped.replace(Some(LostCause::Refused(code)));
        }
        self.changed(true);
        let is_over = self.client.borrow().is_over();
        match after {
            // The session was lost before, and the Close that it sends was not handed over.
            AfterLoss::Ignored if is_over => AfterClose::Stop,
            AfterLoss::Connect | AfterLoss::Ignored => AfterClose::Retry,
            AfterLoss::ConnectLater if event.code == code::LIMIT => AfterClose::RetryAfter(super::options::LATER),
            AfterLoss::ConnectLater => AfterClose::Retry,
            AfterLoss::Refused(_) | AfterLoss::Over => AfterClose::Stop,
        }
    }

    /// Checks that the Blobs that the last connection has transmitted in vain can be read. One that cannot, such as a file that was
    /// changed, ends each connection on which it is transmitted.
    pub async fn check_blobs(&self) -> Result<(), Error> {
        for blob in self.blobs_in_vain() {
            blob.slice(..1).bytes().await?;
        }
        Ok(())
    }

    /// Returns the first Blob that was transmitted in vain. Each further connection on which the peer has received nothing doubles
    /// the number of Blobs.
    fn blobs_in_vain(&self) -> Vec<Blob> {
        let client = self.client.borrow();
        let first = client.repeated().next().map(|(mark, _)| mark);
        let (last, blobs) = self.in_vain.get();
        let blobs = if first == last { blobs.saturating_mul(2) } else { 1 };
        self.in_vain.set((first, blobs));
        client.repeated().filter_map(|(_, frame)| frame.blob().cloned()).take(blobs).collect()
    }

    /// There will be no more connection.
    pub fn stopped(&self, cause: Cause) {
        if !self.client.borrow().is_lost() {
            self.stopped.borrow_mut().get_or_insert(LostCause::Stopped(cause));
        }
        self.give_up();
        self.changed(true);
    }

    /// The connection that is open, after the handshake.
    pub fn link(&self) -> Option<Rc<Link>> {
        self.shared.get()?.upgrade()?.open_link()
    }

    /// Hands over what may be transmitted, as long as the connection has room. The task waits for room.
    fn hand_over(&self) {
        // To ask the connection is to ask the browser.
        let has_output = || self.client.borrow().has_output();
        if self.is_handing_over.get() || !has_output() {
            return;
        }
        let Some(link) = self.link() else { return };
        while has_output() {
            if !link.has_room() {
                if !self.waits_for_room.get() {
                    self.wake_task();
                }
                return;
            }
            if !self.hand_over_next(&link) {
                return;
            }
        }
    }

    /// Hands over what comes next. Returns whether there was anything.
    pub fn hand_over_next(&self, link: &Link) -> bool {
        // The browser's function may be the page's, and send a message itself: that one comes later.
        if self.is_handing_over.get() {
            return false;
        }
        let output = self.client.borrow_mut().poll();
        self.is_handing_over.set(true);
        let handed = match &output {
            Some(Output::Control(_, frame)) => link.send(&Message::Text(frame.clone())),
            Some(Output::Message(_, frame)) => {
                let handed = link.send(frame.on_the_wire());
                self.count(|counts| counts.transmitted += u64::from(handed.is_ok()));
                handed
            }
            Some(Output::Close(_, code, reason)) => {
                self.close(*code, reason);
                Ok(())
            }
            Some(Output::Store(_)) | None => Ok(()),
        };
        self.is_handing_over.set(false);
        match handed {
            Ok(()) => output.is_some(),
            // What this connection has not transmitted, the next one does.
            Err(Error::NotOpen(_)) => false,
            Err(error) => {
                // It would be thrown on the next connection again.
                self.fail(error);
                false
            }
        }
    }

    /// Closes the connection, for good.
    fn close(&self, code: u16, reason: &str) {
        let Some(shared) = self.shared.get().and_then(Weak::upgrade) else { return };
        shared.close(code.try_into().ok().zip(reason.to_owned().try_into().ok()));
    }

    /// It cannot go on.
    pub fn fail(&self, error: Error) {
        if let Some(shared) = self.shared.get().and_then(Weak::upgrade) {
            shared.fail(error);
        }
    }

    // What follows.

    /// Tells whoever waits for it what has changed, and does what is to be done. `is_item`: there may be a message to take.
    fn changed(&self, is_item: bool) {
        let (mut wakers, mut has_settled) = (Vec::new(), false);
        loop {
            let event = self.client.borrow_mut().poll_event();
            match event {
                Some(Event::Acknowledged(mark)) => {
                    self.acknowledge(mark, &mut wakers);
                    has_settled = true;
                }
                Some(Event::Connected { resumed: false }) if self.is_welcomed.replace(true) => {
                    self.lose(&mut wakers);
                    self.acknowledged.borrow_mut().push(0);
                    self.sent.set(None);
                    has_settled = true;
                }
                Some(_) => {}
                None => break,
            }
        }
        let is_lost = self.client.borrow().is_lost();
        if is_lost {
            self.lose(&mut wakers);
        }
        if is_item || is_lost {
            wakers.extend(self.reader.take());
        }
        wake_each(wakers);
        if is_lost {
            self.line.release();
        } else if has_settled && self.line.has_sender() {
            self.line.call();
        }
        if is_lost || has_settled {
            self.notify.wake_all();
        }
        self.hand_over();
        let (is_ack_pending, is_complete) = {
            let client = self.client.borrow();
            (client.is_ack_pending() && !self.waits_to_acknowledge.get(), client.is_complete())
        };
        if is_ack_pending || is_complete {
            self.wake_task();
        }
    }

    fn acknowledge(&self, mark: Mark, wakers: &mut Vec<Waker>) {
        self.receipts.borrow_mut().acknowledge(mark, wakers);
        let before = self.acknowledged.borrow_mut().last_mut().map(|last| std::mem::replace(last, mark.number));
        self.count(|counts| {
            // The end is numbered, too.
            let messages = (mark.number - before.unwrap_or_default()).min(counts.unacknowledged);
            counts.acknowledged += messages;
            counts.unacknowledged -= messages;
        });
    }

    fn lose(&self, wakers: &mut Vec<Waker>) {
        self.receipts.borrow_mut().lose(wakers);
        self.count(|counts| counts.lost += std::mem::take(&mut counts.unacknowledged));
    }

    fn count(&self, change: impl FnOnce(&mut SessionCounts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }

    /// The task that is woken when there is something to do.
    pub fn set_task(&self, waker: &Waker) {
        let last = self.task.replace(Some(waker.clone()));
        drop(last);
    }

    fn wake_task(&self) {
        let task = self.task.borrow().clone();
        task.into_iter().for_each(Waker::wake);
    }
}

// As for `reconnect::shared::Shared`: what runs the caller's code holds no borrow.
impl UnwindSafe for Core {}
impl RefUnwindSafe for Core {}

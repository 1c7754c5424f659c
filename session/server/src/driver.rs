//! The task of one session: moves frames between its connection, its machine and its store.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use websocket_session::{Connection, LostCause, NewToken, Refusal, code};

use crate::alarm::Alarm;
use crate::batch::Batch;
use crate::core::{Place, Shared};
use crate::handling::start;
use crate::link::{Link, Turn};
use crate::mailbox::{Arrival, Handler, Leave, Mailbox};
use crate::owner::{Opened, Owner, new_token, open};
use crate::patience::Patience;
use crate::sessions::Context;
use crate::store::StoreError;
use crate::{Key, Limits, token};

/// An acknowledgement is due this long after a message is processed.
const ACK: Duration = Duration::from_millis(100);

/// A server asks this often at least whether it still has a session without a connection.
const AWAY: Duration = Duration::from_secs(60);

/// The reason of a close with 1012, for people.
const RESTARTS: &str = "the server restarts";

/// The state of the task of one session.
struct Driver {
    context: Arc<Context>,
    shared: Arc<Shared>,
    /// The session in the store, if there is one.
    owner: Option<Owner>,
    link: Option<Link>,
    patience: Patience,
    /// The handler, which runs once the client has shown that it received WELCOME.
    handler: Option<Handler>,
    is_started: bool,
    /// The time since which there is no connection.
    away: Instant,
    ack: Option<Instant>,
    /// The time since which the session is complete.
    complete: Option<Instant>,
    /// When the store was last written to.
    stored: Instant,
    alarm: Alarm,
}

/// Why a driver stops.
enum Outcome {
    /// The session is lost, or complete and forgotten.
    Over,
    /// The session is lost; this HELLO begins another one under its name.
    Renewed(Box<Arrival>),
    /// The session is left to other servers, with everything stored.
    Left,
    /// Another server has the session, or the store is not available. This HELLO may take the session back.
    Fenced(Option<Box<Arrival>>),
}

/// Runs a session on this server, from its first HELLO to its end.
pub(crate) async fn run(context: Arc<Context>, key: Key, mailbox: Arc<Mailbox>, arrival: Box<Arrival>) {
    let _entry = Registered { context: context.clone(), key: key.clone(), mailbox: mailbox.clone() };
    let mut next = Some(arrival);
    while let Some(arrival) = next.take() {
        let (machine, first, owner, is_welcomed) = match open(&context, &key, &arrival.hello, arrival.presented).await {
            Ok(Opened::Made(machine, first, owner)) => (machine, first, owner, true),
            Ok(Opened::Restored(machine, first, owner)) => (machine, first, Some(owner), false),
            Ok(Opened::Refused(refusal)) => return refuse(*arrival, &refusal),
            Err(_) => return defer(*arrival),
        };
        let shared = Shared::new(key.clone(), first, &arrival.hello, mailbox.clone(), machine);
        let mut driver = Driver::new(context.clone(), Arc::new(shared), owner);
        let mut outcome = None;
        if is_welcomed {
            driver.connect(*arrival);
        } else {
            outcome = driver.arrive(arrival).await;
        }
        let outcome = match outcome {
            Some(outcome) => outcome,
            None => driver.drive().await,
        };
        next = driver.finish(outcome).await;
    }
}

/// The entry of a session in the registry.
struct Registered {
    context: Arc<Context>,
    key: Key,
    mailbox: Arc<Mailbox>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.context.registry.remove(&self.key);
        for arrival in self.mailbox.close() {
            arrival.socket.close([].into(), code::RESTART, "the session has just ended; connect again".into());
        }
    }
}

/// Closes the connection of a HELLO that the store cannot judge now. The client connects again.
fn defer(arrival: Arrival) {
    arrival.socket.close([].into(), code::RESTART, "the store is not available".into());
}

/// Closes the connection of a HELLO that is not accepted.
fn refuse(arrival: Arrival, refusal: &Refusal) {
    let (code, reason) = match refusal {
        Refusal::Violation(violation) => (violation.close_code(), violation.to_string()),
        _ => (code::SUPERSEDED, "superseded, or an old copy".into()),
    };
    arrival.socket.close([].into(), code, reason);
}

impl Driver {
    fn new(context: Arc<Context>, shared: Arc<Shared>, owner: Option<Owner>) -> Self {
        let now = Instant::now();
        let (link, handler, ack, complete) = (None, None, None, None);
        let (patience, alarm) = (Patience::default(), Alarm::new());
        Self {
            context,
            shared,
            owner,
            link,
            patience,
            handler,
            is_started: false,
            away: now,
            ack,
            complete,
            stored: now,
            alarm,
        }
    }

    fn limits(&self) -> &Limits {
        &self.context.limits
    }

    async fn drive(&mut self) -> Outcome {
        loop {
            while let Some(arrival) = self.shared.mailbox.pop() {
                if let Some(outcome) = self.arrive(arrival).await {
                    return outcome;
                }
            }
            // Changes that the store has not accepted were never sent to the client, so another server can continue without them.
            if self.pump().await.is_err() {
                return Outcome::Fenced(None);
            }
            if let Some(outcome) = self.look() {
                return outcome;
            }
            let turn = self.wait().await;
            self.turn(turn);
            if let Some(outcome) = self.on_time(Instant::now()).await {
                return outcome;
            }
        }
    }

    /// Resumes the session for a client that has connected, or refuses the client.
    async fn arrive(&mut self, arrival: Box<Arrival>) -> Option<Outcome> {
        let Ok(token) = new_token() else {
            arrival.socket.close([].into(), code::RESTART, "the server has no random numbers".into());
            return None;
        };
        let Err(refusal) = self.accept(&arrival, token) else {
            self.connect(*arrival);
            return None;
        };
        match self.renew(Instant::now()).await {
            Ok(()) => (),
            // Another server owns the session by now: the client has come back, and this server's state is old.
            Err(StoreError::Fenced) => return Some(Outcome::Fenced(Some(arrival))),
            Err(StoreError::Unavailable(_)) => {
                defer(*arrival);
                return None;
            }
        }
        if let Refusal::Forgotten = refusal {
            return Some(Outcome::Renewed(arrival));
        }
        refuse(*arrival, &refusal);
        None
    }

    fn accept(&self, arrival: &Arrival, token: NewToken) -> Result<Connection, Refusal> {
        let mut core = self.shared.core();
        let presented = token::known(arrival.presented, core.machine.state());
        let connection = core.machine.accept(&arrival.hello, presented, token)?;
        // Set together with the machine's own limit, so that `commit` checks all replies against the limit that the machine has.
        core.peer_max = arrival.hello.max;
        Ok(connection)
    }

    /// Makes the connection of an accepted HELLO the current one. All events of an older connection are ignored from now on.
    fn connect(&mut self, arrival: Arrival) {
        let connection = Connection(arrival.hello.attempt);
        let link = Link::new(arrival.socket, connection, self.limits().max_message);
        self.patience.connected();
        if let Some(older) = self.link.replace(link) {
            older.socket.supersede();
        }
        if !self.is_started {
            self.handler = Some(arrival.handler);
        }
    }

    /// Handles the outputs of the machine: stores, then sends, then closes.
    async fn pump(&mut self) -> Result<(), StoreError> {
        let batch = self.poll();
        self.settle(batch).await?;
        if let Some(handler) = self.handler.take_if(|_| self.shared.core().wants_handler()) {
            self.is_started = true;
            start(handler, self.shared.clone());
        }
        Ok(())
    }

    /// Returns the outputs of the machine, or only its changes while the connection still sends the previous frames.
    fn poll(&mut self) -> Batch {
        let mut core = self.shared.core();
        let is_full = self.link.as_ref().is_some_and(Link::is_full) && !core.machine.is_lost();
        let poll = if is_full { Batch::changes } else { Batch::poll };
        let batch = poll(&mut core.machine);
        if std::iter::from_fn(|| core.machine.poll_event()).count() > 0 {
            core.wake();
        }
        batch
    }

    async fn settle(&mut self, batch: Batch) -> Result<(), StoreError> {
        if let Some(owner) = self.owner.as_mut().filter(|_| !batch.changes.is_empty()) {
            self.stored = Instant::now();
            owner.write(&batch.changes).await?;
        }
        self.transmit(batch);
        Ok(())
    }

    fn transmit(&mut self, batch: Batch) {
        let Some(link) = &mut self.link else { return };
        for (connection, frame) in batch.frames {
            if connection == link.connection {
                link.push(frame);
            }
        }
        if let Some((_, code, reason)) = batch.close.filter(|(connection, ..)| *connection == link.connection) {
            self.disconnect(None).into_iter().for_each(|link| link.close(code, reason.clone()));
        }
    }

    /// Records that the connection has ended, and returns it.
    fn disconnect(&mut self, code: Option<u16>) -> Option<Link> {
        let link = self.link.take()?;
        let mut core = self.shared.core();
        core.machine.disconnected(link.connection, code);
        core.wake();
        self.away = Instant::now();
        Some(link)
    }

    /// Returns the reason to stop, if there is one.
    fn look(&mut self) -> Option<Outcome> {
        let leave = self.shared.mailbox.is_leaving();
        let mut core = self.shared.core();
        if core.take_unwanted() {
            self.shared.mailbox.wake();
        }
        if core.machine.is_lost() {
            return Some(Outcome::Over);
        }
        if self.complete.is_none() && core.machine.is_complete() {
            self.complete = Some(Instant::now());
        }
        if leave != Leave::No && core.place == Place::Here {
            core.place = Place::Leaving;
            core.wake();
        }
        let is_idle = !self.is_started || core.is_finished;
        (leave == Leave::Now || leave == Leave::Soon && is_idle).then_some(Outcome::Left)
    }

    async fn wait(&mut self) -> Option<Turn> {
        let deadline = self.deadline(Instant::now());
        let turn = async {
            match &mut self.link {
                Some(link) => link.turn().await,
                None => pending().await,
            }
        };
        tokio::select! {
            // What has arrived counts before a timeout, also if the store has taken longer than the timeout.
            biased;
            turn = turn => Some(turn),
            () = self.shared.mailbox.work() => None,
            () = self.alarm.wait(deadline) => None,
        }
    }

    fn turn(&mut self, turn: Option<Turn>) {
        match turn {
            Some(Turn::Frame(frame)) => {
                let Some(link) = &self.link else { return };
                self.patience.heard();
                let mut core = self.shared.core();
                core.machine.receive(link.connection, frame);
                core.wake();
            }
            Some(Turn::Ended(code)) => self.disconnect(code).into_iter().for_each(|link| link.socket.leave()),
            Some(Turn::Failed) => drop(self.disconnect(None)),
            Some(Turn::Room) | None => (),
        }
    }

    fn deadline(&mut self, now: Instant) -> Instant {
        let is_pending = self.shared.core().machine.is_ack_pending();
        self.ack = is_pending.then(|| self.ack.unwrap_or(now + ACK));
        let link = self.link.as_ref().map_or_else(|| self.expiry(), |link| self.silence(link));
        [self.ack, self.renewal()].into_iter().flatten().fold(link, Instant::min)
    }

    /// Returns the time at which a silent client is pinged, or its connection is given up.
    fn silence(&self, link: &Link) -> Instant {
        let pinged = link.pinged.map(|pinged| pinged + self.limits().pong_timeout);
        pinged.unwrap_or(link.heard + self.limits().ping_after)
    }

    /// Returns the time at which a session without a connection is dropped.
    fn expiry(&self) -> Instant {
        let Limits { ttl, fresh_ttl, .. } = *self.limits();
        let ttl = if self.shared.core().machine.is_fresh() { fresh_ttl.min(ttl) } else { ttl };
        self.complete.unwrap_or(self.away) + ttl
    }

    /// Returns when the session is renewed in the store. Without a connection this is soon, since the client may have gone to another
    /// server, and the handler here is told of that.
    fn renewal(&self) -> Option<Instant> {
        let keeps = self.context.keep() / 3;
        let after = if self.link.is_some() { keeps } else { AWAY.min(keeps) };
        self.owner.as_ref().map(|_| self.stored + after)
    }

    async fn on_time(&mut self, now: Instant) -> Option<Outcome> {
        if self.ack.take_if(|ack| *ack <= now).is_some() {
            self.shared.core().machine.acknowledge();
        }
        match &self.link {
            Some(link) if self.silence(link) <= now => self.on_silence(now),
            // A client that has come back in time may have waited for the store.
            None if self.expiry() <= now && !self.shared.mailbox.has_arrivals() => return Some(self.expire().await),
            _ => (),
        }
        if self.renewal().is_some_and(|renewal| renewal <= now) {
            return self.renew(now).await.is_err().then_some(Outcome::Fenced(None));
        }
        None
    }

    fn on_silence(&mut self, now: Instant) {
        let Some(link) = &mut self.link else { return };
        if self.patience.pings() {
            link.pinged = Some(now);
            self.shared.core().machine.ping();
        } else {
            self.disconnect(None);
        }
    }

    /// Drops the session, since the client has not reconnected to this server. If the session stays in the store, it is not lost: the
    /// client has reconnected to another server, or may still do so.
    async fn expire(&mut self) -> Outcome {
        if let Some(owner) = &self.owner
            && owner.remove().await.is_err()
        {
            return Outcome::Fenced(None);
        }
        let mut core = self.shared.core();
        core.machine.forget(LostCause::Expired);
        core.wake();
        Outcome::Over
    }

    /// Renews the session in the store, and checks whether this server still owns it.
    async fn renew(&mut self, now: Instant) -> Result<(), StoreError> {
        if let Some(owner) = &mut self.owner {
            owner.write(&[]).await?;
            self.stored = now;
        }
        Ok(())
    }

    /// Takes nothing more from the handler, and returns the last outputs of the machine. Processed messages are acknowledged, so that they
    /// are not in doubt.
    fn leave(&mut self) -> Batch {
        let mut core = self.shared.core();
        core.place = Place::Elsewhere;
        core.machine.acknowledge();
        Batch::poll(&mut core.machine)
    }

    /// Ends the session on this server. Returns the HELLO of the session that follows.
    async fn finish(&mut self, outcome: Outcome) -> Option<Box<Arrival>> {
        match outcome {
            Outcome::Left => {
                let batch = self.leave();
                let _stored = self.settle(batch).await;
                // A client that has just come back does not wait for the close of its older connection.
                for arrival in self.shared.mailbox.close() {
                    arrival.socket.close([].into(), code::RESTART, RESTARTS.into());
                }
                // The registry has this session until here, so a shutdown waits: a process that ends sooner loses the last frames.
                if let Some(link) = self.abandon() {
                    link.close_and_wait(code::RESTART, RESTARTS.into()).await;
                }
                None
            }
            Outcome::Fenced(arrival) => {
                self.abandon().into_iter().for_each(|link| link.close(code::RESTART, RESTARTS.into()));
                arrival
            }
            Outcome::Renewed(arrival) => {
                self.shared.core().machine.forget(LostCause::Mismatch);
                self.end().await;
                Some(arrival)
            }
            Outcome::Over => {
                self.end().await;
                None
            }
        }
    }

    /// Leaves the session to other servers, and returns its connection.
    fn abandon(&mut self) -> Option<Link> {
        let mut core = self.shared.core();
        core.place = Place::Elsewhere;
        core.wake();
        self.link.take()
    }

    /// Sends the last frames of a session that is over, and removes the session from the store.
    async fn end(&mut self) {
        let batch = Batch::poll(&mut self.shared.core().machine);
        self.transmit(batch);
        self.shared.core().wake();
        if let Some(owner) = &self.owner {
            // If this fails, the store forgets the session when its time is over.
            let _removed = owner.remove().await;
        }
    }
}

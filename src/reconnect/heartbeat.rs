//! The heartbeat, which finds out whether the peer is still there.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::deadline::Deadline;
use crate::Message;

/// A ping message, and how to recognise its answer: pages cannot send the protocol's own pings.
///
/// Sends a ping every 25 seconds. If no message at all is received for 10 seconds after it, the peer counts as dead, and the
/// connection is dropped. While bytes that were sent before the ping still go out, the timeout starts over.
///
/// Being hidden, frozen or asleep does not end a connection. After a wake-up, or when the timer for the answer was late, the peer
/// is pinged again, with a new timeout. If all timers are late, the third unanswered ping in a row ends the connection.
///
/// An answer [confirms](crate::Counts::confirmed) all messages that were sent before its ping. So the server must answer each ping at
/// most once, and no other message may look like an answer. The stream does not yield answers.
///
/// # Examples
///
/// ```
/// use wasm_websocket::reconnect::Heartbeat;
/// use wasm_websocket::ReconnectOptions;
///
/// let heartbeat = Heartbeat::new(r#"{"type":"ping"}"#, |message| message.as_text() == Some(r#"{"type":"pong"}"#));
/// let options = ReconnectOptions::new().heartbeat(heartbeat);
/// ```
#[derive(Clone)]
pub struct Heartbeat {
    pub(crate) ping: Message,
    pub(crate) is_pong: Rc<dyn Fn(&Message) -> bool>,
    pub(crate) timing: Timing,
}

/// How often to ping, and how long to wait for the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Timing {
    pub interval: Duration,
    pub timeout: Duration,
}

impl Heartbeat {
    /// Creates a heartbeat that sends `ping` and expects a message for which `is_pong` returns true.
    pub fn new(ping: impl Into<Message>, is_pong: impl Fn(&Message) -> bool + 'static) -> Self {
        let timing = Timing { interval: Duration::from_secs(25), timeout: Duration::from_secs(10) };
        Self { ping: ping.into(), is_pong: Rc::new(is_pong), timing }
    }

    /// Sets the interval between pings. Default: 25 seconds, since routers and proxies drop connections that are silent for 30 or
    /// 60 seconds.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.timing.interval = interval;
        self
    }

    /// Sets how long to wait for an answer or any other message before the connection is dropped. Default: 10 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timing.timeout = timeout;
        self
    }
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat").field("ping", &self.ping).field("timing", &self.timing).finish_non_exhaustive()
    }
}

/// The heartbeat of one connection.
#[derive(Debug)]
pub(crate) struct Pulse {
    timing: Timing,
    next: Deadline,
    waiting: Option<Waiting>,
}

/// A wait for an answer.
#[derive(Debug)]
struct Waiting {
    deadline: Deadline,
    /// Whether only the last part of the timeout is left.
    is_last_part: bool,
    /// How many pings in a row were sent because of late timers.
    pings: u32,
    /// If the ping is behind other bytes: those that had left when it was last looked at, and those before it.
    behind: Option<(u64, u64)>,
}

/// The bytes that were handed over on a connection, and those of them that the browser still holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Flow {
    pub handed: u64,
    pub unsent: u64,
}

impl Flow {
    fn left(self) -> u64 {
        self.handed.saturating_sub(self.unsent)
    }
}

/// What a heartbeat wants done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Beat {
    Nothing,
    Ping,
    Dead,
}

/// A timer that is later than this may have been held back together with the answer.
const LATE: Duration = Duration::from_millis(500);
/// The last part of a timeout, before which the clock is looked at, too: where a page was frozen for nearly the whole timeout,
/// browsers may fire a timer before they deliver an answer that came long ago.
const LAST_PART: Duration = Duration::from_secs(1);
/// Unanswered pings that are proof, however late the timers.
const PROOF: u32 = 3;

impl Pulse {
    pub fn new(timing: Timing, now: Duration) -> Self {
        Self { timing, next: Deadline::after(timing.interval, now), waiting: None }
    }

    /// Something was received: the peer lives.
    pub fn received(&mut self) {
        self.waiting = None;
    }

    /// Looks at the clock.
    pub fn look(&mut self, now: Duration, flow: Flow) -> Beat {
        let Some(waiting) = &mut self.waiting else {
            return if self.next.late_by(now).is_some() { self.ping(now, flow, 1) } else { Beat::Nothing };
        };
        let Some(late_by) = waiting.deadline.late_by(now) else { return Beat::Nothing };
        match waiting.behind {
            Some((left, before)) if flow.left() > left => {
                let behind = (flow.left() < before).then_some((flow.left(), before));
                self.waiting = Some(Waiting::new(self.timing, now, waiting.pings, behind));
                Beat::Nothing
            }
            _ if late_by >= LATE && waiting.pings < PROOF => {
                let pings = waiting.pings + 1;
                self.ping(now, flow, pings)
            }
            _ if late_by >= LATE || waiting.is_last_part => Beat::Dead,
            _ => {
                (waiting.deadline, waiting.is_last_part) = (Deadline::after(self.timing.last_part(), now), true);
                Beat::Nothing
            }
        }
    }

    /// Pings at once, with a new timeout: the device may have slept, and an answer to the last ping may still be unread. A ping
    /// that has only just been sent is enough, as several events tell of one wake-up.
    pub fn probe(&mut self, now: Duration, flow: Flow) -> Beat {
        let just_sent = self.timing.first_part().saturating_sub(self.timing.timeout / 10);
        let is_sent = |sent: &mut Waiting| !sent.is_last_part && sent.deadline.as_of(now).remaining(now) > just_sent;
        if self.waiting.as_mut().is_some_and(is_sent) { Beat::Nothing } else { self.ping(now, flow, 1) }
    }

    /// Returns when to look next.
    pub fn deadline(&mut self, now: Duration) -> Deadline {
        self.waiting.as_mut().map_or(&mut self.next, |waiting| &mut waiting.deadline).as_of(now)
    }

    fn ping(&mut self, now: Duration, flow: Flow, pings: u32) -> Beat {
        self.next = Deadline::after(self.timing.interval, now);
        let behind = (flow.unsent > 0).then(|| (flow.left(), flow.handed));
        self.waiting = Some(Waiting::new(self.timing, now, pings, behind));
        Beat::Ping
    }
}

impl Waiting {
    fn new(timing: Timing, now: Duration, pings: u32, behind: Option<(u64, u64)>) -> Self {
        let deadline = Deadline::after(timing.first_part(), now);
        Self { deadline, is_last_part: false, pings, behind }
    }
}

impl Timing {
    fn first_part(self) -> Duration {
        self.timeout.saturating_sub(self.last_part())
    }

    fn last_part(self) -> Duration {
        LAST_PART.min(self.timeout / 2)
    }
}

//! Finds out whether the peer is still there.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::deadline::Deadline;
use crate::Message;

/// A question for the peer, and how to recognise its answer: browsers let no page send the pings of the protocol itself.
///
/// It is asked every 25 seconds. If nothing at all is received for 10 seconds after that, the peer is taken for dead, and the
/// connection is dropped. The page being hidden, frozen or asleep is no reason for that: when a timer comes late, the question
/// is asked again, and only a third one in a row that had no answer is proof in spite of late timers. While what was
/// sent before the question still goes out, the answer has time.
///
/// An answer also says that all that was sent before the question has been received: it is then
/// [confirmed](crate::Counts::confirmed). Each question must have its own answer, at most, and nothing else may look like one.
/// Answers are not passed on to the caller.
///
/// # Examples
///
/// ```
/// use wasm_websocket::{Heartbeat, ReconnectOptions};
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

/// How often, and how long to wait for the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Timing {
    pub interval: Duration,
    pub timeout: Duration,
}

impl Heartbeat {
    /// Sends `ping`, and expects a message for which `is_pong` is true.
    pub fn new(ping: impl Into<Message>, is_pong: impl Fn(&Message) -> bool + 'static) -> Self {
        let timing = Timing { interval: Duration::from_secs(25), timeout: Duration::from_secs(10) };
        Self { ping: ping.into(), is_pong: Rc::new(is_pong), timing }
    }

    /// How often to ask. By default every 25 seconds: routers and proxies forget connections that are silent for 30 or 60.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.timing.interval = interval;
        self
    }

    /// How long to wait for an answer, or anything else. By default 10 seconds.
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
    pings: u32,
    /// If the ping stands behind other bytes: those that had left when it was last looked at, and those before it.
    behind: Option<(u64, u64)>,
}

/// The bytes that were handed over on a connection, and those of them that are still with the browser.
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
const LATE: Duration = Duration::from_secs(2);
/// Pings without an answer that are proof, however late the timers.
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
        let timeout = self.timing.timeout;
        let Some(waiting) = &mut self.waiting else {
            return if self.next.late_by(now).is_some() { self.ping(now, flow) } else { Beat::Nothing };
        };
        let Some(late_by) = waiting.deadline.late_by(now) else { return Beat::Nothing };
        match waiting.behind {
            Some((left, before)) if flow.left() > left => {
                waiting.behind = (flow.left() < before).then_some((flow.left(), before));
                waiting.deadline = Deadline::after(timeout, now);
                Beat::Nothing
            }
            _ if late_by < LATE || waiting.pings >= PROOF => Beat::Dead,
            _ => self.ping(now, flow),
        }
    }

    /// Asks without delay, for the device may have slept: unless an answer is awaited already.
    pub fn probe(&mut self, now: Duration, flow: Flow) -> Beat {
        if self.waiting.is_some() { self.look(now, flow) } else { self.ping(now, flow) }
    }

    /// How long until the next look.
    pub fn remaining(&mut self, now: Duration) -> Duration {
        self.waiting.as_mut().map_or(&mut self.next, |waiting| &mut waiting.deadline).remaining(now)
    }

    fn ping(&mut self, now: Duration, flow: Flow) -> Beat {
        self.next = Deadline::after(self.timing.interval, now);
        self.waiting = Some(Waiting {
            deadline: Deadline::after(self.timing.timeout, now),
            pings: self.waiting.as_ref().map_or(1, |waiting| waiting.pings + 1),
            behind: (flow.unsent > 0).then(|| (flow.left(), flow.handed)),
        });
        Beat::Ping
    }
}

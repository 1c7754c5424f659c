//! The heartbeat, which finds out whether the peer is still there.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::deadline::Deadline;
use crate::Message;

/// A ping message, and how to recognise its answer: pages cannot send the protocol's own pings.
///
/// Sends a ping every 25 seconds, beginning 25 seconds after the preamble has finished. If no message at all is received for 10
/// seconds after a ping, the peer counts as dead, and the connection is dropped. While bytes that were sent before the ping are
/// still leaving, the timeout starts over. In Firefox, and over `Transport::Streams`, the bytes of a message count as left only
/// when all have left: there, choose a [`timeout`](Self::timeout) in which the largest message can leave. Over streams, up to
/// 16 KiB of small messages count together.
///
/// So a peer that falls silent usually counts as dead after at most [`interval`](Self::interval) plus
/// [`timeout`](Self::timeout). It takes longer while bytes leave that were sent before the ping, while reading over
/// `Transport::Streams` is paused, and if another ping is sent, as follows.
///
/// A connection does not end because the page is hidden or frozen or the device sleeps. When the page is shown, when the network
/// comes back, or when the timer for the answer was late, another ping is sent, with a new timeout. So a late timer does not end
/// the connection, unless nothing at all is received after three pings in a row.
///
/// An answer [confirms](crate::Counts::confirmed) all messages that were sent before its ping, and belongs to the first unanswered
/// ping. So the server must answer each ping at most once, and no other message may look like an answer. The stream does not yield
/// answers; while no ping is unanswered, it yields every message. If the server itself acknowledges messages, let `is_pong` return
/// false: the stream then also yields the answers, and only [`confirm`](crate::Reconnecting::confirm) confirms. Until `is_pong` has
/// returned true for each ping, every message is decoded when it arrives, rather than when it is taken, so a backlog is in wasm memory.
/// A Blob is passed to `is_pong` as a Blob, without being read.
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
    /// How often a ping is repeated at most: see [`Pulse::repeats`].
    pub repeats: u32,
}

impl Heartbeat {
    /// Creates a heartbeat that sends `ping` and expects a message for which `is_pong` returns true.
    pub fn new(ping: impl Into<Message>, is_pong: impl Fn(&Message) -> bool + 'static) -> Self {
        let timing = Timing { interval: Duration::from_secs(25), timeout: Duration::from_secs(10), repeats: 0 };
        Self { ping: ping.into(), is_pong: Rc::new(is_pong), timing }
    }

    /// Sets the interval between pings. Default: 25 seconds, since routers and proxies drop connections that are silent for 30 or
    /// 60 seconds.
    ///
    /// The next ping is sent only after an answer to the last one, or after any other message. So the interval may be shorter than
    /// the round trip; an interval below a millisecond counts as a millisecond. Over `Transport::Streams`, while the page does not
    /// read and thus gets no answers, a ping is sent in each interval.
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
    /// How often an unanswered ping is repeated, with a new timeout, before the peer counts as dead. The answer may be behind a
    /// large message, and the repeated pings show the peer that this end is alive.
    repeats: u32,
    /// How often it was repeated since the last message.
    repeated: u32,
    next: Deadline,
    waiting: Option<Waiting>,
}

/// A wait for an answer.
#[derive(Debug)]
struct Waiting {
    deadline: Deadline,
    /// Whether the deadline is the end of the last part of the timeout.
    is_last_part: bool,
    /// The number of pings in a row that were sent because of late timers.
    pings: u32,
    /// Set while the ping is behind other bytes: the number of bytes that had left at the last look, and the number before the
    /// ping.
    behind: Option<(u64, u64)>,
}

/// The number of bytes that were handed over on a connection, and the number of bytes that the browser still buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Flow {
    pub handed: u64,
    pub unsent: u64,
}

impl Flow {
    /// Returns the number of bytes that have left the browser. Sending more does not change it.
    pub fn left(self) -> u64 {
        self.handed.saturating_sub(self.unsent)
    }
}

/// The decision of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Beat {
    Nothing,
    Ping,
    Dead,
}

/// The lateness from which the browser may have held back a timer together with the answer.
const LATE: Duration = Duration::from_millis(500);
/// The last part of a timeout, which begins with a look of its own at the clock. If a page was frozen for nearly the whole
/// timeout, browsers may fire the timer before they deliver an answer that arrived long ago.
const LAST_PART: Duration = Duration::from_secs(1);
/// The shortest time between a ping and the next.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);
/// The number of unanswered pings that prove that the peer is dead, however late timers are.
const PROOF: u32 = 3;

impl Pulse {
    pub fn new(timing: Timing, repeats: u32, now: Duration) -> Self {
        Self { timing, repeats, repeated: 0, next: Deadline::after(timing.interval, now), waiting: None }
    }

    /// Notes that a message was received: the peer is alive. If it came before a ping was repeated, the line is not slow.
    pub fn received(&mut self) {
        if self.waiting.is_some() && self.repeated == 0 {
            self.repeats = 0;
        }
        self.stop_waiting();
    }

    /// Returns whether a ping is unanswered, and nothing was received after it.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Forgets an unanswered ping.
    pub fn stop_waiting(&mut self) {
        self.waiting = None;
        self.repeated = 0;
    }

    /// Returns how often the next connection repeats an unanswered ping, if the peer has been silent on this one.
    pub fn next_repeats(&self, last: u32) -> u32 {
        // After a wake-up, and after an answer, silence does not mean that the line is slow.
        if self.repeats < last { last } else { self.timing.repeats.min(2 * last + 1) }
    }

    /// Looks at the clock, and decides what to do.
    pub fn look(&mut self, now: Duration, flow: Flow) -> Beat {
        let Some(waiting) = &mut self.waiting else {
            return if self.next.late_by(now).is_some() { self.ping(now, 1) } else { Beat::Nothing };
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
                self.ping(now, pings)
            }
            _ if late_by >= LATE || waiting.is_last_part => {
                // Without sessions, no ping is ever repeated.
                if !cfg!(feature = "session") || self.repeated >= self.repeats {
                    return Beat::Dead;
                }
                self.repeated += 1;
                self.ping(now, 1)
            }
            _ => {
                (waiting.deadline, waiting.is_last_part) = (Deadline::after(self.timing.last_part(), now), true);
                Beat::Nothing
            }
        }
    }

    /// Pings at once, with a new timeout: the device may have slept, and an answer to the last ping may still be unread. If a ping
    /// has just been sent, no further ping is needed, since several events report a single wake-up.
    pub fn probe(&mut self, now: Duration) -> Beat {
        let just_sent = self.timing.first_part().saturating_sub(self.timing.timeout / 10);
        let is_sent = |sent: &mut Waiting| !sent.is_last_part && sent.deadline.as_of(now).remaining(now) > just_sent;
        if self.waiting.as_mut().is_some_and(is_sent) {
            return Beat::Nothing;
        }
        // A connection that has died in sleep must be noticed soon.
        (self.repeats, self.repeated) = (0, 0);
        self.ping(now, 1)
    }

    /// Returns the time of the next look.
    pub fn deadline(&mut self, now: Duration) -> Deadline {
        self.waiting.as_mut().map_or(&mut self.next, |waiting| &mut waiting.deadline).as_of(now)
    }

    /// Notes the bytes before the ping, just before it is sent: messages may have been handed over since the decision to ping.
    pub fn note_bytes_before(&mut self, flow: Flow) {
        if let Some(waiting) = &mut self.waiting {
            waiting.behind = (flow.unsent > 0).then(|| (flow.left(), flow.handed));
        }
    }

    fn ping(&mut self, now: Duration, pings: u32) -> Beat {
        // While reading is paused, no ping waits for an answer: with an interval of zero, the pings would freeze the page.
        self.next = Deadline::after(self.timing.interval.max(SHORTEST_INTERVAL), now);
        self.waiting = Some(Waiting::new(self.timing, now, pings, None));
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

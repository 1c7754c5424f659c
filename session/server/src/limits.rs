//! Limits for the sessions of one server.

use std::time::Duration;

/// 30 years.
const ENDLESS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
/// 2 GiB.
const LARGEST: u64 = 2 << 30;

/// The limits of [`Sessions`](crate::Sessions). Sizes are bytes. A duration of more than 30 years counts as 30 years, so
/// `Duration::MAX` means never.
///
/// ```
/// use std::time::Duration;
/// use websocket_session_server::Limits;
///
/// let limits = Limits { ttl: Duration::from_secs(60), sessions_per_principal: 4, ..Limits::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum bytes of received, unprocessed messages per session. The default is 1 MiB.
    pub window: u64,
    /// The largest message that is accepted. The default is 16 MiB. More than 2 GiB counts as 2 GiB: the WebSocket allocates the memory for
    /// a message as soon as the header of its frame says how long it is.
    pub max_message: u64,
    /// The maximum bytes of sent, unacknowledged messages per session, above which sending waits. A `Sink` may exceed
    /// it by one message. The default is 4 MiB.
    pub replay: u64,
    /// How long a session is kept without a connection. The default is 5 minutes.
    pub ttl: Duration,
    /// How long a session is kept without a connection if its client has never shown that it received WELCOME. The default is 30 s.
    pub fresh_ttl: Duration,
    /// The timeout for receiving and authenticating HELLO on a connection. The default is 10 s.
    pub hello_timeout: Duration,
    /// The silence after which a client is pinged. The default is 25 s.
    pub ping_after: Duration,
    /// How long a pinged client may stay silent before its connection is given up. The default is 10 s.
    ///
    /// A message that takes longer than this and [`ping_after`](Self::ping_after) to arrive makes a client look silent. Each connection
    /// that is given up without a frame since its handshake makes the next one wait twice as long, up to 32 times this timeout, so that
    /// the message arrives in the end. PING is repeated meanwhile.
    pub pong_timeout: Duration,
    /// The maximum number of all sessions. The default is 100,000.
    pub sessions: usize,
    /// The maximum number of sessions of one principal. The default is 100.
    pub sessions_per_principal: usize,
    /// The maximum number of sessions that were made from one address, with [`serve_from`](crate::Sessions::serve_from). The default is
    /// 1,000.
    pub sessions_per_address: usize,
    /// The maximum number of all connections without HELLO, above which clients are refused. It also is the maximum number of closing
    /// connections, above which the server closes without waiting for the client. The default is 10,000.
    pub greetings: usize,
    /// The maximum number of connections without HELLO from one address, and of closing ones, with
    /// [`serve_from`](crate::Sessions::serve_from). The default is 100.
    pub greetings_per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window: 1 << 20,
            max_message: 16 << 20,
            replay: 4 << 20,
            ttl: Duration::from_secs(300),
            fresh_ttl: Duration::from_secs(30),
            hello_timeout: Duration::from_secs(10),
            ping_after: Duration::from_secs(25),
            pong_timeout: Duration::from_secs(10),
            sessions: 100_000,
            sessions_per_principal: 100,
            sessions_per_address: 1_000,
            greetings: 10_000,
            greetings_per_address: 100,
        }
    }
}

impl Limits {
    /// Limits the durations to what can be added to any instant, and the largest message to what can be allocated.
    pub(crate) fn finite(mut self) -> Self {
        self.max_message = LARGEST.min(self.max_message);
        let Self { ttl, fresh_ttl, hello_timeout, ping_after, pong_timeout, .. } = &mut self;
        for duration in [ttl, fresh_ttl, hello_timeout, ping_after, pong_timeout] {
            *duration = ENDLESS.min(*duration);
        }
        self
    }

    pub(crate) fn of_session(&self, journal: bool) -> websocket_session::Limits {
        websocket_session::Limits { window: self.window, max: self.max_message, replay: self.replay, journal }
    }
}

//! How often a silent client is pinged before its connection is given up.

/// The patience with the client of one session.
///
/// Only whole messages are seen to arrive, so a client that sends a large message over a slow line looks silent. It transmits the message
/// again on its next connection, so each connection that ends by silence, without a frame since the handshake, doubles the time for an
/// answer. PING is repeated meanwhile, which shows the client that the server is alive.
#[derive(Default)]
pub(crate) struct Patience {
    /// How often PING is repeated.
    most: u32,
    /// How often PING was sent since the last frame.
    pings: u32,
    /// The frames of the current connection. The first is the ACK of the handshake.
    frames: u64,
}

/// With the default timeout, 32 pings are some minutes.
const MOST: u32 = 31;

impl Patience {
    /// A connection begins.
    pub fn connected(&mut self) {
        let most = if self.frames > 1 { 0 } else { self.most };
        *self = Self { most, ..Self::default() };
    }

    /// A frame has arrived. If it answers the first PING, the line is not slow.
    pub fn heard(&mut self) {
        if self.pings == 1 && self.frames > 0 {
            self.most = 0;
        }
        self.pings = 0;
        self.frames += 1;
    }

    /// The client is silent. Returns whether to send PING; otherwise the connection is given up.
    pub fn pings(&mut self) -> bool {
        if self.pings <= self.most {
            self.pings += 1;
            return true;
        }
        if self.frames <= 1 {
            self.most = MOST.min(2 * self.most + 1);
        }
        false
    }
}

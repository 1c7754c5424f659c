//! The server's end of one session.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::rule::Rule;
use crate::violation::code;
use crate::{
    Ack, Connection, Control, Endpoint, Event, Hello, Incoming, Limits, LostCause, MAX_NUMBER, Payload, Snapshot,
    Violation, Welcome,
};

/// The hash of a token, such as SHA-256. Tokens themselves are not kept.
pub type Digest = [u8; 32];

/// A new token: 128 bits or more of a cryptographic generator, and their hash.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NewToken {
    /// The token for the client: 22 to 256 characters of `A–Z a–z 0–9 - _ . ~`.
    pub text: String,
    /// The hash that is kept.
    pub digest: Digest,
}

/// The token before the current one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum LastToken {
    /// HELLO had no token.
    None,
    /// HELLO had this token. It stays valid until a frame arrives under the current token.
    Kept(Digest),
    /// A frame has arrived under the current token.
    Dropped,
}

/// The part of a server's state that a store keeps beside the messages.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerState {
    /// The highest attempt seen. It increases with each connection, so it also fences off an older owner of the session.
    pub attempt: u64,
    /// The hash of the current token.
    pub current: Digest,
    /// The token before the current one.
    pub last: LastToken,
    /// Whether the client has not shown yet that it received WELCOME.
    pub fresh: bool,
}

/// Why a HELLO is refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The client is an old copy, or the HELLO an old one: close its connection with 4409. The session continues unchanged.
    Superseded,
    /// This server has an old copy: the client has received more than it has sent. Drop the session with [`Server::forget`], and make a
    /// new one with the same HELLO.
    Forgotten,
    /// The HELLO contradicts itself: close its connection with the violation's code. The session continues unchanged.
    Violation(Violation),
}

/// The server's end of one session. The host authenticates the client and finds the session of a HELLO.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server<P> {
    endpoint: Endpoint<P, ServerState>,
    state: ServerState,
    connection: Option<Connection>,
    /// The time to live without a connection, in seconds.
    ttl: u64,
}

impl<P: Payload> Server<P> {
    /// Creates a session for a client that is authenticated and has no session of this name. `poll` then returns
    /// WELCOME.
    ///
    /// `presented` is the hash of the token in `hello`. `ttl` is how many seconds the host keeps the session without a
    /// connection.
    pub fn new(limits: Limits, ttl: u64, hello: &Hello, presented: Option<Digest>, token: NewToken) -> Self {
        Self::make(Endpoint::new(limits, true), ttl, hello, presented, token)
    }

    pub(crate) fn make(
        endpoint: Endpoint<P, ServerState>,
        ttl: u64,
        hello: &Hello,
        presented: Option<Digest>,
        token: NewToken,
    ) -> Self {
        let last = presented.map_or(LastToken::None, LastToken::Kept);
        let state = ServerState { attempt: hello.attempt, current: token.digest, last, fresh: true };
        let mut this = Self { endpoint, state, connection: None, ttl };
        // This is no violation, since the counts of a fresh session are 0.
        let _welcomed = this.welcome(hello, token.text);
        this
    }

    /// Returns the session that a store has kept.
    pub fn restore(limits: Limits, ttl: u64, snapshot: Snapshot<P, ServerState>) -> Self {
        let (endpoint, state) = Endpoint::restore(limits, true, snapshot);
        Self { endpoint, state, connection: None, ttl }
    }

    /// Returns the state for a store.
    pub fn snapshot(&self) -> Snapshot<P, ServerState> {
        self.endpoint.snapshot_with(self.state.clone())
    }

    /// Returns the state of the role.
    pub fn state(&self) -> &ServerState {
        &self.state
    }

    /// Resumes the session on the connection of `hello`, whose client is authenticated as the owner of the session.
    ///
    /// An older connection is closed with 4409.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] says what the host does with the new connection.
    pub fn accept(&mut self, hello: &Hello, presented: Option<Digest>, token: NewToken) -> Result<Connection, Refusal> {
        let keeps = |rule| self.endpoint.keeps(rule);
        if hello.attempt <= self.state.attempt && keeps(Rule::Attempt) {
            return Err(Refusal::Superseded);
        }
        let knows = presented == Some(self.state.current);
        let last = presented.map_or(LastToken::None, LastToken::Kept);
        if !knows && (last != self.state.last || !keeps(Rule::LastToken)) && keeps(Rule::KnownToken) {
            return Err(Refusal::Superseded);
        }
        let fresh = self.state.fresh && !knows && keeps(Rule::StaysFresh);
        if !fresh {
            self.check(hello)?;
        }
        let text = if self.endpoint.keeps(Rule::NewToken) {
            self.state.current = token.digest;
            self.state.last = last;
            token.text
        } else {
            hello.token.clone().unwrap_or(token.text)
        };
        self.state.attempt = self.state.attempt.max(hello.attempt);
        self.establish_unless(fresh);
        if let Some(older) = self.connection.take() {
            self.endpoint.close(older, code::SUPERSEDED, "superseded by a newer connection");
        }
        self.welcome(hello, text).map_err(Refusal::Violation)
    }

    /// Compares the counts of HELLO with those of this end.
    fn check(&self, hello: &Hello) -> Result<(), Refusal> {
        let (outbound, inbound) = (self.endpoint.outbound(), self.endpoint.inbound());
        let acknowledged = outbound.acknowledged();
        if hello.processed > hello.received {
            return Err(Refusal::Violation(Violation::Invalid("processed")));
        }
        let is_old = hello.received < acknowledged || hello.processed < acknowledged || hello.sent < inbound.received();
        if is_old && self.endpoint.keeps(Rule::OldClient) {
            return Err(Refusal::Superseded);
        }
        if hello.received > outbound.sent() && self.endpoint.keeps(Rule::OldServer) {
            return Err(Refusal::Forgotten);
        }
        Ok(())
    }

    fn welcome(&mut self, hello: &Hello, token: String) -> Result<Connection, Violation> {
        let connection = Connection(hello.attempt);
        let resumed = !self.state.fresh;
        let ack = self.endpoint.introduce();
        let received = if resumed { self.endpoint.inbound().received() } else { 0 };
        let (max, ttl) = (self.endpoint.inbound().max(), self.ttl.min(MAX_NUMBER));
        self.endpoint.store_role(self.state.clone(), Rule::StoreServer);
        let welcome = Welcome { token, resumed, received, processed: ack.processed, credit: ack.credit, max, ttl };
        self.endpoint.control(connection, &Control::Welcome(welcome));
        self.connection = Some(connection);
        let counts = resumed || !self.endpoint.keeps(Rule::FreshCounts);
        let (received, processed, credit) =
            if counts { (hello.received, hello.processed, hello.credit) } else { (0, 0, 0) };
        self.endpoint.begin(connection, received, Ack { processed, credit }, hello.max)?;
        self.endpoint.event(Event::Connected { resumed });
        Ok(connection)
    }

    /// Handles a frame that has arrived on a connection, or its violation of the protocol. Ignores superseded connections.
    pub fn receive(&mut self, connection: Connection, incoming: Result<Incoming<P>, Violation>) {
        if self.connection != Some(connection) && self.endpoint.keeps(Rule::IgnoreSuperseded) || self.endpoint.is_lost()
        {
            return;
        }
        if self.endpoint.keeps(Rule::DropLastToken) && self.state.last != LastToken::Dropped {
            self.state.last = LastToken::Dropped;
            self.establish_unless(false);
            self.endpoint.store_role(self.state.clone(), Rule::StoreServer);
        }
        self.establish_unless(false);
        if let Err(violation) = incoming.and_then(|incoming| self.endpoint.receive(incoming)) {
            self.connection = None;
            self.endpoint.violated(connection, violation);
        }
    }

    fn establish_unless(&mut self, fresh: bool) {
        if self.state.fresh && !fresh {
            self.state.fresh = false;
            self.endpoint.event(Event::Established);
        }
    }

    /// Records that a connection has ended, with this close code if there was one. Returns whether it was the current connection; then
    /// the time to live begins, unless the session [is lost](Endpoint::is_lost).
    pub fn disconnected(&mut self, connection: Connection, code: Option<u16>) -> bool {
        if self.connection != Some(connection) {
            return false;
        }
        self.connection = None;
        self.endpoint.disconnect();
        match code {
            Some(code @ (code::VIOLATION | code::TOO_LARGE | code::LIBRARY)) => {
                self.endpoint.lose(LostCause::Refused(code), None);
            }
            Some(code::GIVEN_UP) => self.endpoint.lose(LostCause::GivenUp, None),
            _ => (),
        }
        true
    }

    /// Drops the session, for instance after its time to live. The application gets [`Item::Lost`](crate::Item::Lost),
    /// unless the session is complete.
    pub fn forget(&mut self, cause: LostCause) {
        let connection = self.connection.take();
        let close = connection.map(|connection| (connection, code::GIVEN_UP, "the session was dropped".into()));
        self.endpoint.lose(cause, close);
    }

    /// Returns whether the client has not shown yet that it received WELCOME: the application's handler should not start.
    pub fn is_fresh(&self) -> bool {
        self.state.fresh
    }
}

impl<P> Deref for Server<P> {
    type Target = Endpoint<P, ServerState>;

    fn deref(&self) -> &Self::Target {
        &self.endpoint
    }
}

impl<P> DerefMut for Server<P> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.endpoint
    }
}

impl fmt::Debug for NewToken {
    /// Leaves out the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken").finish_non_exhaustive()
    }
}

impl fmt::Debug for LastToken {
    /// Leaves out the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Kept(_) => "Kept",
            Self::Dropped => "Dropped",
        })
    }
}

impl fmt::Debug for ServerState {
    /// Leaves out the hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerState")
            .field("attempt", &self.attempt)
            .field("last", &self.last)
            .field("fresh", &self.fresh)
            .finish_non_exhaustive()
    }
}

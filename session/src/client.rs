//! The client.

use std::ops::{Deref, DerefMut};

use crate::rule::Rule;
use crate::violation::code;
use crate::{
    Ack, Connection, Control, Endpoint, Event, Hello, Incoming, Limits, LostCause, MAX_NUMBER, Payload, Snapshot,
    Violation, Welcome,
};

/// The part of a client's state that a store keeps beside the messages.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClientState {
    /// The name of the session.
    pub session: String,
    /// How many HELLOs were sent.
    pub attempt: u64,
    /// The token of the last WELCOME.
    pub token: Option<String>,
}

/// What to do after a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterLoss {
    /// Connect again, with backoff.
    Connect,
    /// Connect again, after a longer delay: the server is full or restarting.
    ConnectLater,
    /// The server refuses the client: 4401 refuses the credentials, 4406 the application's protocol. The session is kept.
    Refused(u16),
    /// The session is over. If it was lost, the last item says why.
    Over,
    /// Do nothing: the connection was an older one.
    Ignored,
}

/// The session of a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client<P> {
    endpoint: Endpoint<P, ClientState>,
    state: ClientState,
    protocol: Option<String>,
    connection: Option<Connection>,
    is_greeting: bool,
    is_over: bool,
}

impl<P: Payload> Client<P> {
    /// Returns a session that has no connection yet.
    ///
    /// `session` is its name: 22 to 64 characters of `A–Z a–z 0–9 - _`, with 128 bits or more of a cryptographic generator.
    pub fn new(session: impl Into<String>, limits: Limits) -> Self {
        let state = ClientState { session: session.into(), attempt: 0, token: None };
        Self::with(Endpoint::new(limits, false), state)
    }

    /// Returns the session that a store has kept.
    pub fn restore(limits: Limits, snapshot: Snapshot<P, ClientState>) -> Self {
        let (endpoint, state) = Endpoint::restore(limits, false, snapshot);
        Self::with(endpoint, state)
    }

    fn with(endpoint: Endpoint<P, ClientState>, state: ClientState) -> Self {
        Self { endpoint, state, protocol: None, connection: None, is_greeting: false, is_over: false }
    }

    /// Names the application's protocol in each HELLO.
    #[must_use]
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.protocol = Some(protocol.into());
        self
    }

    /// Returns the state for a store.
    pub fn snapshot(&self) -> Snapshot<P, ClientState> {
        self.endpoint.snapshot_with(self.state.clone())
    }

    /// Begins the handshake on a WebSocket that is open: `poll` then returns HELLO. Events of older connections are ignored from now on.
    ///
    /// Returns `None` if the session is over.
    pub fn connect(&mut self, credentials: Option<String>) -> Option<Connection> {
        if self.is_over() || self.state.attempt == MAX_NUMBER {
            return None;
        }
        self.state.attempt += 1;
        let connection = Connection(self.state.attempt);
        let ack = self.endpoint.introduce();
        self.endpoint.store_role(self.state.clone(), Rule::StoreClient);
        self.endpoint.control(connection, &Control::Hello(self.hello(ack, credentials)));
        self.connection = Some(connection);
        self.is_greeting = true;
        if !self.endpoint.keeps(Rule::WaitForWelcome) {
            let acknowledged = self.endpoint.outbound().acknowledged();
            let _assumed = self.endpoint.begin(
                connection,
                acknowledged,
                Ack { processed: acknowledged, credit: MAX_NUMBER },
                MAX_NUMBER,
            );
        }
        Some(connection)
    }

    fn hello(&self, ack: Ack, credentials: Option<String>) -> Hello {
        Hello {
            session: self.state.session.clone(),
            attempt: self.state.attempt,
            token: self.state.token.clone(),
            sent: self.endpoint.outbound().sent(),
            received: self.endpoint.inbound().received(),
            processed: ack.processed,
            credit: ack.credit,
            max: self.endpoint.inbound().max(),
            protocol: self.protocol.clone(),
            credentials,
        }
    }

    /// Handles a frame that has arrived on a connection, or its violation of the protocol.
    pub fn receive(&mut self, connection: Connection, incoming: Result<Incoming<P>, Violation>) {
        if self.connection != Some(connection) && self.endpoint.keeps(Rule::IgnoreLeft) || self.is_over() {
            return;
        }
        let done = incoming.and_then(|incoming| match incoming {
            Incoming::Control(Control::Welcome(welcome)) if self.is_greeting => self.welcome(connection, welcome),
            Incoming::Control(control) if self.is_greeting => Err(Violation::Unexpected(control.name())),
            Incoming::Message(_) if self.is_greeting => Err(Violation::Unexpected("a message")),
            incoming => self.endpoint.receive(incoming),
        });
        if let Err(violation) = done {
            self.connection = None;
            self.endpoint.violated(connection, violation);
        }
    }

    fn welcome(&mut self, connection: Connection, welcome: Welcome) -> Result<(), Violation> {
        self.is_greeting = false;
        let Welcome { received, processed, credit, max, .. } = welcome;
        let had_session = self.state.token.is_some();
        if processed > received || !welcome.resumed && received > 0 {
            return Err(Violation::Invalid("received"));
        }
        if welcome.resumed && !had_session {
            return Err(Violation::Invalid("resumed"));
        }
        if welcome.resumed
            && !self.endpoint.outbound().fits(received, processed)
            && self.endpoint.keeps(Rule::CheckWelcome)
        {
            self.leave(connection, LostCause::Mismatch);
            return Ok(());
        }
        let has_ended = self.endpoint.outbound().has_ended() || self.endpoint.inbound().has_ended();
        if !welcome.resumed && had_session && (!self.endpoint.is_running() || has_ended) {
            self.leave(connection, LostCause::Forgotten);
            return Ok(());
        }
        self.state.token = Some(welcome.token);
        if !welcome.resumed && had_session {
            self.endpoint.forgotten(self.state.clone());
        } else {
            self.endpoint.store_role(self.state.clone(), Rule::StoreClient);
        }
        self.endpoint.event(Event::Connected { resumed: welcome.resumed });
        if self.endpoint.keeps(Rule::AckWelcome) {
            self.endpoint.ask();
        }
        self.endpoint.begin(connection, received, Ack { processed, credit }, max)
    }

    /// Ends the session because the server has another one.
    fn leave(&mut self, connection: Connection, cause: LostCause) {
        self.connection = None;
        self.is_over = true;
        self.endpoint.lose(cause, Some((connection, code::GIVEN_UP, "the session cannot go on".into())));
    }

    /// Records that a connection has ended, with this close code if there was one. Returns what to do next.
    pub fn disconnected(&mut self, connection: Connection, code: Option<u16>) -> AfterLoss {
        if self.connection != Some(connection) && self.endpoint.keeps(Rule::IgnoreLeft) {
            return AfterLoss::Ignored;
        }
        self.connection = None;
        self.endpoint.disconnect();
        match code {
            Some(code @ (code::VIOLATION | code::TOO_LARGE | code::LIBRARY)) => self.over(LostCause::Refused(code)),
            Some(code::SUPERSEDED) if self.endpoint.keeps(Rule::SupersededIsFinal) => self.over(LostCause::Superseded),
            Some(code::GIVEN_UP) => self.over(LostCause::GivenUp),
            Some(code::COMPLETE) if self.endpoint.is_complete() => self.over(LostCause::GivenUp),
            _ if self.is_over() => AfterLoss::Over,
            Some(code @ (code::UNAUTHORIZED | code::PROTOCOL)) => AfterLoss::Refused(code),
            Some(code::LIMIT | code::RESTART) => AfterLoss::ConnectLater,
            _ => AfterLoss::Connect,
        }
    }

    /// Ends the session. Nothing is lost if the session is complete.
    fn over(&mut self, cause: LostCause) -> AfterLoss {
        self.is_over = true;
        self.endpoint.lose(cause, None);
        AfterLoss::Over
    }

    /// Returns whether no connection is needed any more: the session is lost, or it is complete and the server knows that.
    pub fn is_over(&self) -> bool {
        self.is_over
            || self.endpoint.is_lost()
            || self.endpoint.is_complete() && !self.endpoint.keeps(Rule::FinishComplete)
    }
}

impl<P> Deref for Client<P> {
    type Target = Endpoint<P, ClientState>;

    fn deref(&self) -> &Self::Target {
        &self.endpoint
    }
}

impl<P> DerefMut for Client<P> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.endpoint
    }
}

impl std::fmt::Debug for ClientState {
    /// Leaves out the name and the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientState").field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

//! Inputs of a driver that do not come over its session's connection.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use websocket_session::{Digest, Hello};

use crate::Session;
use crate::socket::Socket;

/// Runs the application's handler.
pub(crate) type Handler = Box<dyn FnOnce(Session) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A client whose HELLO is authenticated.
pub(crate) struct Arrival {
    pub socket: Socket,
    pub hello: Hello,
    /// The hash of the token in HELLO.
    pub presented: Option<Digest>,
    pub handler: Handler,
}

/// Whether, and when, a session must leave this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leave {
    No,
    /// When the handler has finished.
    Soon,
    Now,
}

/// The connections that have arrived for a session, and the waker of its driver.
pub(crate) struct Mailbox {
    state: Mutex<State>,
    work: Notify,
}

struct State {
    arrivals: VecDeque<Box<Arrival>>,
    is_closed: bool,
    leave: Leave,
}

/// The number of connections that may wait while the driver is busy with its store.
const MAX_ARRIVALS: usize = 4;

/// Why an arrival was not accepted.
pub(crate) enum Full {
    /// The driver has ended.
    Closed(Box<Arrival>),
    /// Too many connections have arrived at the same time.
    Full(Box<Arrival>),
}

impl Mailbox {
    pub fn new() -> Self {
        let state = State { arrivals: VecDeque::new(), is_closed: false, leave: Leave::No };
        Self { state: Mutex::new(state), work: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn push(&self, arrival: Box<Arrival>) -> Result<(), Full> {
        let mut state = self.state();
        match () {
            () if state.is_closed => return Err(Full::Closed(arrival)),
            () if state.arrivals.len() == MAX_ARRIVALS => return Err(Full::Full(arrival)),
            () => state.arrivals.push_back(arrival),
        }
        drop(state);
        self.wake();
        Ok(())
    }

    pub fn pop(&self) -> Option<Box<Arrival>> {
        self.state().arrivals.pop_front()
    }

    pub fn has_arrivals(&self) -> bool {
        !self.state().arrivals.is_empty()
    }

    /// Refuses all arrivals from now on, and returns the queued ones.
    pub fn close(&self) -> VecDeque<Box<Arrival>> {
        let mut state = self.state();
        state.is_closed = true;
        std::mem::take(&mut state.arrivals)
    }

    pub fn leave(&self, leave: Leave) {
        self.state().leave = leave;
        self.wake();
    }

    pub fn is_leaving(&self) -> Leave {
        self.state().leave
    }

    pub fn wake(&self) {
        self.work.notify_one();
    }

    pub async fn work(&self) {
        self.work.notified().await;
    }
}

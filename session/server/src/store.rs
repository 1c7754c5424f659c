//! Stores, in which sessions outlive a server.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use websocket_session::ServerState;

use crate::Message;

/// A change of a stored session.
pub type Change = websocket_session::Change<Message, ServerState>;

/// A stored session.
pub type Snapshot = websocket_session::Snapshot<Message, ServerState>;

/// The future of a method of a [`Store`].
pub type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The key of a session in a store.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Who made the session.
    pub principal: Arc<str>,
    /// Its name, which is unique for this principal.
    pub session: Arc<str>,
}

impl fmt::Debug for Key {
    /// Leaves out names, which do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// The ownership of a session: 128 random bits, which are new each time a server claims a session.
///
/// A server without the current lease cannot write. This fences off a server that was wrongly thought dead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease(pub Arc<str>);

/// A session in a store, and its lease.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The current lease.
    pub lease: Lease,
    /// The lease under which the session was made: its [id](crate::Session::id).
    pub first: Lease,
    /// The session.
    pub snapshot: Snapshot,
}

/// Why a method of a store has failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// Another server owns the session now, or the session is gone: the lease is no longer valid.
    Fenced,
    /// The store cannot be reached, or has failed. It is unknown whether it has made the change.
    Unavailable(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fenced => f.write_str("another server owns the session"),
            Self::Unavailable(error) => write!(f, "the store is not available: {error}"),
        }
    }
}

impl Error for StoreError {}

/// Keeps sessions so that another server can continue them.
///
/// Each method is one atomic change. `keep` is how long the store keeps the session if nothing is written meanwhile.
pub trait Store: Send + Sync + 'static {
    /// Looks a session up, without taking it. Only the number of the messages in `snapshot.sent` counts, so any messages will do: a
    /// HELLO that is refused should not cost as much as all messages of the session.
    fn find<'a>(&'a self, key: &'a Key) -> Later<'a, Option<Stored>>;

    /// Makes a session that `lease` owns, its first lease. Returns `false` if there is a session with this key already.
    fn create<'a>(&'a self, key: &'a Key, lease: &'a Lease, snapshot: &'a Snapshot, keep: Duration) -> Later<'a, bool>;

    /// Transfers a session from the lease `from` to `lease`, and returns it; `None` if `from` does not own the session.
    fn claim<'a>(&'a self, key: &'a Key, from: &'a Lease, lease: &'a Lease) -> Later<'a, Option<Snapshot>>;

    /// Makes changes, all or none, if `lease` owns the session.
    ///
    /// `sequence` increases with each write under a lease, from 1. A write that is repeated because its outcome was unknown has the
    /// same number, and must take effect once. A write without changes renews the session, and checks that `lease` still owns it.
    fn write<'a>(
        &'a self,
        key: &'a Key,
        lease: &'a Lease,
        sequence: u64,
        changes: &'a [Change],
        keep: Duration,
    ) -> Later<'a, ()>;

    /// Removes a session that `lease` owns.
    fn remove<'a>(&'a self, key: &'a Key, lease: &'a Lease) -> Later<'a, ()>;
}

/// A store in the memory of this process, for several [`Sessions`](crate::Sessions) in it: for tests, and to replace one server by
/// another without a loss.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    sessions: HashMap<Key, Kept>,
    /// When expired sessions are removed next.
    sweep: Option<Instant>,
}

struct Kept {
    lease: Lease,
    first: Lease,
    sequence: u64,
    snapshot: Snapshot,
    /// When the session expires; `None` for never.
    expiry: Option<Instant>,
}

impl Kept {
    fn is_expired(&self, now: Instant) -> bool {
        self.expiry.is_some_and(|expiry| expiry <= now)
    }
}

impl State {
    fn find(&mut self, key: &Key) -> Option<&mut Kept> {
        let now = Instant::now();
        self.sessions.get_mut(key).filter(|kept| !kept.is_expired(now))
    }

    fn find_owned(&mut self, key: &Key, lease: &Lease) -> Result<&mut Kept, StoreError> {
        self.find(key).filter(|kept| kept.lease == *lease).ok_or(StoreError::Fenced)
    }

    /// Removes the expired sessions, unless it has done so within the time `keep`.
    fn sweep(&mut self, keep: Duration) {
        let now = Instant::now();
        if self.sweep.is_none_or(|sweep| sweep <= now) {
            self.sweep = now.checked_add(keep);
            self.sessions.retain(|_, kept| !kept.is_expired(now));
        }
    }
}

impl MemoryStore {
    /// Returns an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of sessions. It includes some that have expired: they are removed while others are made.
    pub fn len(&self) -> usize {
        self.state().sessions.len()
    }

    /// Returns whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now<'a, T: Send + 'a>(result: Result<T, StoreError>) -> Later<'a, T> {
    Box::pin(std::future::ready(result))
}

impl Store for MemoryStore {
    fn find<'a>(&'a self, key: &'a Key) -> Later<'a, Option<Stored>> {
        let stored = |kept: &mut Kept| Stored {
            lease: kept.lease.clone(),
            first: kept.first.clone(),
            snapshot: kept.snapshot.clone(),
        };
        now(Ok(self.state().find(key).map(stored)))
    }

    fn create<'a>(&'a self, key: &'a Key, lease: &'a Lease, snapshot: &'a Snapshot, keep: Duration) -> Later<'a, bool> {
        let mut state = self.state();
        state.sweep(keep);
        let is_new = state.find(key).is_none();
        if is_new {
            let (lease, first, expiry) = (lease.clone(), lease.clone(), Instant::now().checked_add(keep));
            state.sessions.insert(key.clone(), Kept { lease, first, sequence: 0, snapshot: snapshot.clone(), expiry });
        }
        now(Ok(is_new))
    }

    fn claim<'a>(&'a self, key: &'a Key, from: &'a Lease, lease: &'a Lease) -> Later<'a, Option<Snapshot>> {
        now(Ok(self.state().find_owned(key, from).ok().map(|kept| {
            kept.lease = lease.clone();
            kept.sequence = 0;
            kept.snapshot.clone()
        })))
    }

    fn write<'a>(
        &'a self,
        key: &'a Key,
        lease: &'a Lease,
        sequence: u64,
        changes: &'a [Change],
        keep: Duration,
    ) -> Later<'a, ()> {
        now(self.state().find_owned(key, lease).map(|kept| {
            if sequence > kept.sequence {
                kept.sequence = sequence;
                kept.expiry = Instant::now().checked_add(keep);
                changes.iter().for_each(|change| kept.snapshot.apply(change.clone()));
            }
        }))
    }

    fn remove<'a>(&'a self, key: &'a Key, lease: &'a Lease) -> Later<'a, ()> {
        let mut state = self.state();
        let is_owned = state.find_owned(key, lease).map(drop);
        if is_owned.is_ok() {
            state.sessions.remove(key);
        }
        now(is_owned)
    }
}

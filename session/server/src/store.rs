//! Stores, in which sessions outlive a server.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
    /// Looks a session up, without taking it.
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
    sessions: Arc<Mutex<HashMap<Key, Kept>>>,
}

struct Kept {
    lease: Lease,
    first: Lease,
    sequence: u64,
    snapshot: Snapshot,
}

impl MemoryStore {
    /// Returns an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of sessions.
    pub fn len(&self) -> usize {
        self.sessions().len()
    }

    /// Returns whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.sessions().is_empty()
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Key, Kept>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, key: &Key, lease: &Lease, sequence: u64, changes: &[Change]) -> Result<(), StoreError> {
        let mut sessions = self.sessions();
        let kept = sessions.get_mut(key).filter(|kept| kept.lease == *lease).ok_or(StoreError::Fenced)?;
        if sequence > kept.sequence {
            kept.sequence = sequence;
            changes.iter().for_each(|change| kept.snapshot.apply(change.clone()));
        }
        Ok(())
    }
}

fn now<'a, T: Send + 'a>(result: Result<T, StoreError>) -> Later<'a, T> {
    Box::pin(std::future::ready(result))
}

impl Store for MemoryStore {
    fn find<'a>(&'a self, key: &'a Key) -> Later<'a, Option<Stored>> {
        let stored = |kept: &Kept| Stored {
            lease: kept.lease.clone(),
            first: kept.first.clone(),
            snapshot: kept.snapshot.clone(),
        };
        now(Ok(self.sessions().get(key).map(stored)))
    }

    fn create<'a>(&'a self, key: &'a Key, lease: &'a Lease, snapshot: &'a Snapshot, _: Duration) -> Later<'a, bool> {
        let mut sessions = self.sessions();
        let is_new = !sessions.contains_key(key);
        if is_new {
            let (lease, first) = (lease.clone(), lease.clone());
            sessions.insert(key.clone(), Kept { lease, first, sequence: 0, snapshot: snapshot.clone() });
        }
        now(Ok(is_new))
    }

    fn claim<'a>(&'a self, key: &'a Key, from: &'a Lease, lease: &'a Lease) -> Later<'a, Option<Snapshot>> {
        let mut sessions = self.sessions();
        let kept = sessions.get_mut(key).filter(|kept| kept.lease == *from);
        now(Ok(kept.map(|kept| {
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
        _: Duration,
    ) -> Later<'a, ()> {
        now(self.write(key, lease, sequence, changes))
    }

    fn remove<'a>(&'a self, key: &'a Key, lease: &'a Lease) -> Later<'a, ()> {
        let mut sessions = self.sessions();
        let is_owned = sessions.get(key).is_some_and(|kept| kept.lease == *lease);
        if is_owned {
            sessions.remove(key);
        }
        now(if is_owned { Ok(()) } else { Err(StoreError::Fenced) })
    }
}

//! A store that is slow, or fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;
use websocket_session_server::{Change, Key, Later, Lease, MemoryStore, Snapshot, Store, StoreError, Stored};

#[derive(Clone, Default)]
pub struct FaultyStore {
    pub store: MemoryStore,
    /// How long a write takes.
    pub delay: Duration,
    /// Whether writes wait.
    pub holds: Arc<AtomicBool>,
    /// Whether removing a session fails.
    pub keeps: Arc<AtomicBool>,
    /// Whether removing a session seems to fail, but has its effect.
    pub hides: Arc<AtomicBool>,
    /// Whether writing fails.
    pub is_down: Arc<AtomicBool>,
}

impl Store for FaultyStore {
    fn find<'a>(&'a self, key: &'a Key) -> Later<'a, Option<Stored>> {
        self.store.find(key)
    }

    fn create<'a>(&'a self, key: &'a Key, lease: &'a Lease, snapshot: &'a Snapshot, keep: Duration) -> Later<'a, bool> {
        self.store.create(key, lease, snapshot, keep)
    }

    fn claim<'a>(&'a self, key: &'a Key, from: &'a Lease, lease: &'a Lease) -> Later<'a, Option<Snapshot>> {
        self.store.claim(key, from, lease)
    }

    fn write<'a>(
        &'a self,
        key: &'a Key,
        lease: &'a Lease,
        sequence: u64,
        changes: &'a [Change],
        keep: Duration,
    ) -> Later<'a, ()> {
        Box::pin(async move {
            sleep(self.delay).await;
            while self.holds.load(Ordering::SeqCst) {
                sleep(Duration::from_millis(5)).await;
            }
            if self.is_down.load(Ordering::SeqCst) {
                return Err(broken());
            }
            Store::write(&self.store, key, lease, sequence, changes, keep).await
        })
    }

    fn remove<'a>(&'a self, key: &'a Key, lease: &'a Lease) -> Later<'a, ()> {
        if self.keeps.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(broken())));
        }
        if self.hides.swap(false, Ordering::SeqCst) {
            drop(self.store.remove(key, lease));
            return Box::pin(std::future::ready(Err(broken())));
        }
        self.store.remove(key, lease)
    }
}

fn broken() -> StoreError {
    StoreError::Unavailable("the store is broken".into())
}

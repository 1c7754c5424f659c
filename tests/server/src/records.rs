//! Records that the server keeps by a key, beyond the life of a connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// The maximum number of keys. One more key replaces the oldest that is idle.
const MAX_KEYS: usize = 64;

/// The maximum length of a key, in bytes.
pub const MAX_KEY: usize = 100;

/// A record for each key.
pub struct Records<T> {
    keyed: Mutex<Keyed<T>>,
    is_idle: fn(&T) -> bool,
}

/// Records with their keys, oldest first.
type Keyed<T> = VecDeque<(String, Arc<Mutex<T>>)>;

impl<T: Default> Records<T> {
    pub const fn new() -> Self {
        Self::replacing(|_| true)
    }

    /// Replaces records that are idle before all others.
    pub const fn replacing(is_idle: fn(&T) -> bool) -> Self {
        Self { keyed: Mutex::new(VecDeque::new()), is_idle }
    }

    /// Returns the record of a key, if the key is known.
    pub fn find(&self, key: &str) -> Option<Arc<Mutex<T>>> {
        lock(&self.keyed).iter().find(|(known, _)| known == key).map(|(_, record)| record.clone())
    }

    /// Returns the record of a key. A new key begins with an empty record.
    pub fn find_or_begin(&self, key: &str) -> Arc<Mutex<T>> {
        let records = &mut *lock(&self.keyed);
        if let Some((_, record)) = records.iter().find(|(known, _)| known == key) {
            return record.clone();
        }
        if records.len() == MAX_KEYS {
            let idle = records.iter().position(|(_, record)| (self.is_idle)(&lock(record)));
            records.remove(idle.unwrap_or(0));
        }
        let record = Arc::default();
        records.push_back((key.to_owned(), Arc::clone(&record)));
        record
    }
}

pub fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("nobody panics while holding the lock")
}

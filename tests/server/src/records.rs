//! Records that the server keeps by a key, beyond the life of a connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// The maximum number of keys. One more key replaces the oldest.
const MAX_KEYS: usize = 64;

/// The maximum length of a key, in bytes.
pub const MAX_KEY: usize = 100;

/// A record for each key.
pub struct Records<T>(Mutex<Keyed<T>>);

/// Records with their keys, oldest first.
type Keyed<T> = VecDeque<(String, Arc<Mutex<T>>)>;

impl<T: Default> Records<T> {
    pub const fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    /// Returns the record of a key, if the key is known.
    pub fn find(&self, key: &str) -> Option<Arc<Mutex<T>>> {
        lock(&self.0).iter().find(|(known, _)| known == key).map(|(_, record)| record.clone())
    }

    /// Returns the record of a key. A new key begins with an empty record.
    pub fn find_or_begin(&self, key: &str) -> Arc<Mutex<T>> {
        let records = &mut *lock(&self.0);
        if let Some((_, record)) = records.iter().find(|(known, _)| known == key) {
            return record.clone();
        }
        if records.len() == MAX_KEYS {
            records.pop_front();
        }
        let record = Arc::default();
        records.push_back((key.to_owned(), Arc::clone(&record)));
        record
    }
}

pub fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("nobody panics while holding the lock")
}

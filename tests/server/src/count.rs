//! Counts the open connections by the query of their URL, so that a test can see its own end.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard};

use tokio::sync::watch;

type Counts = HashMap<String, watch::Sender<usize>>;

static COUNTS: LazyLock<Mutex<Counts>> = LazyLock::new(Mutex::default);

fn counts() -> MutexGuard<'static, Counts> {
    COUNTS.lock().expect("nobody panics while holding it")
}

/// One open connection.
pub struct Counted(String);

impl Counted {
    pub fn new(query: &str) -> Self {
        counts().entry(query.to_owned()).or_default().send_modify(|count| *count += 1);
        Self(query.to_owned())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = counts();
        let Some(count) = counts.get(&self.0) else { return };
        count.send_modify(|count| *count -= 1);
        if *count.borrow() == 0 && count.receiver_count() == 0 {
            counts.remove(&self.0);
        }
    }
}

/// The number of open connections with this query, now and whenever it changes.
pub fn watch(query: &str) -> watch::Receiver<usize> {
    let mut receiver = counts().entry(query.to_owned()).or_default().subscribe();
    receiver.mark_changed();
    receiver
}

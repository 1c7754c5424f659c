//! Counts the open connections by the query of their URL, so that a test can see its own end.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard};

use tokio::sync::watch;

type Counts = HashMap<String, watch::Sender<usize>>;

static COUNTS: LazyLock<Mutex<Counts>> = LazyLock::new(Mutex::default);

fn counts() -> MutexGuard<'static, Counts> {
    COUNTS.lock().expect("nobody panics while holding it")
}

/// Forgets a query that has no connection and no more than so many that watch it.
fn tidy(query: &str, watching: usize) {
    let mut counts = counts();
    if counts.get(query).is_some_and(|count| *count.borrow() == 0 && count.receiver_count() <= watching) {
        counts.remove(query);
    }
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
        if let Some(count) = counts().get(&self.0) {
            count.send_modify(|count| *count -= 1);
        }
        tidy(&self.0, 0);
    }
}

/// A look at the number of open connections that have this query.
pub struct Watch {
    query: String,
    receiver: watch::Receiver<usize>,
}

impl Watch {
    pub fn new(query: String) -> Self {
        let mut receiver = counts().entry(query.clone()).or_default().subscribe();
        receiver.mark_changed();
        Self { query, receiver }
    }

    /// The number, now and whenever it changes.
    pub async fn next(&mut self) -> usize {
        // It fails only without a sender, which is there as long as there is a receiver.
        let _ = self.receiver.changed().await;
        *self.receiver.borrow_and_update()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // One receiver is this one's own.
        tidy(&self.query, 1);
    }
}

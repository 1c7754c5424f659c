//! Counts connections and their messages by a key, so that a test can see how its own connections end at the server. The key is the
//! query of their URL, or the path of a URL without a query.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{LazyLock, Mutex, MutexGuard};

use axum::http::Uri;
use tokio::sync::watch;

/// The record of the connections with one key.
#[derive(Clone, Copy, Default)]
pub struct Count {
    /// The number of open connections.
    open: usize,
    /// The number of messages that were received. Behaviours that read no messages count none.
    received: usize,
    /// The code of the last Close frame that a client has sent; 1005 for a frame without a code.
    code: Option<u16>,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} open, {} received", self.open, self.received)?;
        self.code.map_or(Ok(()), |code| write!(f, ", closed with {code}"))
    }
}

type Counts = HashMap<String, watch::Sender<Count>>;

static COUNTS: LazyLock<Mutex<Counts>> = LazyLock::new(Mutex::default);

fn counts() -> MutexGuard<'static, Counts> {
    COUNTS.lock().expect("nobody panics while holding the lock")
}

fn change(key: &str, change: impl FnOnce(&mut Count)) {
    counts().entry(key.to_owned()).or_default().send_modify(change);
}

/// Forgets a key if it has no open connection and at most this many watchers.
fn tidy(key: &str, watching: usize) {
    let mut counts = counts();
    if counts.get(key).is_some_and(|count| count.borrow().open == 0 && count.receiver_count() <= watching) {
        counts.remove(key);
    }
}

/// One open connection.
pub struct Counted(String);

tokio::task_local!(static CURRENT: Counted);

impl Counted {
    pub fn new(uri: &Uri) -> Self {
        let key = uri.query().unwrap_or(uri.path());
        change(key, |count| count.open += 1);
        Self(key.to_owned())
    }

    /// Runs a behaviour with this connection as the current one of the task.
    pub async fn scope(self, behaviour: impl Future<Output = ()>) {
        CURRENT.scope(self, behaviour).await;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        change(&self.0, |count| count.open -= 1);
        tidy(&self.0, 0);
    }
}

/// Counts a message on the connection of this task.
pub fn received() {
    let _ = CURRENT.try_with(|current| change(&current.0, |count| count.received += 1));
}

/// Notes the code of the client's Close frame on the connection of this task.
pub fn closed(code: u16) {
    let _ = CURRENT.try_with(|current| change(&current.0, |count| count.code = Some(code)));
}

/// A watcher of the count of one key.
pub struct Watch {
    key: String,
    receiver: watch::Receiver<Count>,
}

impl Watch {
    pub fn new(key: String) -> Self {
        let mut receiver = counts().entry(key.clone()).or_default().subscribe();
        receiver.mark_changed();
        Self { key, receiver }
    }

    /// Returns the count: at once when it is first called, and then after each change.
    pub async fn next(&mut self) -> Count {
        // This fails only without a sender, and `tidy` keeps the sender as long as there is a receiver.
        let _ = self.receiver.changed().await;
        *self.receiver.borrow_and_update()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // One of the receivers is this watcher's own.
        tidy(&self.key, 1);
    }
}

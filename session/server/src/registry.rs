//! The sessions of one server, and how many each principal and each address has.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::crowd::Counts;
use crate::mailbox::Mailbox;
use crate::{Key, Limits};

/// The sessions of one server.
#[derive(Default)]
pub(crate) struct Registry {
    state: Mutex<State>,
    emptied: Notify,
}

#[derive(Default)]
struct State {
    sessions: HashMap<Key, Kept>,
    principals: Counts<Arc<str>>,
    addresses: Counts<IpAddr>,
    is_closing: bool,
}

struct Kept {
    mailbox: Arc<Mailbox>,
    address: Option<IpAddr>,
}

/// The driver of a session, which may be new.
pub(crate) enum Found {
    Known(Arc<Mailbox>),
    New(Arc<Mailbox>),
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Limit,
    Closing,
}

impl Registry {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds a session, or makes an entry for a new one.
    pub fn find_or_insert(&self, key: &Key, address: Option<IpAddr>, limits: &Limits) -> Result<Found, Refused> {
        let mut state = self.state();
        if state.is_closing {
            return Err(Refused::Closing);
        }
        if let Some(kept) = state.sessions.get(key) {
            return Ok(Found::Known(kept.mailbox.clone()));
        }
        if state.sessions.len() >= limits.sessions
            || state.principals.get(&key.principal) >= limits.sessions_per_principal
            || address.is_some_and(|address| state.addresses.get(&address) >= limits.sessions_per_address)
        {
            return Err(Refused::Limit);
        }
        let mailbox = Arc::new(Mailbox::new());
        state.principals.add(Some(key.principal.clone()));
        state.addresses.add(address);
        state.sessions.insert(key.clone(), Kept { mailbox: mailbox.clone(), address });
        Ok(Found::New(mailbox))
    }

    pub fn remove(&self, key: &Key) {
        let mut state = self.state();
        if let Some(kept) = state.sessions.remove(key) {
            state.principals.remove(&key.principal);
            kept.address.iter().for_each(|address| state.addresses.remove(address));
        }
        if state.sessions.is_empty() {
            self.emptied.notify_waiters();
        }
    }

    pub fn len(&self) -> usize {
        self.state().sessions.len()
    }

    /// Refuses all connections from now on, and returns all sessions.
    pub fn close(&self) -> Vec<Arc<Mailbox>> {
        let mut state = self.state();
        state.is_closing = true;
        state.sessions.values().map(|kept| kept.mailbox.clone()).collect()
    }

    pub fn is_closing(&self) -> bool {
        self.state().is_closing
    }

    /// Waits until there is no session.
    pub async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

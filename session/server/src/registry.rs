//! The sessions of one server, and how many each principal and each address has.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

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
    greetings: usize,
    greeting_addresses: Counts<IpAddr>,
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

    /// Counts a connection without HELLO, until the guard is dropped.
    pub fn greet(&self, address: Option<IpAddr>, limits: &Limits) -> Result<Greeting<'_>, Refused> {
        let mut state = self.state();
        if state.is_closing {
            return Err(Refused::Closing);
        }
        let of_address = address.map_or(0, |address| state.greeting_addresses.get(&address));
        if state.greetings >= limits.greetings || of_address >= limits.greetings_per_address {
            return Err(Refused::Limit);
        }
        state.greetings += 1;
        state.greeting_addresses.add(address);
        Ok(Greeting { registry: self, address })
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

/// A connection without HELLO.
pub(crate) struct Greeting<'a> {
    registry: &'a Registry,
    address: Option<IpAddr>,
}

impl Drop for Greeting<'_> {
    fn drop(&mut self) {
        let mut state = self.registry.state();
        state.greetings -= 1;
        self.address.iter().for_each(|address| state.greeting_addresses.remove(address));
    }
}

/// The count of each value.
struct Counts<T>(HashMap<T, usize>);

impl<T> Default for Counts<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash> Counts<T> {
    fn get(&self, of: &T) -> usize {
        self.0.get(of).copied().unwrap_or_default()
    }

    fn add(&mut self, of: Option<T>) {
        if let Some(of) = of {
            *self.0.entry(of).or_default() += 1;
        }
    }

    /// Decrements a count. A count of 0 takes no memory.
    fn remove(&mut self, of: &T)
    where
        T: Clone,
    {
        if let Entry::Occupied(mut count) = self.0.entry(of.clone()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

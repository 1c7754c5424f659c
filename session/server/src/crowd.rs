//! Connections that no session has: they have sent no HELLO yet, or they are closing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Limits;

/// Counts connections, in all and per address, up to [`Limits::greetings`] and [`Limits::greetings_per_address`].
pub(crate) struct Crowd {
    state: Mutex<State>,
}

struct State {
    most: usize,
    most_per_address: usize,
    count: usize,
    addresses: Counts<IpAddr>,
}

impl Crowd {
    pub fn new(limits: &Limits) -> Self {
        let Limits { greetings: most, greetings_per_address: most_per_address, .. } = *limits;
        Self { state: Mutex::new(State { most, most_per_address, count: 0, addresses: Counts::default() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection until the guard is dropped; `None` if there are too many.
    pub fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Member> {
        let mut state = self.state();
        let of_address = address.map_or(0, |address| state.addresses.get(&address));
        if state.count >= state.most || of_address >= state.most_per_address {
            return None;
        }
        state.count += 1;
        state.addresses.add(address);
        Some(Member { crowd: self.clone(), address })
    }
}

/// A connection that is counted.
pub(crate) struct Member {
    crowd: Arc<Crowd>,
    address: Option<IpAddr>,
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut state = self.crowd.state();
        state.count -= 1;
        self.address.iter().for_each(|address| state.addresses.remove(address));
    }
}

/// The count of each value.
pub(crate) struct Counts<T>(HashMap<T, usize>);

impl<T> Default for Counts<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash> Counts<T> {
    pub fn get(&self, of: &T) -> usize {
        self.0.get(of).copied().unwrap_or_default()
    }

    pub fn add(&mut self, of: Option<T>) {
        if let Some(of) = of {
            *self.0.entry(of).or_default() += 1;
        }
    }

    /// Decrements a count. A count of 0 takes no memory.
    pub fn remove(&mut self, of: &T)
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

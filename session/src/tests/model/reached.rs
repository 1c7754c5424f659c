//! The states that schedules reach, to compare two models.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use stateright::Model as _;

use super::*;

/// The states that schedules go through: the states of each end, and the final states, in which nothing happens without a fault.
#[derive(Default)]
pub(super) struct Reached {
    pub(super) clients: HashSet<u64>,
    pub(super) servers: HashSet<u64>,
    pub(super) last: HashSet<u64>,
    explored: HashSet<u64>,
    schedule: Vec<u64>,
}

impl Reached {
    /// Explores all schedules of all models.
    pub(super) fn by(models: impl IntoIterator<Item = Model>) -> Self {
        let mut this = Self::default();
        for model in models {
            this.explored.clear();
            model.init_states().into_iter().for_each(|state| this.explore(&model, &state));
        }
        this
    }

    fn explore(&mut self, model: &Model, state: &State) {
        let key = hash(state);
        assert!(!self.schedule.contains(&key), "a schedule without end");
        if !self.explored.insert(key) {
            return;
        }
        let client = (&state.tabs, state.connects);
        let server = (&state.machine, &state.stored, &state.application, &state.spent, state.overflow);
        self.clients.insert(hash(client));
        self.servers.insert(hash(server));
        if model.is_quiet(state) {
            self.last.insert(hash((client, server)));
        }
        self.schedule.push(key);
        model.next_states(state).iter().for_each(|next| self.explore(model, next));
        self.schedule.pop();
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

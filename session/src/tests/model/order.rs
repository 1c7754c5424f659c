//! Partial order reduction: actions that commute are explored in one order.
//!
//! An action of one end and an action of the other end commute. Each changes its own end, takes the first frame of a queue to
//! this end, and appends to a queue to the peer. Leaving a connection discards only frames on their way to the end that leaves. An end
//! can enable actions of its peer, but neither disables nor changes them.
//!
//! So the actions of an end are a *persistent set* if the peer can enable no other action of this end. It is enough to explore a
//! persistent set in each state: for each schedule of the model, an explored one has the same actions, in the same order at each end.
//! Both schedules go through the same states of each end, and both reach the same final state, where no action is left. Each
//! property is about one end or about final states, so it holds in all schedules if it holds in the explored ones.
//!
//! A budget of faults that both ends draw from would make their actions depend on each other. So [`Model::lost`] sets how many
//! connections are lost, and each end sees the loss in an action of its own. The first connections are lost: a client that connects
//! again without a loss breaks a property.
//!
//! A server ignores a connection once it has accepted a newer one (R4, R10), until it loses the session, which breaks a property.
//! Frames that are left on such a connection arrive at once, instead of at any later time. They do arrive, so a server that does
//! not ignore them is seen.

use super::*;

enum Explored {
    Client,
    Server,
    Both,
}

impl Model {
    /// Returns whether each action belongs to one end.
    pub(super) fn is_reducible(&self) -> bool {
        self.crashes + self.client_crashes + self.duplicates == 0 && !self.late && self.acks == Acks::AnyTime
    }

    /// Returns the reduced model in which exactly this many connections are lost.
    pub(super) fn losing(&self, lost: u8) -> Self {
        Self { losses: 0, lost: Some(lost), ..self.clone() }
    }

    /// Keeps a persistent set of the actions.
    pub(super) fn reduce(&self, state: &State, actions: &mut Vec<Action>) {
        assert!(self.is_reducible() && self.losses == 0, "an action belongs to both ends");
        if let Some(action) = actions.iter().find(|action| is_ignored(state, action)) {
            *actions = vec![action.clone()];
            return;
        }
        let explored = explored(state);
        let is_explored = |action: &Action| match explored {
            Explored::Client => action.is_of_client(),
            Explored::Server => !action.is_of_client(),
            Explored::Both => true,
        };
        if actions.iter().any(is_explored) {
            actions.retain(is_explored);
        }
    }
}

/// Returns whether this is the next action on a connection that the client has left, and that is older than one that the server has
/// accepted.
fn is_ignored(state: &State, action: &Action) -> bool {
    let (link, is_next) = match action {
        Action::Up(link) => (&state.links[*link], true),
        // Frames arrive before the server sees the loss, so that no frame is skipped.
        Action::ServerSeesEnd(link) => (&state.links[*link], state.links[*link].up.is_empty()),
        _ => return false,
    };
    let attempt = state.machine.as_ref().map_or(0, |machine| machine.state().attempt);
    is_next && link.connection.0 < attempt
}

/// Returns the end whose actions are a persistent set.
fn explored(state: &State) -> Explored {
    match state.links.iter().find(|link| link.client_open) {
        // The server cannot reach the client.
        None => Explored::Client,
        // A frame can arrive at the client. The server cannot change which one.
        Some(link) if !link.down.is_empty() => Explored::Client,
        // A frame can arrive at the server. The client opens no other connection before a frame arrives there.
        Some(link) if !link.broken && !link.up.is_empty() => Explored::Server,
        Some(_) => Explored::Both,
    }
}

//! The properties that must hold in each state.

use stateright::Model as _;

use super::*;

pub(super) const SERVER_ORDER: &str = "in order and at most once at the server";
pub(super) const CLIENT_ORDER: &str = "in order and at most once at the client";
pub(super) const NO_LOSS: &str = "nothing is lost without a reason";
pub(super) const HONEST: &str = "no violation is reported";
pub(super) const NO_SUPERSEDING: &str = "only a copy supersedes";
pub(super) const TOKENS: &str = "spent and guessed tokens do not resume";
pub(super) const WINDOW: &str = "a receiver holds no more than its window";
pub(super) const CONNECTS: &str = "no client connects without need";
pub(super) const NOTHING_VANISHES: &str = "no message vanishes";
pub(super) const ENDS: &str = "every session comes to an end";
/// A property that must be reachable in each model, so that no model is empty.
pub(super) const ARRIVES: &str = "everything arrives";

impl Model {
    pub(super) fn all_properties() -> Vec<Property<Self>> {
        vec![
            Property::always(SERVER_ORDER, |_, state: &State| is_in_order(&state.application.log)),
            Property::always(CLIENT_ORDER, |_, state: &State| {
                state.tabs.iter().all(|tab| is_in_order(&tab.application.log))
            }),
            Property::always(NO_LOSS, |model: &Self, state: &State| {
                let forgets = if model.store == Store::Durable { 0 } else { state.crashes };
                let tabs = state.tabs.iter().map(|tab| tab.application.losses).sum::<u8>();
                let superseded = state.tabs.iter().filter(|tab| tab.application.superseded).count() as u8;
                let gone = state.tabs.iter().any(|tab| tab.gone);
                tabs - superseded <= forgets && (state.application.losses <= forgets || gone)
            }),
            Property::always(HONEST, |_, state: &State| {
                let tabs = state.tabs.iter().map(|tab| &tab.application);
                !tabs.chain([&state.application]).any(|application| application.accused)
            }),
            Property::always(NO_SUPERSEDING, |_, state: &State| {
                let superseded = state.tabs.iter().filter(|tab| tab.application.superseded).count();
                superseded < state.tabs.len()
            }),
            Property::always(TOKENS, |model: &Self, state: &State| {
                let guess = Some(Some("guess-guess-guess-guess".to_owned()));
                state.machine.as_ref().is_none_or(|machine| {
                    let tokens = state.spent.iter().cloned().chain(guess);
                    tokens.into_iter().all(|token| !model.is_accepted(machine, token))
                })
            }),
            Property::always(WINDOW, |_, state: &State| !state.overflow),
            Property::always(CONNECTS, |model: &Self, state: &State| {
                let losses = model.lost.unwrap_or(0) + state.losses;
                state.connects <= state.tabs.len() as u8 + losses + state.crashes + state.client_crashes
            }),
            Property::always(NOTHING_VANISHES, |model: &Self, state: &State| {
                !model.is_quiet(state) || model.all_is_accounted_for(state)
            }),
            Property::always(ENDS, |model: &Self, state: &State| !model.is_quiet(state) || model.all_is_done(state)),
            Property::sometimes(ARRIVES, |model: &Self, state: &State| {
                let arrived: usize = state.application.log.len();
                model.is_quiet(state) && arrived >= model.client.len()
            }),
        ]
    }

    /// Returns whether the server accepts a HELLO with a token. The other members of the HELLO would resume the session.
    fn is_accepted(&self, machine: &Server<Note>, token: Option<String>) -> bool {
        let snapshot = machine.snapshot();
        let (received, sent) = (machine.acknowledged_number(), snapshot.processed + 9);
        let hello = Hello {
            session: NAME.into(),
            attempt: MAX_NUMBER,
            token,
            sent,
            received,
            processed: received,
            credit: 0,
            max: 100,
            protocol: None,
            credentials: None,
        };
        machine.clone().accept(&hello, presented(&hello), new_token(9, MAX_NUMBER)).is_ok()
    }

    pub(super) fn is_quiet(&self, state: &State) -> bool {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        actions.iter().all(Action::is_fault)
    }

    /// Returns whether each message was taken by the application of the other end, or was reported as lost.
    fn all_is_accounted_for(&self, state: &State) -> bool {
        let server: BTreeSet<_> = state.application.log.iter().map(|(_, id)| *id).collect();
        let tabs_are = state.tabs.iter().enumerate().all(|(index, tab)| {
            let count = tab.application.sent.min(self.client.len()) as u8;
            let begin = if index == 0 { 0 } else { tab.application.sent as u8 };
            let ids = (begin..count).map(|number| FIRST[index] + number);
            // A server with an old copy has forgotten messages that it had acknowledged. Only the loss itself can be reported.
            let is_reported = self.store == Store::Stale && tab.application.losses > 0;
            tab.gone
                || is_reported
                || ids.into_iter().all(|id| server.contains(&id) || tab.application.reported.contains(&id))
        });
        let taken: BTreeSet<_> =
            state.tabs.iter().flat_map(|tab| tab.application.log.iter().map(|(_, id)| *id)).collect();
        let count = state.application.sent.min(self.server.len()) as u8;
        let is_known = |id: u8| taken.contains(&id) || state.application.reported.contains(&id);
        // A server that has lost its memory has lost the messages of its handler.
        let server_is = state.crashes > 0 && self.store != Store::Durable
            || (0..count).all(|number| is_known(SERVER_FIRST + number));
        tabs_are && server_is
    }

    /// Returns whether each session that is not lost is complete or idle.
    fn all_is_done(&self, state: &State) -> bool {
        let is_over = |tab: &Tab| tab.gone || tab.machine.is_over();
        let sent = |tab: &Tab| tab.application.sent == self.count(&self.client);
        if state.tabs.iter().all(|tab| tab.gone || tab.machine.is_lost()) {
            return state.machine.as_ref().is_none_or(|machine| machine.is_complete());
        }
        let Some(machine) = &state.machine else { return state.tabs.iter().all(is_over) };
        if self.ends {
            return machine.is_complete() && state.tabs.iter().all(is_over);
        }
        let live = state.tabs.iter().filter(|tab| !is_over(tab));
        let at_rest =
            |tab: &Tab| sent(tab) && tab.machine.unacknowledged_bytes() == 0 && tab.machine.connection().is_some();
        live.clone().count() == 1
            && live.into_iter().all(at_rest)
            && state.application.sent == self.count(&self.server)
            && machine.unacknowledged_bytes() == 0
            && machine.state().last == LastToken::Dropped
    }
}

/// Returns whether ids increase, and no id is left out within a session.
fn is_in_order(log: &[(u8, u8)]) -> bool {
    log.windows(2).all(|pair| {
        let [(before, first), (after, second)] = pair else { return true };
        let is_other_sender = first / 50 != second / 50;
        second > first && (before != after || is_other_sender || *second == first + 1)
    })
}

//! The possible actions in a state, and the next state after each.

use super::*;

impl stateright::Model for Model {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let machine = self.client(None);
        let stored = machine.snapshot();
        vec![State {
            tabs: vec![Tab { machine, stored, application: Application::default(), gone: false, refused: false }],
            machine: None,
            stored: None,
            stale: None,
            application: Application::default(),
            links: Vec::new(),
            spent: BTreeSet::new(),
            losses: 0,
            crashes: 0,
            client_crashes: 0,
            connects: 0,
            overflow: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for index in 0..state.tabs.len() {
            self.of_tab(state, index, actions);
        }
        self.of_server(state, actions);
        for index in 0..state.links.len() {
            self.of_link(state, index, actions);
        }
        if self.acks != Acks::Last || actions.iter().all(Action::is_fault) {
            let pending = |tab: &Tab| !tab.gone && tab.machine.is_ack_pending();
            actions.extend((0..state.tabs.len()).filter(|index| pending(&state.tabs[*index])).map(Action::Ack));
            let server_is = state.machine.as_ref().is_some_and(|machine| machine.is_ack_pending());
            actions.extend(server_is.then_some(Action::ServerAck));
        }
        self.faults(state, actions);
        if self.lost.is_some() {
            self.reduce(state, actions);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        let state = &mut next;
        match action {
            Action::Connect(tab) => self.connect(state, tab)?,
            Action::Send(tab) | Action::Take(tab) | Action::Process(tab) | Action::Ack(tab) => {
                self.at_tab(state, tab, &action)?;
                self.poll_client(state, tab);
            }
            Action::ServerSend | Action::ServerTake | Action::ServerProcess | Action::ServerAck => {
                self.at_server(state, &action)?;
                self.poll_server(state);
            }
            Action::Up(link) => self.up(state, link),
            Action::Down(link) => self.down(state, link),
            Action::ServerSeesEnd(link) => self.server_sees_end(state, link),
            Action::ClientSeesEnd(link) => {
                state.links[link].down.clear();
                self.client_leaves(state, link);
            }
            Action::Expire => {
                let mut machine = state.machine.take()?;
                machine.forget(LostCause::Expired);
                (state.stored, state.stale) = (None, None);
                self.drop_server(state, machine);
            }
            Action::ClientLoses(link) => {
                state.losses += 1;
                state.links[link].broken = true;
                self.client_leaves(state, link);
            }
            Action::ServerLoses(link) => {
                state.losses += 1;
                state.links[link].broken = true;
                self.server_sees_end(state, link);
            }
            Action::Crash => self.crash(state),
            Action::ClientCrash => self.client_crash(state),
            Action::Duplicate => self.duplicate(state),
        }
        let links = &mut state.links;
        if !self.late {
            links.iter_mut().filter(|link| !link.client_open).for_each(|link| link.down.clear());
        }
        links.retain(|link| link.client_open || link.server_open || !link.up.is_empty() || !link.down.is_empty());
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        Self::all_properties()
    }
}

impl Model {
    fn of_tab(&self, state: &State, index: usize, actions: &mut Vec<Action>) {
        let tab = &state.tabs[index];
        if tab.gone {
            return;
        }
        let is_open = state.links.iter().any(|link| link.tab == index && link.client_open);
        // Twelve connections are enough to see that the client would connect without end.
        if !is_open && !tab.machine.is_over() && !tab.refused && state.connects < 12 {
            actions.push(Action::Connect(index));
        }
        if tab.application.sent < self.count(&self.client) && !tab.machine.is_lost() {
            actions.push(Action::Send(index));
        }
        match tab.application.taken {
            Some(_) => actions.push(Action::Process(index)),
            None => actions.extend(tab.machine.has_items().then_some(Action::Take(index))),
        }
    }

    fn of_server(&self, state: &State, actions: &mut Vec<Action>) {
        let Some(machine) = &state.machine else { return };
        if state.application.sent < self.count(&self.server) {
            actions.push(Action::ServerSend);
        }
        match state.application.taken {
            Some(_) => actions.push(Action::ServerProcess),
            None => actions.extend(machine.has_items().then_some(Action::ServerTake)),
        }
        let is_left = state.tabs.iter().all(|tab| tab.gone || tab.machine.is_over()) && state.links.is_empty();
        if is_left && !machine.is_complete() {
            actions.push(Action::Expire);
        }
    }

    fn of_link(&self, state: &State, index: usize, actions: &mut Vec<Action>) {
        let link = &state.links[index];
        actions.extend((!link.up.is_empty()).then_some(Action::Up(index)));
        actions.extend((!link.down.is_empty()).then_some(Action::Down(index)));
        // On a broken connection, an end may see the loss before frames in flight arrive. These frames are lost.
        if link.server_open && (link.broken || !link.client_open && link.up.is_empty()) {
            actions.push(Action::ServerSeesEnd(index));
        }
        if link.client_open && (link.broken || !link.server_open && link.down.is_empty()) {
            actions.push(Action::ClientSeesEnd(index));
        }
    }

    fn faults(&self, state: &State, actions: &mut Vec<Action>) {
        let links = state.links.iter().enumerate().filter(|_| state.losses < self.losses);
        for (index, link) in links {
            actions.extend(link.client_open.then_some(Action::ClientLoses(index)));
            actions.extend(link.server_open.then_some(Action::ServerLoses(index)));
        }
        if state.crashes < self.crashes && state.stored.is_some() {
            actions.push(Action::Crash);
        }
        if state.client_crashes < self.client_crashes && !state.tabs[0].gone {
            actions.push(Action::ClientCrash);
        }
        if state.tabs.len() <= self.duplicates.into() && !state.tabs[0].machine.is_over() {
            actions.push(Action::Duplicate);
        }
    }

    fn connect(&self, state: &mut State, tab: usize) -> Option<()> {
        let connection = state.tabs[tab].machine.connect(None)?;
        state.connects += 1;
        let (up, down) = Default::default();
        let (client_open, server_open, broken) = (true, true, Some(state.connects) <= self.lost);
        state.links.push(Link { tab, connection, client_open, server_open, broken, hello: None, up, down });
        self.poll_client(state, tab);
        Some(())
    }

    fn at_tab(&self, state: &mut State, tab: usize, action: &Action) -> Option<()> {
        let Tab { machine, application, .. } = &mut state.tabs[tab];
        match action {
            Action::Send(_) => self.send(FIRST[tab], &self.client, &mut application.sent, machine),
            Action::Take(_) => application.take(machine.take()?),
            Action::Process(_) => self.process(state, tab),
            _ => machine.acknowledge(),
        }
        Some(())
    }

    fn at_server(&self, state: &mut State, action: &Action) -> Option<()> {
        let State { machine: Some(machine), application, .. } = state else { return None };
        match action {
            Action::ServerSend => self.send(SERVER_FIRST, &self.server, &mut application.sent, machine),
            Action::ServerTake => application.take(machine.take()?),
            Action::ServerProcess => machine.processed(application.process()?),
            _ => machine.acknowledge(),
        }
        Some(())
    }

    fn client_leaves(&self, state: &mut State, index: usize) {
        let link = &mut state.links[index];
        link.client_open = false;
        let (tab, connection) = (link.tab, link.connection);
        self.client_disconnected(state, tab, connection, None);
    }

    fn server_sees_end(&self, state: &mut State, index: usize) {
        let link = &mut state.links[index];
        link.server_open = false;
        link.up.clear();
        if let Some(machine) = state.machine.as_mut().filter(|_| link.hello.is_some()) {
            machine.disconnected(link.connection, None);
        }
        self.poll_server(state);
    }
}
